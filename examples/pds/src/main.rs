//! The reference personal data server.

use std::process::ExitCode;

fn main() -> ExitCode {
    pds::run(std::env::args_os())
}
