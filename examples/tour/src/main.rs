//! Short programs that show the libraries at work, each in a file of its own.

mod call;
mod generated;
mod records;
mod repository;
mod serve;
mod write;

use atproto_core::syntax::AtUri;
use clap::Parser;

/// Runs one of the programs
#[derive(Parser)]
#[command(name = "tour", version)]
enum Tour {
    /// Calls a service: reads a record, then the whole collection that it is in
    Call {
        /// The host of the account, for example https://pds.example.com
        service: String,
        /// `at://ACCOUNT/COLLECTION/RKEY`
        record: AtUri,
    },
    /// Logs in and writes a post
    Write {
        /// The host of the account
        service: String,
        /// Handle or DID
        account: String,
        /// Best an app password
        #[arg(long, env = "TOUR_PASSWORD", hide_env_values = true)]
        password: String,
    },
    /// Makes a repository, writes a post to it, and checks its archive
    Repository,
    /// Reads records of any kind, and loses none
    Records,
    /// Uses a type generated from a lexicon of one's own
    Generated,
    /// Serves three endpoints by type, and calls them
    Serve,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    match Tour::parse() {
        Tour::Call { service, record } => call::run(&service, &record).await,
        Tour::Write { service, account, password } => {
            write::run(&service, &account, &password).await
        }
        Tour::Repository => repository::run(),
        Tour::Records => records::run(),
        Tour::Generated => generated::run(),
        Tour::Serve => serve::run().await,
    }
}
