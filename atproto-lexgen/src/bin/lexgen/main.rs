//! The command `lexgen`.

mod build;
mod check;
mod diff;
mod install;
mod network;
mod output;
mod publish;
mod resolve;

use std::{
    io::{self, Write},
    process::ExitCode,
};

use clap::{Parser, Subcommand};

use output::Output;

/// Checks lexicons, and generates Rust types from them.
#[derive(Debug, Parser)]
#[command(name = "lexgen", version, max_term_width = 100, after_help = EXIT_CODES)]
struct Cli {
    /// Write JSON for machines: one object, or one a line where there are many.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Build(build::Build),
    Check(check::Check),
    Diff(diff::Diff),
    Install(install::Install),
    Publish(publish::Publish),
    Resolve(resolve::Resolve),
}

fn main() -> ExitCode {
    let Cli { json, command } = Cli::parse();
    let mut output = Output::new(json);
    let result = match command {
        Command::Build(build) => build.run(&mut output),
        Command::Check(check) => check.run(&mut output),
        Command::Diff(diff) => diff.run(&mut output),
        Command::Install(install) => install.run(&mut output),
        Command::Publish(publish) => publish.run(&mut output),
        Command::Resolve(resolve) => resolve.run(&mut output),
    };
    // What was found before a failure is worth reading too.
    let result = result.and_then(|fine| output.flush().map(|()| fine));
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        // Whoever reads our output has seen enough.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            // Standard error may be closed too; then the exit code has to say it alone.
            let _unheard = writeln!(io::stderr(), "lexgen: {}", one_line(&error));
            ExitCode::FAILURE
        }
    }
}

/// The error and its causes. Many causes are part of their error's own text; these are not
/// said twice.
fn one_line(error: &anyhow::Error) -> String {
    let mut line = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !line.contains(&cause) {
            line = format!("{line}: {cause}");
        }
    }
    line.replace(char::is_control, " ")
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let kind = |cause: &(dyn std::error::Error + 'static)| {
        cause.downcast_ref::<io::Error>().map(io::Error::kind)
    };
    error.chain().any(|cause| kind(cause) == Some(io::ErrorKind::BrokenPipe))
}

const EXIT_CODES: &str = "\
Exit codes:
  0  fine
  1  the input is invalid, or the check failed
  2  wrong usage";

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_commands_fit_together() {
        super::Cli::command().debug_assert();
    }
}
