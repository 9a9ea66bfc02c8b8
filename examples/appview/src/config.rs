//! Options of the AppView.

use std::{net::SocketAddr, path::PathBuf};

use clap::Parser;
use service_kit::Ops;

/// Reference AppView for app.bsky: consumes a relay's firehose, indexes it into SQLite and
/// answers timelines, threads, profiles.
#[derive(Debug, Clone, Parser)]
#[command(name = "appview", version)]
pub struct Config {
    /// Address of the public HTTP API.
    #[arg(long, env = "APPVIEW_LISTEN", default_value = "127.0.0.1:2584", value_name = "ADDR")]
    pub listen: SocketAddr,
    /// Directory of the database.
    #[arg(long, env = "APPVIEW_DATA", default_value = "data/appview", value_name = "DIR")]
    pub data: PathBuf,
    /// The relay (or single PDS) whose subscribeRepos is indexed.
    #[arg(
        long,
        env = "APPVIEW_RELAY",
        default_value = "http://127.0.0.1:2470",
        value_name = "URL"
    )]
    pub relay: String,
    /// The PLC directory.
    #[arg(
        long,
        env = "APPVIEW_PLC_URL",
        default_value = "https://plc.directory",
        value_name = "URL"
    )]
    pub plc_url: String,
    /// The DID of this service: the audience of the tokens that it accepts.
    #[arg(
        long,
        env = "APPVIEW_DID",
        default_value = "did:web:localhost%3A2584",
        value_name = "DID"
    )]
    pub did: String,
    /// The URL under which clients reach this service; image URLs begin with it.
    #[arg(
        long,
        env = "APPVIEW_PUBLIC_URL",
        default_value = "http://localhost:2584",
        value_name = "URL"
    )]
    pub public_url: String,
    /// Development: resolve handles that end in SUFFIX at URL instead of by DNS and HTTPS.
    #[arg(long, env = "APPVIEW_DEV_HANDLE_HOST", value_name = "SUFFIX=URL", value_parser = suffix_and_url)]
    pub dev_handle_host: Vec<(String, String)>,
    /// Development: let identities and blobs be fetched from loopback, over plain HTTP.
    #[arg(long, env = "APPVIEW_ALLOW_LOOPBACK")]
    pub allow_loopback: bool,
    /// Logs, metrics, health.
    #[command(flatten)]
    pub ops: Ops,
}

fn suffix_and_url(text: &str) -> Result<(String, String), String> {
    let (suffix, url) = text.split_once('=').ok_or("expected SUFFIX=URL")?;
    Ok((suffix.to_owned(), url.to_owned()))
}
