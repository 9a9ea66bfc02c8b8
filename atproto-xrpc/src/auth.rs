//! Tokens: between services, and of an account's sessions.
//!
//! - [`service`]: short-lived tokens by which an account (through its PDS) or a service calls
//!   another service, signed with the key in the DID document;
//! - [`session`]: the access and refresh tokens of a PDS, under a secret of its own;
//! - [`jwt`]: the compact form that both have;
//! - [`Secret`]: what an operator shares with a server.
//!
//! Which algorithm is valid is decided by the key and never by the token, and each verifier
//! accepts exactly one `typ`: a token of one kind is of no use as another.

pub mod jwt;
mod refresh;
pub mod service;
pub mod session;

pub(crate) mod clock;
pub(crate) mod replay;
mod secret;

pub use refresh::RefreshGuard;
pub use secret::Secret;

#[cfg(feature = "client")]
pub(crate) use clock::unix_now;
