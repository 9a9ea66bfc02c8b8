//! The AT Protocol firehose: a consumer that loses nothing and a durable
//! producer.

pub mod checkpoint;
pub mod consumer;
pub mod event;
pub mod filter;
pub mod intake;
pub mod log;
pub mod producer;
pub mod state;
pub mod verify;
