//! The options that every server has.

use std::{net::SocketAddr, time::Duration};

use clap::{Args, ValueEnum};

/// Operational options; flatten them into a server's own with `#[command(flatten)]`.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Operations")]
pub struct Ops {
    /// Address of /metrics, /healthz and /readyz; port 0 takes a free one.
    #[arg(long, env = "ADMIN_LISTEN", default_value = "127.0.0.1:0", value_name = "ADDR")]
    pub admin_listen: SocketAddr,
    /// Form of the log lines on standard error.
    #[arg(long, env = "LOG_FORMAT", value_enum, default_value_t = LogFormat::Json)]
    pub log_format: LogFormat,
    /// What to log, as a tracing filter: `info`, `debug`, `atproto_firehose=debug,info`, …
    #[arg(long, env = "LOG_FILTER", default_value = "info", value_name = "FILTER")]
    pub log_filter: String,
    /// Send traces to this OTLP collector over HTTP, for example `http://127.0.0.1:4318`.
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT", value_name = "URL")]
    pub otlp_endpoint: Option<String>,
    /// Seconds that a drain may take after SIGTERM before the process ends anyway.
    #[arg(long, env = "DRAIN_SECONDS", default_value_t = 20, value_name = "SECONDS")]
    pub drain_seconds: u64,
}

impl Ops {
    /// How long a drain may take.
    pub fn drain_deadline(&self) -> Duration {
        Duration::from_secs(self.drain_seconds)
    }
}

impl Default for Ops {
    fn default() -> Self {
        Self {
            admin_listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            log_format: LogFormat::Json,
            log_filter: "info".to_owned(),
            otlp_endpoint: None,
            drain_seconds: 20,
        }
    }
}

/// Form of the log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// One JSON object a line, for collectors.
    Json,
    /// One short line an event, for people.
    Text,
}
