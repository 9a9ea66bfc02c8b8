//! Where sessions are kept between the runs of a program, or for many accounts of a service.
//!
//! A store holds short texts under short keys. The texts are secrets: a refresh token is as
//! good as the password until its session ends.

mod file;
mod memory;
mod saved;

use std::{any::Any, sync::Arc};

use atproto_core::syntax::Did;
use futures::future::BoxFuture;

pub use file::FileStore;
pub use memory::MemoryStore;
pub use saved::SavedSession;

/// Keeps sessions. [`MemoryStore`] and [`FileStore`] are here; a service with a database
/// writes its own.
///
/// Keys are printable ASCII of at most 2,100 bytes, values JSON of some kilobytes.
pub trait SessionStore: Send + Sync + 'static {
    /// The value of a key, if there is one.
    fn load<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<String>, StoreError>>;

    /// Sets the value of a key. When this returns it is durable: a refresh token that was
    /// used and whose successor is lost ends the session.
    fn save<'a>(&'a self, key: &'a str, value: &'a str) -> BoxFuture<'a, Result<(), StoreError>>;

    /// Removes a key and returns the value that it had. Of several callers one gets it.
    fn take<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<String>, StoreError>>;

    /// Waits until nobody else holds the lock of this key, and holds it until the guard is
    /// dropped. Tokens are renewed under it; a store that several processes share has to
    /// lock across them.
    fn lock<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<StoreGuard, StoreError>>;
}

/// Holds a lock of a store until it is dropped.
pub struct StoreGuard(
    #[allow(dead_code, reason = "it is there to be dropped")] Box<dyn Any + Send>,
);

impl StoreGuard {
    /// A lock that ends when this value is dropped.
    pub fn new(held: impl Any + Send) -> Self {
        Self(Box::new(held))
    }
}

impl std::fmt::Debug for StoreGuard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoreGuard").finish_non_exhaustive()
    }
}

/// A store that cannot be read or written, or what it holds is no session.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the store of sessions fails")]
pub struct StoreError(#[source] Arc<dyn std::error::Error + Send + Sync>);

impl StoreError {
    /// With what went wrong.
    pub fn new(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self(Arc::from(source.into()))
    }
}

/// The key under which an account's session is kept.
pub fn session_key(did: &Did) -> String {
    format!("session:{did}")
}
