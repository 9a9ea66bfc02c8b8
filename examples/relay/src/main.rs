//! The relay as a program; everything is in the library of the same name.

use std::process::ExitCode;

fn main() -> ExitCode {
    relay::run(std::env::args_os())
}
