//! The floor under every AT Protocol program: identifiers, the data model, keys and
//! signatures, identities, lexicon schemas, and the traits of endpoints and records.

pub mod crypto;
pub mod data;
pub mod endpoint;
pub mod frame;
pub mod identity;
pub mod lexicon;
pub mod object;
pub mod syntax;

#[doc(hidden)]
pub mod __private {
    pub use bytes::Bytes;
    pub use serde;
    pub use serde_json;
}

/// The examples of the readme, compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
