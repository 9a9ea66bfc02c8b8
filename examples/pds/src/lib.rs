//! The reference personal data server.

pub mod accounts;
pub mod blobs;
pub mod config;
pub mod database;
mod page;
pub mod secrets;
pub mod shard;
/// Accounts' stores.
pub mod store {
    pub mod column;
}
/// x
pub fn run(_args: impl IntoIterator<Item = std::ffi::OsString>) -> std::process::ExitCode { std::process::ExitCode::SUCCESS }
