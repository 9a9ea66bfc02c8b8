//! OAuth as the AT Protocol uses it: what an app may do with an account, what apps and
//! authorization servers say of themselves ([`ClientMetadata`], [`ServerMetadata`]), proofs of
//! possession ([`DpopRequest`], [`DpopVerifier`]), [`Pkce`], and on them, with the feature
//! `server`, an authorization server in pieces (`authorization_server`).
//!
//! An app asks for *scopes*, texts with spaces between them. Each is a [`Scope`]: `atproto`
//! (which every app needs), a [`Permission`] on one of the account's resources, or `include:`
//! with the name of a permission set, that is, of a lexicon that lists permissions. When
//! the sets have been resolved, [`Scopes::grant`] makes of it a [`Grant`], which answers
//! whether one request is allowed.
//!
//! ```
//! use atproto_core::syntax::Nsid;
//! use atproto_xrpc::oauth::{Grant, Permission, RepoAction, Scopes};
//!
//! let scopes: Scopes = "atproto repo:com.example.post?action=create blob:image/*".parse()?;
//! let grant = scopes.grant(|_| None)?;
//!
//! let posts = Nsid::new("com.example.post").unwrap();
//! assert!(grant.allows_repo(RepoAction::Create, &posts));
//! assert!(!grant.allows_repo(RepoAction::Delete, &posts));
//! assert!(grant.allows_blob("image/png"));
//! // What an answer to a refused request names:
//! assert_eq!(
//!     Permission::to_write(RepoAction::Delete, posts).to_string(),
//!     "repo:com.example.post?action=delete",
//! );
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! See the specifications of [OAuth](https://atproto.com/specs/oauth) and of
//! [permissions](https://atproto.com/specs/permission).

mod audience;
#[cfg(feature = "server")]
pub mod authorization_server;
mod client_id;
mod client_metadata;
mod dpop;
mod fields;
mod grant;
mod include;
mod jwk;
mod permission;
mod pkce;
mod scope;
mod scopes;
mod server_metadata;
mod syntax;

pub use audience::{Audience, AudienceError};
pub use client_id::ClientId;
pub use client_metadata::{
    ApplicationType, ClientAuthentication, ClientError, ClientMetadata, MAX_METADATA_BYTES,
};
pub use dpop::{
    DpopError, DpopNonces, DpopProof, DpopRequest, DpopVerifier, MAX_AGE_SECONDS, MAX_JTI_BYTES,
    REPLAY_CAPACITY,
};
pub use grant::Grant;
pub use include::{Include, UnresolvedSet};
pub use jwk::Jwk;
pub use permission::{
    AccountAction, AccountAttribute, AnyAudience, IdentityAttribute, Permission, PermissionError,
    RepoAction, Selection,
};
pub use pkce::Pkce;
pub use scope::{Scope, Transition};
pub use scopes::Scopes;
pub use server_metadata::{MAX_SERVER_METADATA_BYTES, ServerError, ServerMetadata};
pub use syntax::{MAX_SCOPE_BYTES, MAX_SCOPES, ScopeError, ScopeSyntax};
