//! The server over real HTTP on loopback.

mod blobs;
mod concurrency;
mod export;
mod harness;
mod records;
mod recovery;
mod statuses;
mod stream;
mod swaps;
