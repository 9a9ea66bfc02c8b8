//! The directory as a program; everything is in the library of the same name.

use std::process::ExitCode;

fn main() -> ExitCode {
    plc::run(std::env::args_os())
}
