//! The reference personal data server: accounts, their repositories and blobs, and the
//! stream of their changes.
//!
//! A write goes through these modules:
//!
//! ```text
//! repo/create_record ─▶ repo/prepare ─▶ store/commit ─▶ sequencer ─▶ sync/subscribe_repos
//!   who, what            is it valid?    one SQLite      number,      frames to
//!                                        transaction     fsync        subscribers
//! ```
//!
//! | module | what |
//! |---|---|
//! | [`config`] | options and environment |
//! | [`app`] | what all requests share; opening and recovery |
//! | [`api`] | the routes |
//! | [`accounts`], [`auth`], [`access`], [`identity`], [`secrets`] | who is who, and who may |
//! | [`oauth`] | apps that ask for access, and the pages on which users answer |
//! | [`creation`], `deletion` | the beginning and the end of an account |
//! | [`handles`], [`passwords`], [`attempts`], [`limits`] | what is granted and how often |
//! | [`proxy`] | what other services answer |
//! | [`availability`] | the gate in front of an account's data |
//! | [`store`] | one SQLite file per account |
//! | [`blobs`] | the bytes of blobs |
//! | [`sequencer`] | from the accounts' outboxes to the one log |
//! | `repo`, `sync`, `server`, `admin`, `preferences` | the endpoints, one a file |
//! | [`database`], [`shard`] | SQLite and paths |
//!
//! Never is anything acknowledged before it is committed; never is an event sent before it
//! is durable under its number; never does bad input change anything.

#![allow(
    clippy::redundant_closure_for_method_calls,
    reason = "methods of `View` are not general enough in its lifetime to stand for closures"
)]

pub mod access;
pub mod accounts;
mod admin;
pub mod api;
pub mod app;
pub mod attempts;
pub mod auth;
pub mod availability;
pub mod blobs;
pub mod config;
mod counters;
mod crawlers;
pub mod creation;
pub mod database;
mod deletion;
mod error;
pub mod handles;
pub mod identity;
pub mod limits;
pub mod oauth;
mod page;
pub mod passwords;
mod preferences;
pub mod proxy;
mod repo;
pub mod secrets;
pub mod sequencer;
mod server;
pub mod shard;
pub mod store;
mod sync;
mod well_known;

use std::{ffi::OsString, process::ExitCode, sync::Arc, time::Duration};

use anyhow::Context as _;
use atproto_xrpc::server::{ServeConfig, serve};
use clap::Parser;
use service_kit::Service;
use tokio::net::TcpListener;

use crate::{app::App, config::Config};

/// How often gauges are set.
const OBSERVE: Duration = Duration::from_secs(5);

/// Runs the server with these arguments, the program's name first, until it is told to end.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let config = match Config::try_parse_from(args) {
        Ok(config) => config,
        Err(error) => {
            // Help and version come this way too. Nothing can be done if it cannot be shown.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let service = Service { name: "pds", version: env!("CARGO_PKG_VERSION") };
    let ops = config.ops.clone();
    service_kit::run(&service, &ops, |context| host(config, context))
}

async fn host(mut config: Config, context: service_kit::Context) -> anyhow::Result<()> {
    let address = (config.listen, config.port);
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {}:{}", address.0, address.1))?;
    config.port = listener.local_addr()?.port();
    let app = App::open(config).await?;
    context.health.probe("sequencer", {
        let app = Arc::clone(&app);
        move || app.sequencing()
    });
    tokio::spawn(observe(Arc::clone(&app)));
    tokio::spawn(crawlers::run(Arc::clone(&app)));
    tokio::spawn(oauth::expire(Arc::clone(&app)));
    tracing::info!(listen = %listener.local_addr()?, url = app.config.public_url(), "serving");
    let router = api::router(&app, &context.shutdown);
    let shutdown = context.shutdown.clone();
    serve(listener, router, ServeConfig::default(), async move { shutdown.requested().await })
        .await?;
    app.close().await;
    Ok(())
}

async fn observe(app: Arc<App>) {
    let mut ticks = tokio::time::interval(OBSERVE);
    loop {
        ticks.tick().await;
        app.observe();
    }
}
