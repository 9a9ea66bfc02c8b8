//! A small did:plc directory.
//!
//! It accepts signed operations, keeps them for good, and serves the documents, logs and
//! exports that follow from them, with the JSON and the status codes of the public directory.
//! The rules themselves are those of [`atproto_core::identity::plc`]; here is what a server
//! adds to them:
//!
//! | Module | Content |
//! |---|---|
//! | [`config`] | the command line |
//! | [`store`] | the operations of all identities, in one durable file |
//! | [`directory`] | the way of an operation into the store |
//! | [`api`] | HTTP |

pub mod api;
pub mod config;
pub mod directory;
pub mod store;

use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use clap::Parser as _;
use config::Args;
use directory::Directory;
use service_kit::{Context, Service};
use store::Store;
use tokio::net::TcpListener;

/// Runs the directory as the command line says, until it is asked to end.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args = match Args::try_parse_from(args) {
        Ok(args) => args,
        Err(error) => {
            // A help text is not a failure; the error knows where each belongs.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let service = Service { name: "plc", version: env!("CARGO_PKG_VERSION") };
    let ops = args.ops.clone();
    service_kit::run(&service, &ops, |context| start(args, context))
}

async fn start(args: Args, context: Context) -> anyhow::Result<()> {
    let store = Store::open(&args.data)
        .with_context(|| format!("cannot open the directory's data in {}", args.data.display()))?;
    let directory = Arc::new(Directory::new(store, args.rate_limits()));
    let probed = Arc::clone(&directory);
    context
        .health
        .probe("store", move || probed.store().check().map_err(|error| error.to_string()));
    let listener = TcpListener::bind(args.listen)
        .await
        .with_context(|| format!("cannot listen on {}", args.listen))?;
    tracing::info!(address = %listener.local_addr()?, "directory open");
    serve(directory, listener, async move { context.shutdown.requested().await }).await
}

/// Serves a directory until `end` completes, then finishes the requests under way.
pub async fn serve(
    directory: Arc<Directory>,
    listener: TcpListener,
    end: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<()> {
    axum::serve(listener, api::router(directory)).with_graceful_shutdown(end).await?;
    Ok(())
}
