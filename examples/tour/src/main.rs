//! Short programs that show the libraries at work, each in a file of its own.

mod repository;

use clap::Parser;

/// Runs one of the programs
#[derive(Parser)]
#[command(name = "tour", version)]
enum Tour {
    /// Makes a repository, writes a post to it, and checks its archive
    Repository,
}

fn main() -> anyhow::Result<()> {
    match Tour::parse() {
        Tour::Repository => repository::run(),
    }
}
