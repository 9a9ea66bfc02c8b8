//! Options of the server: flags, and the environment variables of the reference
//! implementation under their own names.

use std::{net::IpAddr, path::PathBuf, time::Duration};

use atproto_core::syntax::{Did, SyntaxError};
use atproto_xrpc::server::IpRange;
use clap::Parser;
use service_kit::Ops;

/// A personal data server: accounts, their repositories and blobs, and the stream of their
/// changes.
#[derive(Debug, Clone, Parser)]
#[command(name = "pds", version)]
pub struct Config {
    /// Address to listen on.
    #[arg(long, env = "PDS_LISTEN", default_value = "127.0.0.1", value_name = "IP")]
    pub listen: IpAddr,
    /// Port to listen on; 0 takes a free one.
    #[arg(long, env = "PDS_PORT", default_value_t = 2583)]
    pub port: u16,
    /// The host name under which the world reaches this server. `localhost` means http on
    /// the port above; any other name means https.
    #[arg(long, env = "PDS_HOSTNAME", default_value = "localhost", value_name = "NAME")]
    pub hostname: String,
    /// The public URL, where it does not follow from the host name.
    #[arg(long, env = "PDS_PUBLIC_URL", value_name = "URL")]
    pub public_url: Option<String>,
    /// The DID of the server itself [default: did:web of the host name].
    #[arg(long, env = "PDS_SERVICE_DID", value_name = "DID")]
    pub service_did: Option<String>,
    /// Directory of everything that is stored. It holds secrets: keep it to yourself.
    #[arg(
        long = "data",
        env = "PDS_DATA_DIRECTORY",
        default_value = "pds-data",
        value_name = "DIR"
    )]
    pub data_directory: PathBuf,
    /// Directory of the accounts' stores [default: below the data directory].
    #[arg(long, env = "PDS_ACTOR_STORE_DIRECTORY", value_name = "DIR")]
    pub actor_store_directory: Option<PathBuf>,
    /// How many accounts' stores stay open while idle.
    #[arg(long, env = "PDS_ACTOR_STORE_CACHE_SIZE", default_value_t = 256, value_name = "N")]
    pub actor_store_cache_size: usize,
    /// Directory of the blobs [default: below the data directory].
    #[arg(long, env = "PDS_BLOBSTORE_DISK_LOCATION", value_name = "DIR")]
    pub blobstore_directory: Option<PathBuf>,
    /// Largest blob that is taken, in bytes.
    #[arg(long, env = "PDS_BLOB_UPLOAD_LIMIT", default_value_t = 5 * 1024 * 1024, value_name = "BYTES")]
    pub blob_upload_limit: u64,
    /// Bytes of blobs that one account may keep.
    #[arg(long, env = "PDS_BLOB_QUOTA", default_value_t = 10 * 1024 * 1024 * 1024, value_name = "BYTES")]
    pub blob_quota: u64,
    /// Whether accounts that move in may bring their repositories.
    #[arg(
        long,
        env = "PDS_ACCEPTING_REPO_IMPORTS",
        value_parser = clap::builder::BoolishValueParser::new(),
        action = clap::ArgAction::Set, default_value = "true"
    )]
    pub accepting_repo_imports: bool,
    /// Largest repository that is taken in, in bytes.
    #[arg(
        long,
        env = "PDS_MAX_REPO_IMPORT_SIZE",
        default_value_t = 100 * 1024 * 1024,
        value_name = "BYTES"
    )]
    pub max_repo_import_size: usize,
    /// Hours of events that subscribers can go back.
    #[arg(long, env = "PDS_REPO_BACKFILL_HOURS", default_value_t = 72, value_name = "HOURS")]
    pub backfill_hours: u64,
    /// Database jobs at one time [default: four for each processor].
    #[arg(long, env = "PDS_DATABASE_JOBS", value_name = "N")]
    pub database_jobs: Option<usize>,
    /// Whole repositories sent at one time; further requests are asked to come again.
    #[arg(long, env = "PDS_EXPORTS", default_value_t = 32, value_name = "N")]
    pub exports: usize,
    /// For development: other services may be on loopback addresses without TLS.
    #[arg(
        long,
        env = "PDS_DEV_MODE",
        value_parser = clap::builder::BoolishValueParser::new(),
        num_args = 0..=1, default_value = "false", default_missing_value = "true"
    )]
    pub dev_mode: bool,

    /// The directory of did:plc identities.
    #[arg(
        long,
        env = "PDS_DID_PLC_URL",
        default_value = "https://plc.directory",
        value_name = "URL"
    )]
    pub plc_url: String,
    /// Domains under which accounts get their handles, each beginning with a dot; comma
    /// separated [default: below the host name, or `.test` on localhost].
    #[arg(long, env = "PDS_SERVICE_HANDLE_DOMAINS", value_delimiter = ',', value_name = "DOMAINS")]
    pub service_handle_domains: Vec<String>,
    /// The key that signs identities' operations, as 64 hex digits [default: made once and
    /// kept in the data directory].
    #[arg(
        long,
        env = "PDS_PLC_ROTATION_KEY_K256_PRIVATE_KEY_HEX",
        hide_env_values = true,
        value_name = "HEX"
    )]
    pub plc_rotation_key: Option<String>,
    /// A did:key that gets the highest authority over new identities, for recovery.
    #[arg(long, env = "PDS_RECOVERY_DID_KEY", value_name = "DID_KEY")]
    pub recovery_key: Option<String>,

    /// The secret that signs sessions [default: made once and kept in the data directory].
    #[arg(long, env = "PDS_JWT_SECRET", hide_env_values = true, value_name = "SECRET")]
    pub jwt_secret: Option<String>,
    /// The operator's password. Without one nobody is admin.
    #[arg(long, env = "PDS_ADMIN_PASSWORD", hide_env_values = true, value_name = "PASSWORD")]
    pub admin_password: Option<String>,
    /// Whether new accounts need an invite code.
    #[arg(
        long,
        env = "PDS_INVITE_REQUIRED",
        value_parser = clap::builder::BoolishValueParser::new(),
        num_args = 0..=1, default_value = "false", default_missing_value = "true"
    )]
    pub invite_required: bool,
    /// Whether requests are limited for each client address and account.
    #[arg(
        long,
        env = "PDS_RATE_LIMITS_ENABLED",
        value_parser = clap::builder::BoolishValueParser::new(),
        num_args = 0..=1, default_value = "false", default_missing_value = "true"
    )]
    pub rate_limits_enabled: bool,
    /// Addresses of proxies whose X-Forwarded-For is believed; comma separated.
    #[arg(long, env = "PDS_TRUSTED_PROXIES", value_delimiter = ',', value_name = "RANGES")]
    pub trusted_proxies: Vec<IpRange>,

    /// The AppView that answers what this server does not.
    #[arg(long, env = "PDS_BSKY_APP_VIEW_URL", value_name = "URL")]
    pub appview_url: Option<String>,
    /// The AppView's DID.
    #[arg(long, env = "PDS_BSKY_APP_VIEW_DID", value_name = "DID")]
    pub appview_did: Option<String>,
    /// Where reports go.
    #[arg(long, env = "PDS_REPORT_SERVICE_URL", value_name = "URL")]
    pub report_url: Option<String>,
    /// The report service's DID.
    #[arg(long, env = "PDS_REPORT_SERVICE_DID", value_name = "DID")]
    pub report_did: Option<String>,
    /// The moderation service.
    #[arg(long, env = "PDS_MOD_SERVICE_URL", value_name = "URL")]
    pub mod_url: Option<String>,
    /// The moderation service's DID.
    #[arg(long, env = "PDS_MOD_SERVICE_DID", value_name = "DID")]
    pub mod_did: Option<String>,
    /// Relays that are asked to crawl this server at its start; comma separated URLs.
    #[arg(long, env = "PDS_CRAWLERS", value_delimiter = ',', value_name = "URLS")]
    pub crawlers: Vec<String>,
    /// Client ids of apps whose name and home page users are shown; comma separated. Of others
    /// they see the client id alone.
    #[arg(long, env = "PDS_OAUTH_TRUSTED_CLIENTS", value_delimiter = ',', value_name = "URLS")]
    pub oauth_trusted_clients: Vec<String>,
    /// Shown by describeServer.
    #[arg(long, env = "PDS_PRIVACY_POLICY_URL", value_name = "URL")]
    pub privacy_policy_url: Option<String>,
    /// Shown by describeServer.
    #[arg(long, env = "PDS_TERMS_OF_SERVICE_URL", value_name = "URL")]
    pub terms_of_service_url: Option<String>,
    /// Shown by describeServer.
    #[arg(long, env = "PDS_CONTACT_EMAIL_ADDRESS", value_name = "ADDRESS")]
    pub contact_email: Option<String>,

    /// Operational options.
    #[command(flatten)]
    pub ops: Ops,
}

