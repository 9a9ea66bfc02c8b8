//! The commands, and what they have in common.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::{
    account, audit, backfill, blob, car, data, did, error, firehose, jwt, key, lex, output::Output,
    plc, record, relay, repo, syntax,
};

/// Inspect, check and use everything of the AT Protocol: identifiers, data, keys, identities,
/// repositories, the firehose, lexicons, tokens, accounts.
#[derive(Parser)]
#[command(name = "atp", version, max_term_width = 100, after_help = EXIT_CODES)]
struct Cli {
    /// Write JSON for machines: one object, or one a line where there are many.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "\
A FILE of `-` is standard input.

Exit codes:
  0  fine
  1  the input is invalid or the check failed; one line on standard error says what and where
  2  wrong usage";

#[derive(Subcommand)]
enum Command {
    Syntax(syntax::Syntax),
    /// Convert between DAG-CBOR and JSON, compute CIDs
    #[command(subcommand)]
    Data(data::Data),
    /// Make and inspect keys, sign and verify
    #[command(subcommand)]
    Key(key::Key),
    /// Resolve and check DIDs
    #[command(subcommand)]
    Did(did::Did),
    /// Resolve handles
    #[command(subcommand)]
    Handle(did::Handle),
    /// Verify and make operations of did:plc, and talk to its directory
    #[command(subcommand)]
    Plc(plc::Plc),
    /// List and verify archives
    #[command(subcommand)]
    Car(car::Car),
    /// Verify, read, compare and fetch repositories
    #[command(subcommand)]
    Repo(repo::Repo),
    Audit(audit::Audit),
    Backfill(backfill::Backfill),
    /// Decode, verify and follow event streams
    #[command(subcommand)]
    Firehose(firehose::Firehose),
    /// Check lexicons, find them by name, and hold records against them
    #[command(subcommand)]
    Lex(lex::Lex),
    /// Verify tokens between services
    #[command(subcommand)]
    Jwt(jwt::Jwt),
    /// Create an account, log in and out
    #[command(subcommand)]
    Account(account::Account),
    /// Read and write records
    #[command(subcommand)]
    Record(record::Record),
    /// Upload, list and download blobs
    #[command(subcommand)]
    Blob(blob::Blob),
    /// Compare relays, list their hosts and what accounts they have seen
    #[command(subcommand)]
    Relay(relay::Relay),
}

/// Runs the command that the process was started with.
pub(crate) fn run() -> ExitCode {
    let Cli { json, command } = Cli::parse();
    let mut output = Output::new(json);
    let result = command.run(&mut output);
    // What was found before the failure is worth reading too.
    let flushed = output.flush();
    error::exit_code(result.and(flushed))
}

impl Command {
    fn run(self, output: &mut Output) -> anyhow::Result<()> {
        match self {
            Self::Syntax(command) => command.run(output),
            Self::Data(command) => command.run(output),
            Self::Key(command) => command.run(output),
            Self::Did(command) => command.run(output),
            Self::Handle(command) => command.run(output),
            Self::Plc(command) => command.run(output),
            Self::Car(command) => command.run(output),
            Self::Repo(command) => command.run(output),
            Self::Audit(command) => command.run(output),
            Self::Backfill(command) => command.run(output),
            Self::Firehose(command) => command.run(output),
            Self::Lex(command) => command.run(output),
            Self::Jwt(command) => command.run(output),
            Self::Account(command) => command.run(output),
            Self::Record(command) => command.run(output),
            Self::Blob(command) => command.run(output),
            Self::Relay(command) => command.run(output),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_commands_fit_together() {
        super::Cli::command().debug_assert();
    }
}
