//! Short programs that show the libraries at work, each in a file of its own.

mod generated;
mod records;
mod repository;

use clap::Parser;

/// Runs one of the programs
#[derive(Parser)]
#[command(name = "tour", version)]
enum Tour {
    /// Makes a repository, writes a post to it, and checks its archive
    Repository,
    /// Reads records of any kind, and loses none
    Records,
    /// Uses a type generated from a lexicon of one's own
    Generated,
}

fn main() -> anyhow::Result<()> {
    match Tour::parse() {
        Tour::Repository => repository::run(),
        Tour::Records => records::run(),
        Tour::Generated => generated::run(),
    }
}
