//! The command `lexgen`.

use std::{path::PathBuf, process::ExitCode};

use atproto_lexgen::{Config, Report};
use clap::{Args, Parser, Subcommand};

/// Generates Rust types from lexicons.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Command {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Generates, or compares with what was generated before.
    Build(Build),
    /// Checks documents and the references among them.
    Check {
        /// Files or directories.
        #[arg(required = true)]
        paths: Vec<PathBuf>,
    },
}

#[derive(Debug, Args)]
struct Build {
    /// A directory of documents; may be given several times.
    #[arg(long, required = true)]
    lexicons: Vec<PathBuf>,
    /// The directory that receives `lexicons.rs` and `lexicons/`.
    #[arg(long)]
    out: PathBuf,
    /// Changes nothing; fails if the output differs.
    #[arg(long)]
    check: bool,
    /// Lists invalid documents and leaves them out.
    #[arg(long)]
    skip_invalid: bool,
    /// Hides each namespace behind a Cargo feature.
    #[arg(long)]
    features: bool,
    /// Keeps descriptions out of the doc comments.
    #[arg(long)]
    omit_descriptions: bool,
}

fn main() -> ExitCode {
    match run(Command::parse().verb) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("lexgen: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(verb: Verb) -> Result<ExitCode, atproto_lexgen::Error> {
    match verb {
        Verb::Build(build) => {
            let mut config = Config::new()
                .out(&build.out)
                .skip_invalid(build.skip_invalid)
                .features(build.features)
                .omit_descriptions(build.omit_descriptions);
            for path in &build.lexicons {
                config = config.lexicons(path);
            }
            let report = if build.check { config.check()? } else { config.build()? };
            tell(&report);
            println!("{} documents, {} files", report.documents, report.files);
            Ok(ExitCode::SUCCESS)
        }
        Verb::Check { paths } => {
            let report = atproto_lexgen::check(&paths)?;
            tell(&report);
            println!("{} documents", report.documents);
            let faultless = report.skipped.is_empty() && report.unresolved.is_empty();
            Ok(if faultless { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
    }
}

fn tell(report: &Report) {
    for skipped in &report.skipped {
        eprintln!("lexgen: {skipped}");
    }
    for unresolved in &report.unresolved {
        eprintln!("lexgen: {unresolved}");
    }
}
