//! The server over real HTTP on loopback.

mod accounts;
mod admin;
mod blobs;
mod concurrency;
mod creation_crash;
mod export;
mod harness;
mod import;
mod kill;
mod lexicons;
mod network;
mod oauth;
mod policies;
mod preferences;
mod proxy;
mod records;
mod recovery;
mod service_auth;
mod sessions;
mod statuses;
mod stream;
mod swaps;
mod well_known;
