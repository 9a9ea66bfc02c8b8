//! The reference AppView as a program of its own.

use std::process::ExitCode;

fn main() -> ExitCode {
    appview::run(std::env::args_os())
}
