//! Identities: DID documents, did:plc operations, and the resolution of handles and DIDs.
//!
//! An account is a [`Did`](crate::syntax::Did). Its [`DidDocument`] names the key that signs
//! its repository, the host (PDS) that serves it, and the handle it claims. A handle is true
//! only when both directions agree: the document claims the handle, and the handle resolves
//! to the document's DID ([`verified_handle`]).
//!
//! Without features this module only reads, writes and verifies. With feature `resolver` it
//! also fetches: `HttpResolver` asks the network, `CachingResolver` remembers, and every
//! request goes through `SafeClient`, which refuses addresses that are not public.
//!
//! Specifications: [DID](https://atproto.com/specs/did),
//! [handle](https://atproto.com/specs/handle),
//! [did:plc](https://web.plc.directory/spec/v0.1/did-plc).

pub mod cache;
mod document;
pub mod plc;
pub mod resolver;

#[cfg(feature = "resolver")]
pub mod http;
#[cfg(feature = "resolver")]
pub mod safe_client;
#[cfg(feature = "resolver")]
pub mod tls;

pub use cache::{CacheConfig, CacheStats};
pub use document::{DidDocument, DocumentError, Service, VerificationMethod};
pub use resolver::{ResolveError, Resolver, verified_handle};

#[cfg(feature = "resolver")]
pub use cache::CachingResolver;
#[cfg(feature = "resolver")]
pub use http::{HttpResolver, HttpResolverConfig, TxtLookup};
#[cfg(feature = "resolver")]
pub use plc::{PlcClient, PlcClientError};
#[cfg(feature = "resolver")]
pub use safe_client::{FetchError, FetchLimits, Fetched, SafeClient, SafeClientConfig};
