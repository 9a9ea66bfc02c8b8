//! Failures and exit codes.

use std::{
    fmt::Write as _,
    io::{self, Write as _},
    process::ExitCode,
};

/// Wrong usage that the parser of the command line cannot see.
#[derive(Debug)]
pub(crate) struct Usage(pub(crate) String);

impl std::fmt::Display for Usage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// Reports a failure on one line of standard error.
pub(crate) fn exit_code(result: anyhow::Result<()>) -> ExitCode {
    let Err(error) = result else { return ExitCode::SUCCESS };
    // Whoever reads our output has seen enough.
    if is_broken_pipe(&error) {
        return ExitCode::SUCCESS;
    }
    // Standard error may be closed too; then the exit code has to say it alone.
    let _unheard = writeln!(io::stderr(), "atp: {}", one_line(&error));
    ExitCode::from(if error.is::<Usage>() { 2 } else { 1 })
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let kind = |cause: &(dyn std::error::Error + 'static)| {
        cause.downcast_ref::<io::Error>().map(io::Error::kind)
    };
    error.chain().any(|cause| kind(cause) == Some(io::ErrorKind::BrokenPipe))
}

/// The error and its causes. Many causes are part of their error's own text; these are not
/// said twice.
fn one_line(error: &anyhow::Error) -> String {
    let mut line = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !line.contains(&cause) {
            let _infallible = write!(line, ": {cause}");
        }
    }
    line.chars().map(|char| if char.is_control() { ' ' } else { char }).collect()
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::one_line;

    #[test]
    fn says_each_cause_once_on_one_line() {
        let error = anyhow!("not\nfound").context("file x: not\nfound").context("cannot read");
        assert_eq!(one_line(&error), "cannot read: file x: not found");
    }
}
