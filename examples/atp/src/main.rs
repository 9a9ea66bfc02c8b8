//! `atp`: the AT Protocol on the command line, for people and for scripts.

mod account;
mod blob;
mod car;
mod cli;
mod data;
mod did;
mod error;
mod firehose;
mod input;
mod jwt;
mod key;
mod lex;
mod network;
mod output;
mod plc;
mod record;
mod relay;
mod repo;
mod session;
mod syntax;

fn main() -> std::process::ExitCode {
    cli::run()
}
