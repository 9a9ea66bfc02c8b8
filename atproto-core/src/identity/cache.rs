//! Remembering what was resolved.
//!
//! [`IdentityCache`] decides: it has neither clock nor network, and whole outages can be
//! played through it in a moment. `CachingResolver` (feature `resolver`) makes the requests
//! that it asks for.
//!
//! | An answer is | if it is | and then |
//! |---|---|---|
//! | fresh | younger than [`did_fresh`](CacheConfig::did_fresh) or [`handle_fresh`](CacheConfig::handle_fresh), less up to a quarter | it is given at once |
//! | stale | younger than [`max_age`](CacheConfig::max_age) | it is asked for again, and given if that fails for reasons of the network |
//! | negative | a refusal, or a failure with nothing to fall back on, younger than [`negative`](CacheConfig::negative) | it is given at once |
//!
//! An error is never turned into an answer: what cannot be resolved is not taken as good.
//! The directory of did:plc is one service that everything depends on; after several failures
//! in a row it is left alone but for single probes, and questions about its DIDs are answered
//! at once, with what is known or with a transient error.

mod answers;
mod breaker;
mod config;
mod error;
mod identity_cache;
mod lru;
mod question;
mod stats;
mod weight;

#[cfg(feature = "resolver")]
mod caching_resolver;
#[cfg(feature = "resolver")]
mod pace;

pub use answers::Ticket;
pub use config::CacheConfig;
pub use identity_cache::{IdentityCache, Looked, Lookup};
pub use question::Question;
pub use stats::CacheStats;

#[cfg(feature = "resolver")]
pub use caching_resolver::CachingResolver;
