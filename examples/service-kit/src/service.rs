//! The frame around a server's own work.

use std::{future::Future, process::ExitCode, time::Duration};

use anyhow::Context as _;
use tokio::{net::TcpListener, time};

use crate::{Health, Ops, Shutdown, admin, lifecycle, metrics::Metrics, telemetry::Telemetry};

/// How often histograms are folded, so that an unscraped process does not grow.
const UPKEEP: Duration = Duration::from_secs(5);

/// Who a server is.
#[derive(Debug, Clone)]
pub struct Service {
    /// Its short name: `pds`, `relay`, …; it labels every log line, span and metric.
    pub name: &'static str,
    /// Its version.
    pub version: &'static str,
}

/// What a server's own work is given.
#[derive(Debug, Clone)]
pub struct Context {
    /// Says when to drain.
    pub shutdown: Shutdown,
    /// Takes the conditions that `/readyz` shows.
    pub health: Health,
}

/// Runs a server: telemetry and the admin port come up first, then `work` runs until it
/// returns. After SIGTERM or SIGINT it is asked to drain and given [`Ops::drain_seconds`].
///
/// The exit code is 0 after an orderly end, 1 when `work` fails or overruns the drain.
pub fn run<F, Fut>(service: &Service, ops: &Ops, work: F) -> ExitCode
where
    F: FnOnce(Context) -> Fut,
    Fut: Future<Output = anyhow::Result<()>>,
{
    match start(service, ops, work) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The subscriber may not exist yet; standard error always does.
            eprintln!("{}: {error:#}", service.name);
            ExitCode::FAILURE
        }
    }
}

fn start<F, Fut>(service: &Service, ops: &Ops, work: F) -> anyhow::Result<()>
where
    F: FnOnce(Context) -> Fut,
    Fut: Future<Output = anyhow::Result<()>>,
{
    // A second installation in one process is harmless: the first stays.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let telemetry = Telemetry::start(service, ops)?;
    let metrics = Metrics::install(service)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let result = runtime.block_on(supervise(service, ops, metrics, work));
    runtime.shutdown_timeout(Duration::from_secs(1));
    if let Err(error) = &result {
        tracing::error!(error.message = %format_args!("{error:#}"), "ended with an error");
    }
    telemetry.finish();
    result
}

async fn supervise<F, Fut>(
    service: &Service,
    ops: &Ops,
    metrics: Metrics,
    work: F,
) -> anyhow::Result<()>
where
    F: FnOnce(Context) -> Fut,
    Fut: Future<Output = anyhow::Result<()>>,
{
    let context = Context { shutdown: Shutdown::default(), health: Health::default() };
    let listener = TcpListener::bind(ops.admin_listen)
        .await
        .with_context(|| format!("cannot listen for the admin port on {}", ops.admin_listen))?;
    tracing::info!(admin = %listener.local_addr()?, "admin port open");
    let router = admin::router(service, context.health.clone(), metrics.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    tokio::spawn(async move {
        let mut ticks = time::interval(UPKEEP);
        loop {
            ticks.tick().await;
            metrics.upkeep();
        }
    });

    let shutdown = context.shutdown.clone();
    let work = work(context);
    tokio::pin!(work);
    tokio::select! {
        result = &mut work => return result,
        signal = lifecycle::signal() => tracing::info!(signal = signal?, "draining"),
    }
    shutdown.request();
    match time::timeout(ops.drain_deadline(), work).await {
        Ok(result) => result.inspect(|()| tracing::info!("drained")),
        Err(_) => anyhow::bail!("the drain took longer than {} s", ops.drain_seconds),
    }
}
