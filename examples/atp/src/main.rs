//! `atp`: the AT Protocol on the command line, for people and for scripts.

// Comments on arguments are shown in a terminal, where a link is not put in brackets.
#![allow(rustdoc::bare_urls)]

mod account;
mod audit;
mod backfill;
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
mod sorter;
mod syntax;

fn main() -> std::process::ExitCode {
    cli::run()
}
