//! Reference AppView for app.bsky.
//!
//! A single writer consumes a relay's firehose and indexes it into SQLite: in one transaction
//! the records, the views derived from them, and the consumer's checkpoint. The HTTP API reads
//! snapshots of the same database and hydrates them for whoever asks.
//!
//! | module | owns |
//! |---|---|
//! | [`config`] | options and environment |
//! | `app` | what the parts share |
//! | `store` | the database |
//! | `index` | from events to rows |
//! | `resync` | repos fetched whole when something is missing |
//! | `identity` | proven handles |
//! | `query` | from rows to pages |
//! | `hydrate` | from rows to the lexicons' views |
//! | `api` | the HTTP API |

pub mod config;

mod api;
mod app;
mod hydrate;
mod identity;
mod index;
mod query;
mod resync;
mod store;

use std::{ffi::OsString, process::ExitCode, sync::Arc};

use anyhow::Context as _;
use atproto_core::lexicon::ValidationOptions;
use atproto_xrpc::server::{RouterConfig, ServeConfig, serve};
use clap::Parser;
use service_kit::{Context, Numbers, Service};
use tokio::net::TcpListener;

use crate::{app::App, config::Config, identity::Identities, index::Indexer, resync::Resyncer};

/// Runs the AppView with the given command line until it is told to stop.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let config = Config::parse_from(args);
    let service = Service { name: "appview", version: env!("CARGO_PKG_VERSION") };
    let ops = config.ops.clone();
    service_kit::run(&service, &ops, |context| start(config, context))
}

async fn start(config: Config, context: Context) -> anyhow::Result<()> {
    context.health.set("store", Err("not open yet".to_owned()));
    context.health.set("ingest", Err("not started yet".to_owned()));
    let app = App::open(&config)?;
    let store = app.store.clone();
    context.health.probe("store", move || store.state());
    let identities = Identities {
        store: app.store.clone(),
        resolver: Arc::clone(&app.resolver),
        wake: Arc::clone(&app.identities),
    };
    let searching = tokio::spawn(identities.run(context.shutdown.clone()));
    let lexicons = atproto_lexicons::catalog();
    // What is on the network was written by software of every age.
    let catalog = Arc::new(lexicons.clone().options(ValidationOptions::LENIENT));
    let decoded = Arc::clone(&catalog);
    Numbers::new("atproto_lexicon_records", "the decoder of records")
        .publish(move || (decoded.stats().counters(), []));
    let resyncer = Resyncer { app: Arc::clone(&app), catalog: Arc::clone(&catalog) };
    let resyncing = tokio::spawn(resyncer.run(context.shutdown.clone()));
    let indexer =
        Indexer::open(Arc::clone(&app), Arc::clone(&catalog), &config.relay, &context.health)
            .await?;
    let indexing = tokio::spawn(watch(indexer.run(context.shutdown.clone()), context.clone()));

    let listener = TcpListener::bind(config.listen)
        .await
        .with_context(|| format!("cannot listen on {}", config.listen))?;
    tracing::info!(address = %listener.local_addr()?, did = %app.did, "serving");
    let mut routes = RouterConfig::default().continue_trace(service_kit::extract);
    routes.catalog = Some(Arc::new(lexicons));
    let router =
        api::router(&app, routes).layer(axum::middleware::from_fn(service_kit::http::observe));
    let shutdown = context.shutdown.clone();
    serve(listener, router, ServeConfig::default(), async move { shutdown.requested().await })
        .await?;
    searching.await?;
    resyncing.await?;
    indexing.await?
}

/// A server that no longer indexes must not look healthy: it ends, and says why.
async fn watch(
    indexing: impl Future<Output = anyhow::Result<()>>,
    context: Context,
) -> anyhow::Result<()> {
    let result = indexing.await;
    context.shutdown.request();
    result
}
