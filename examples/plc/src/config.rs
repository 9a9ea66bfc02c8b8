//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Parser;

use crate::directory::RateLimits;

/// A small did:plc directory.
///
/// Accepts signed did:plc operations, keeps them in one SQLite file, and serves documents,
/// logs and exports like the public directory. Meant for development and for networks of
/// one's own; it does not mirror, and there is no limit by client address.
#[derive(Debug, Clone, Parser)]
#[command(name = "plc", version)]
pub struct Args {
    /// Address to serve on; port 0 takes a free one.
    #[arg(long, env = "PLC_LISTEN", default_value = "127.0.0.1:2582", value_name = "ADDR")]
    pub listen: SocketAddr,
    /// Directory of the data, made if it does not exist.
    #[arg(long, env = "PLC_DATA", default_value = "plc-data", value_name = "DIR")]
    pub data: PathBuf,
    /// Operations of one identity within an hour; 0 is without limit. Recoveries are exempt.
    #[arg(long, env = "PLC_HOURLY_LIMIT", default_value_t = 10, value_name = "COUNT")]
    pub hourly_limit: usize,
    /// Operations of one identity within a day; 0 is without limit. Recoveries are exempt.
    #[arg(long, env = "PLC_DAILY_LIMIT", default_value_t = 30, value_name = "COUNT")]
    pub daily_limit: usize,
    /// Operations of one identity within a week; 0 is without limit. Recoveries are exempt.
    #[arg(long, env = "PLC_WEEKLY_LIMIT", default_value_t = 100, value_name = "COUNT")]
    pub weekly_limit: usize,
    /// What every server has.
    #[command(flatten)]
    pub ops: service_kit::Ops,
}

impl Args {
    /// The limits of operations.
    pub fn rate_limits(&self) -> RateLimits {
        let limit = |count: usize| (count > 0).then_some(count);
        RateLimits {
            hour: limit(self.hourly_limit),
            day: limit(self.daily_limit),
            week: limit(self.weekly_limit),
        }
    }
}
