//! XRPC, the HTTP of the AT Protocol: calling endpoints and serving them, by type.
//!
//! - [`client`] calls any endpoint type, logs in, and reads subscriptions;
//! - [`server`] routes endpoint types to async functions, each behind a policy;
//! - [`auth`] makes and verifies the tokens of sessions and between services;
//! - [`oauth`] reads what apps ask for, and says what they may do;
//! - [`framing`] is how event streams go over a WebSocket, for client and server alike;
//! - [`proxy`] passes a request on to another service in an account's name.
//!
//! Endpoint types come from `atproto-lexicons`, from one's own lexicons, or are written by
//! hand: they implement the traits in `atproto_core::endpoint`.
//!
//! See the [HTTP API specification](https://atproto.com/specs/xrpc) and the
//! [event stream specification](https://atproto.com/specs/event-stream).

pub mod auth;
mod class;
mod error;
#[cfg(any(feature = "client", feature = "server"))]
pub mod framing;
#[cfg(any(feature = "client", feature = "server"))]
mod media_type;
#[cfg(any(feature = "client", feature = "server"))]
pub mod oauth;
pub mod query_string;
mod random;
#[cfg(any(feature = "client", feature = "server"))]
mod trace;
#[cfg(any(feature = "client", feature = "server"))]
mod websocket;

#[cfg(feature = "client")]
pub mod client;
#[cfg(all(feature = "client", feature = "server"))]
pub mod proxy;
#[cfg(feature = "server")]
pub mod server;

#[cfg(feature = "client")]
pub use client::{Client, PasswordSession, Session};

pub use error::XrpcError;
#[cfg(any(feature = "client", feature = "server"))]
pub use websocket::MAX_FRAME_BYTES;

/// The examples of the readme, compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
