//! The reference servers on one machine, and a post that travels through them.

mod args;
mod demo;
mod hops;
mod layout;
mod network;
mod role;
mod scrape;
mod screen;
mod server;

use std::{process::ExitCode, time::Duration};

use anyhow::Context;
use clap::Parser;

use crate::{args::Args, layout::Layout, network::Network, screen::Screen};

/// How often the servers are looked after and the table is drawn.
const TICK: Duration = Duration::from_millis(500);

fn main() -> ExitCode {
    if let Some(code) = role::take(std::env::args_os()) {
        return code;
    }
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("stack: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> anyhow::Result<()> {
    // A second installation in one process is harmless: the first stays.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let temporary = match &args.data {
        Some(_) => None,
        None => Some(tempfile::Builder::new().prefix("atproto-stack-").tempdir()?),
    };
    let data = temporary.as_ref().map(tempfile::TempDir::path).or(args.data.as_deref());
    let layout = Layout::open(data.context("a directory was chosen")?, args)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let result = runtime.block_on(show(layout, args));
    if let (Err(_), Some(directory)) = (&result, temporary) {
        // The logs say what went wrong, so they outlive the failure.
        eprintln!("stack: data and logs are kept in {}", directory.keep().display());
    }
    result
}

async fn show(layout: Layout, args: &Args) -> anyhow::Result<()> {
    let mut screen = Screen::new(&layout, args.data.is_some());
    let network = tokio::select! {
        network = Network::start(layout.clone()) => network?,
        _ = tokio::signal::ctrl_c() => return Ok(()),
    };
    let result = watch(network, &layout, args, &mut screen).await;
    result.inspect(|()| screen.say("all servers have drained and ended"))
}

async fn watch(
    mut network: Network,
    layout: &Layout,
    args: &Args,
    screen: &mut Screen,
) -> anyhow::Result<()> {
    network.tend().await?;
    screen.draw(&network);
    let mut result = Ok(());
    if !args.no_demo {
        result = demo::run(layout, &mut |news| screen.tell(news)).await;
        match &result {
            Ok(()) => screen.success(),
            Err(error) => screen.failure(error),
        }
        network.tend().await?;
        screen.draw(&network);
    }
    if !args.exit {
        screen.invite();
        stay(&mut network, screen).await?;
        result = Ok(());
    }
    screen.say("draining the servers ...");
    network.stop().await?;
    result.context("the demonstration failed")
}

/// Looks after the servers until the user has seen enough.
async fn stay(network: &mut Network, screen: &mut Screen) -> anyhow::Result<()> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    let mut ticks = tokio::time::interval(TICK);
    loop {
        tokio::select! {
            _ = ticks.tick() => {
                network.tend().await?;
                screen.draw(network);
            }
            _ = tokio::signal::ctrl_c() => return Ok(()),
            _ = terminate.recv() => return Ok(()),
        }
    }
}
