//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;

use crate::ingest::IngestOptions;

/// Reference relay: verifies the streams of many hosts and serves them as one.
///
/// All state is in one directory: a segmented event log and one SQLite file that is a view of
/// it. Hosts ask for being crawled with com.atproto.sync.requestCrawl.
#[derive(Debug, Clone, Parser)]
#[command(name = "relay", version)]
pub struct Args {
    /// Address to serve on; port 0 takes a free one.
    #[arg(long, env = "RELAY_LISTEN", default_value = "127.0.0.1:2470", value_name = "ADDR")]
    pub listen: SocketAddr,
    /// Directory of the data, made if it does not exist.
    #[arg(long, env = "RELAY_DATA", default_value = "relay-data", value_name = "DIR")]
    pub data: PathBuf,
    /// The did:plc directory.
    #[arg(
        long,
        env = "RELAY_PLC_URL",
        default_value = "https://plc.directory",
        value_name = "URL"
    )]
    pub plc_url: String,
    /// Development: hosts may have ports, are then spoken to in plain HTTP, and may be on this
    /// machine or in a private network.
    #[arg(long, env = "RELAY_ALLOW_INSECURE_HOSTS")]
    pub allow_insecure_hosts: bool,
    /// Hosts to subscribe to from the start, beside those that ask for it; comma separated.
    #[arg(long, env = "RELAY_HOSTS", value_delimiter = ',', value_name = "HOSTS")]
    pub hosts: Vec<String>,
    /// Hours for which events can be replayed.
    #[arg(
        long,
        env = "RELAY_REPLAY_WINDOW",
        default_value_t = 72,
        value_parser = clap::value_parser!(u64).range(1..=8_760),
        value_name = "HOURS"
    )]
    pub replay_window: u64,
    /// The most bytes of log; older events go first. Without limit if it is not given.
    #[arg(long, env = "RELAY_REPLAY_BYTES", value_name = "BYTES")]
    pub replay_bytes: Option<u64>,
    /// Password of the user `admin` on /admin; without one those paths are closed.
    #[arg(long, env = "RELAY_ADMIN_PASSWORD", hide_env_values = true, value_name = "PASSWORD")]
    pub admin_password: Option<String>,
    /// What is admitted and how much waits.
    #[command(flatten)]
    pub limits: Limits,
    /// What every server has.
    #[command(flatten)]
    pub ops: service_kit::Ops,
}

/// What is admitted and how much waits.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Limits")]
pub struct Limits {
    /// Hosts that may become known within a day by asking for it.
    #[arg(long, env = "RELAY_NEW_HOSTS_PER_DAY", default_value_t = 50, value_name = "COUNT")]
    pub new_hosts_per_day: u32,
    /// Requests to be crawled that one client address may make in an hour.
    #[arg(long, env = "RELAY_CRAWL_REQUESTS", default_value_t = 60, value_name = "COUNT")]
    pub crawl_requests: u32,
    /// Accounts of a host that is not trusted; events of further ones are refused.
    #[arg(long, env = "RELAY_ACCOUNT_LIMIT", default_value_t = 100, value_name = "COUNT")]
    pub account_limit: u64,
    /// Domains whose hosts are trusted with many accounts and events; comma separated. Hosts
    /// of this machine are trusted where they are allowed at all.
    #[arg(
        long,
        env = "RELAY_TRUSTED_DOMAINS",
        value_delimiter = ',',
        default_value = "host.bsky.network",
        value_name = "DOMAINS"
    )]
    pub trusted_domains: Vec<String>,
    /// Events of one host that are checked at the same time.
    #[arg(long, env = "RELAY_HOST_CONCURRENCY", default_value_t = 32, value_name = "COUNT")]
    pub host_concurrency: usize,
    /// Bytes of one host's events that may wait in memory; when they do, its socket is not
    /// read any more.
    #[arg(long, env = "RELAY_HOST_BUFFER", default_value_t = 4 << 20, value_name = "BYTES")]
    pub host_buffer: usize,
    /// Seconds that an event may wait for an identity that cannot be resolved.
    #[arg(long, env = "RELAY_IDENTITY_WAIT", default_value_t = 600, value_name = "SECONDS")]
    pub identity_wait: u64,
    /// Milliseconds between two looks past the identity cache for one account, which senders of
    /// falsehoods could otherwise cause at will.
    #[arg(
        long,
        env = "RELAY_IDENTITY_REFRESH",
        default_value_t = 1_000,
        value_name = "MILLISECONDS"
    )]
    pub identity_refresh: u64,
    /// Subscribers at a time.
    #[arg(long, env = "RELAY_SUBSCRIBERS", default_value_t = 4_096, value_name = "COUNT")]
    pub subscribers: usize,
    /// Bytes that a subscriber may fall behind before it is told so and cut off.
    #[arg(long, env = "RELAY_SUBSCRIBER_LAG", default_value_t = 256 << 20, value_name = "BYTES")]
    pub subscriber_lag: u64,
}

impl Args {
    /// For how long events can be replayed.
    pub fn window(&self) -> Duration {
        Duration::from_secs(self.replay_window * 3_600)
    }
}

impl Limits {
    /// How events are judged.
    pub fn ingest(&self) -> IngestOptions {
        IngestOptions {
            patience: Duration::from_secs(self.identity_wait),
            refresh: Duration::from_millis(self.identity_refresh),
            account_limit: self.account_limit,
        }
    }
}
