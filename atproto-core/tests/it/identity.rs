//! DID documents, and their resolution over a network that means harm.

mod cache_simulation;
mod document;

#[cfg(feature = "resolver")]
mod bad_input;
#[cfg(feature = "resolver")]
mod cache;
#[cfg(feature = "resolver")]
mod fetch;
#[cfg(feature = "resolver")]
mod plc_export;
#[cfg(feature = "resolver")]
mod resolve;
#[cfg(feature = "resolver")]
mod server;
