//! The AT Protocol firehose: a consumer that loses nothing and a durable
//! producer.

pub mod checkpoint;
mod class;
pub mod consumer;
pub mod event;
pub mod filter;
pub mod intake;
pub mod jetstream;
pub mod label;
pub mod log;
pub mod producer;
pub mod state;
pub mod tracker;
pub mod verify;

#[doc(hidden)]
pub mod __private {
    pub use atproto_core::{data::CborError, endpoint::Record};
}

/// The examples of the readme, compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
