//! Short programs that show the libraries at work, each in a file of its own.

mod call;
mod consume;
mod generated;
mod login;
mod records;
mod repository;
mod serve;
mod testkit;
mod track;
mod write;

use atproto_core::syntax::AtUri;
use clap::Parser;

/// Runs one of the programs
#[derive(Parser)]
#[command(name = "tour", version)]
enum Tour {
    /// Calls a service: reads a record, then the whole collection that it is in
    Call {
        /// The host of the account, for example `https://pds.example.com`
        service: String,
        /// `at://ACCOUNT/COLLECTION/RKEY`
        record: AtUri,
    },
    /// Logs in by OAuth and writes a post
    Login {
        /// Handle, DID, or the URL of the host
        account: String,
        /// The did:plc directory
        #[arg(long, default_value = "https://plc.directory")]
        plc_url: String,
        /// For development: also believe and ask servers on this machine
        #[arg(long)]
        allow_loopback: bool,
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
    /// Consumes the events of a network, and loses none
    Consume,
    /// Follows repositories: what was there before, what happens, and what was missed
    Track,
    /// Makes a repository, writes a post to it, and checks its archive
    Repository,
    /// Reads records of any kind, and loses none
    Records,
    /// Uses a type generated from a lexicon of one's own
    Generated,
    /// Serves three endpoints by type, and calls them
    Serve,
    /// Tests a service in a simulated network where everything goes wrong
    Testkit,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    match Tour::parse() {
        Tour::Call { service, record } => call::run(&service, &record).await,
        Tour::Login { account, plc_url, allow_loopback } => {
            login::run(&account, &plc_url, allow_loopback).await
        }
        Tour::Write { service, account, password } => {
            write::run(&service, &account, &password).await
        }
        Tour::Consume => consume::run().await,
        Tour::Track => track::run().await,
        Tour::Repository => repository::run(),
        Tour::Records => records::run(),
        Tour::Generated => generated::run(),
        Tour::Serve => serve::run().await,
        Tour::Testkit => testkit::run().await,
    }
}
