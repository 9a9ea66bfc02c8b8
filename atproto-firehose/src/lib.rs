//! The AT Protocol firehose: a consumer that loses nothing and a durable
//! producer.

pub mod log;
pub mod producer;
pub mod verify;
