//! Endpoints served by type.
//!
//! A [`Router`] maps endpoint types to async functions. Each route names its [`Policy`]:
//! who may call it. There is no default, so a route without a policy does not compile.
//!
//! ```
//! use atproto_core::endpoint::{NoErrors, NoParams, Query};
//! use atproto_xrpc::{XrpcError, server::{Context, Public, Router, RouterConfig}};
//! # use serde::{Deserialize, Serialize};
//! # #[derive(Serialize, Deserialize)] struct Ping {}
//! # #[derive(Serialize, Deserialize)] struct Pong { text: String }
//! # atproto_core::json_body!(Pong);
//! # impl Query for Ping {
//! #     const NSID: &'static str = "org.example.ping";
//! #     type Output = Pong;
//! #     type Error = NoErrors;
//! # }
//! async fn ping(_context: Context<()>, _params: Ping) -> Result<Pong, XrpcError> {
//!     Ok(Pong { text: "pong".into() })
//! }
//!
//! let app = Router::new(RouterConfig::default()).query::<Ping, _>(Public, ping).into_router();
//! # let _: axum::Router = app;
//! ```
//!
//! The same route without a policy:
//!
//! ```compile_fail
//! use atproto_core::endpoint::{NoErrors, NoParams, Query};
//! use atproto_xrpc::{XrpcError, server::{Context, Public, Router, RouterConfig}};
//! # use serde::{Deserialize, Serialize};
//! # #[derive(Serialize, Deserialize)] struct Ping {}
//! # #[derive(Serialize, Deserialize)] struct Pong { text: String }
//! # atproto_core::json_body!(Pong);
//! # impl Query for Ping {
//! #     const NSID: &'static str = "org.example.ping";
//! #     type Output = Pong;
//! #     type Error = NoErrors;
//! # }
//! async fn ping(_context: Context<()>, _params: Ping) -> Result<Pong, XrpcError> {
//!     Ok(Pong { text: "pong".into() })
//! }
//!
//! let app = Router::new(RouterConfig::default()).query::<Ping, _>(ping).into_router();
//! ```
//!
//! A handler's future is dropped when its client hangs up. What a request goes through,
//! outermost first: CORS, request id, span, rate limit, URL limit, panic guard, deadline,
//! policy, parameters, body, lexicon validation, handler.

mod address;
mod body;
mod config;
mod context;
mod cors;
mod did_web;
mod dispatch;
mod handler;
mod observe;
mod policy;
mod rate_limit;
mod reply;
mod request_id;
mod router;
mod serve;
pub mod socket;
mod subscription;
mod validate;

pub use address::{IpRange, IpRangeError, client_address};
pub use body::body_error;
pub use config::{Limits, RouterConfig};
pub use context::Context;
pub use did_web::did_web;
pub use handler::{BodyHandler, Handler};
pub use policy::{
    AccessToken, Account, AccountVerifier, Admin, Credentials, Either, OAuth, OAuthAccount, OneOf,
    Optional, Policy, Public, RefreshToken, Service, with_dpop_nonces,
};
pub use rate_limit::{Quota, RateLimit, RateLimiter};
pub use reply::Reply;
pub use request_id::RequestId;
pub use router::Router;
pub use serve::{ServeConfig, serve};
pub use socket::SubscriptionLimits;
pub use subscription::StreamError;
