//! A relay: subscribes to many hosts, checks what they send, and serves it as one stream.
//!
//! Each event takes the same way:
//!
//! ```text
//! host ─▶ hosts::session ─▶ ingest ─▶ sequencer ─▶ log (fsync) ─▶ subscribers
//!          one socket,      is it      appends,        └─▶ store: what is known of
//!          lanes by DID     true?      then settles        accounts and hosts
//! ```
//!
//! - [`config`]: the command line;
//! - [`app`]: what is shared, and the order of start and end;
//! - [`hostname`], [`hosts`]: who is subscribed to, and the sockets;
//! - [`ingest`]: what becomes of one event;
//! - [`sequencer`]: the one task through which everything durable goes;
//! - [`change`]: what an event changes, and how the log names it;
//! - [`store`]: accounts and hosts in one SQLite file, a view of the log;
//! - [`api`](mod@api): HTTP.
//!
//! Invariants:
//! - never is an event forwarded whose signature, proof and host were not checked;
//! - never does the store know of an event that is not durable in the log: a crash between
//!   the two is repaired by reading the log from where the store stopped;
//! - never is an event dropped without being counted under a reason;
//! - never does one host's flood, silence or falsehood delay another host.

pub mod api;
pub mod app;
pub mod change;
mod clock;
pub mod config;
pub mod hostname;
pub mod hosts;
pub mod ingest;
mod locks;
mod metrics;
pub mod sequencer;
pub mod store;
mod takedowns;

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::Context as _;
use app::App;
use atproto_xrpc::server::{ServeConfig, serve};
use clap::Parser as _;
use config::Args;
use service_kit::{Context, Service};
use tokio::net::TcpListener;

/// Runs the relay as the command line says, until it is asked to end.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args = match Args::try_parse_from(args) {
        Ok(args) => args,
        Err(error) => {
            // A help text is not a failure; the error knows where each belongs.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let service = Service { name: "relay", version: env!("CARGO_PKG_VERSION") };
    let ops = args.ops.clone();
    service_kit::run(&service, &ops, |context| start(args, context))
}

async fn start(args: Args, context: Context) -> anyhow::Result<()> {
    metrics::describe();
    let listener = TcpListener::bind(args.listen)
        .await
        .with_context(|| format!("cannot listen on {}", args.listen))?;
    let app = App::open(args).await?;
    app.watch(&context.health);
    tracing::info!(address = %listener.local_addr()?, "relay open");
    let router = api::router(&app, context.shutdown.token());
    let end = async {
        tokio::select! {
            () = context.shutdown.requested() => {}
            () = app.failed() => context.shutdown.request(),
        }
    };
    serve(listener, router, ServeConfig::default(), end).await?;
    app.close().await
}