impl Config {
    /// The public URL, without a slash at the end.
    pub fn public_url(&self) -> String {
        match &self.public_url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None if self.is_local() => format!("http://localhost:{}", self.port),
            None => format!("https://{}", self.hostname),
        }
    }

    /// The server's own DID.
    pub fn service_did(&self) -> Result<Did, SyntaxError> {
        match &self.service_did {
            Some(did) => Did::new(did),
            None => Did::new(format!("did:web:{}", self.hostname)),
        }
    }

    /// The domains of handles, each with its leading dot.
    pub fn handle_domains(&self) -> Vec<String> {
        if !self.service_handle_domains.is_empty() {
            return self.service_handle_domains.clone();
        }
        vec![if self.is_local() { ".test".to_owned() } else { format!(".{}", self.hostname) }]
    }

    /// Where the accounts' stores are.
    pub fn actors(&self) -> PathBuf {
        self.actor_store_directory.clone().unwrap_or_else(|| self.data_directory.join("actors"))
    }

    /// Where the blobs are.
    pub fn blobs(&self) -> PathBuf {
        self.blobstore_directory.clone().unwrap_or_else(|| self.data_directory.join("blobs"))
    }

    /// How long events are kept for replay.
    pub fn backfill(&self) -> Duration {
        Duration::from_secs(self.backfill_hours.saturating_mul(3600))
    }

    /// How many database jobs run at one time.
    pub fn database_jobs(&self) -> usize {
        self.database_jobs.unwrap_or_else(|| {
            4 * std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
        })
    }

    /// The name under which relays find this server.
    pub fn crawl_hostname(&self) -> String {
        if self.is_local() { format!("localhost:{}", self.port) } else { self.hostname.clone() }
    }

    fn is_local(&self) -> bool {
        self.hostname == "localhost"
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::Config;

    #[test]
    fn the_command_line_is_sound() {
        Config::command().debug_assert();
    }

    #[test]
    fn names_follow_from_the_host_name() {
        let local = Config::parse_from(["pds", "--port", "99"]);
        assert_eq!(local.public_url(), "http://localhost:99");
        assert_eq!(local.handle_domains(), [".test"]);
        let public = Config::parse_from(["pds", "--hostname", "pds.example.com"]);
        assert_eq!(public.public_url(), "https://pds.example.com");
        assert_eq!(public.service_did().unwrap().as_str(), "did:web:pds.example.com");
        assert_eq!(public.handle_domains(), [".pds.example.com"]);
    }

    #[test]
    fn every_variable_of_the_reference_is_read() {
        let command = Config::command();
        let known: Vec<_> = command.get_arguments().filter_map(|arg| arg.get_env()).collect();
        for name in [
            "PDS_PORT",
            "PDS_HOSTNAME",
            "PDS_DATA_DIRECTORY",
            "PDS_DID_PLC_URL",
            "PDS_ADMIN_PASSWORD",
            "PDS_JWT_SECRET",
            "PDS_SERVICE_HANDLE_DOMAINS",
            "PDS_INVITE_REQUIRED",
            "PDS_BLOB_UPLOAD_LIMIT",
            "PDS_RATE_LIMITS_ENABLED",
            "PDS_PLC_ROTATION_KEY_K256_PRIVATE_KEY_HEX",
            "PDS_RECOVERY_DID_KEY",
            "PDS_BSKY_APP_VIEW_URL",
            "PDS_BSKY_APP_VIEW_DID",
        ] {
            assert!(known.iter().any(|env| *env == name), "{name}");
        }
    }
}
