//! Identifiers: the shared vectors of the protocol, the statements of its specification
//! one by one, and properties that hold for any input.

mod cid;
mod common;
mod did;
mod handle;
mod nsid;
mod properties;
mod record_key;
mod tid;
mod time_and_language;
mod uris;
mod vectors;
