//! What it means to resolve an identity, whoever does it.

use std::error::Error;
use std::sync::Arc;

use futures::future::BoxFuture;

use super::plc::LogError;
use super::{DidDocument, DocumentError};
use crate::Classify;
use crate::syntax::{Did, Handle, UnsupportedDid};

/// Finds the document of a DID and the DID of a handle.
///
/// Object-safe, so that a program passes `Arc<dyn Resolver>` around and its tests a fake.
/// An implementation checks that the document's `id` is the DID that was asked for.
pub trait Resolver: Send + Sync {
    /// The document of a DID.
    fn did<'a>(&'a self, did: &'a Did) -> BoxFuture<'a, Result<Arc<DidDocument>, ResolveError>>;

    /// The DID that a handle points to: one direction only, see [`verified_handle`].
    fn handle<'a>(&'a self, handle: &'a Handle) -> BoxFuture<'a, Result<Did, ResolveError>>;

    /// Forgets what is remembered of a DID, because it is known to have changed.
    /// A resolver without memory has nothing to do.
    fn purge(&self, did: &Did);
}

/// Why an identity could not be resolved.
///
/// [`is_transient`](Self::is_transient) divides the answers that are final for now from those
/// that say nothing about the identity, only about the network.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ResolveError {
    /// Several DNS records name different DIDs. The specification asks to fail.
    #[error("{name} points to several DIDs")]
    AmbiguousAnswer {
        /// The handle or DNS name.
        name: String,
    },
    /// The DID document cannot be used.
    #[error("{did} has an unusable document")]
    Document {
        /// The DID.
        did: Did,
        /// What is wrong with the document.
        #[source]
        source: DocumentError,
    },
    /// The document describes another DID than the one asked for.
    #[error("the document of {expected} is that of {found}")]
    IdMismatch {
        /// The DID that was asked for.
        expected: Did,
        /// The DID in the document.
        found: Did,
    },
    /// The answer for a handle is not a DID.
    #[error("the answer for {name} is not a DID: {answer:?}")]
    InvalidAnswer {
        /// The handle or DNS name.
        name: String,
        /// The answer, cut to 64 characters.
        answer: String,
    },
    /// A DID that is well-formed, yet not one of its method: a did:plc of the wrong length, a
    /// did:web with a path, a port or an address in place of a host name.
    #[error("{did} is not a valid DID of its method")]
    InvalidDid {
        /// The DID.
        did: Did,
        /// What is wrong.
        #[source]
        source: UnsupportedDid,
    },
    /// The directory's audit log of the DID does not hold: the directory errs or lies.
    #[error("the audit log of {did} is not to be believed")]
    Log {
        /// The DID.
        did: Did,
        /// What is wrong with the log.
        #[source]
        source: LogError,
    },
    /// There is no such DID or no answer for the handle.
    #[error("{0} is not known")]
    NotFound(String),
    /// The network policy forbids the request, for example because the host's addresses are
    /// not public.
    #[error("request refused")]
    Refused(#[source] Arc<dyn Error + Send + Sync>),
    /// The handle ends in a domain that is never resolved, such as `.local`.
    #[error("{0} is under a reserved domain")]
    ReservedDomain(Handle),
    /// The DID was deactivated for good by its owner: treat the account as deleted.
    #[error("{0} is tombstoned")]
    Tombstoned(Did),
    /// Nobody could be asked: a network error, a deadline, a failing server. Says nothing
    /// about the identity.
    #[error("resolution is not possible at the moment")]
    Unavailable(#[source] Arc<dyn Error + Send + Sync>),
    /// Only did:plc and did:web are in use.
    #[error("{0} is of an unsupported method")]
    UnsupportedMethod(Did),
}

impl ResolveError {
    /// Whether asking again later may give an answer. Never take a transient error as a
    /// statement about the identity: neither as good nor as bad.
    pub fn is_transient(&self) -> bool {
        self.class().is_transient()
    }

    /// A short constant name, for metrics and logs.
    pub fn label(&self) -> &'static str {
        match self {
            Self::AmbiguousAnswer { .. } => "ambiguous_answer",
            Self::Document { .. } => "document",
            Self::IdMismatch { .. } => "id_mismatch",
            Self::InvalidAnswer { .. } => "invalid_answer",
            Self::InvalidDid { .. } => "invalid_did",
            Self::Log { .. } => "log",
            Self::NotFound(_) => "not_found",
            Self::Refused(_) => "refused",
            Self::ReservedDomain(_) => "reserved_domain",
            Self::Tombstoned(_) => "tombstoned",
            Self::Unavailable(_) => "unavailable",
            Self::UnsupportedMethod(_) => "unsupported_method",
        }
    }
}

/// The handle that a document claims, if the handle also points back to the document's DID.
///
/// `None` covers every failure, also a network that is down; where that difference matters
/// use [`verify_handle`].
pub async fn verified_handle(resolver: &dyn Resolver, document: &DidDocument) -> Option<Handle> {
    verify_handle(resolver, document).await.ok().flatten()
}

/// As [`verified_handle`]: `Ok(None)` says that the claim is wrong or absent and the account
/// is shown as `handle.invalid`; a transient error says that nobody knows.
pub async fn verify_handle(
    resolver: &dyn Resolver,
    document: &DidDocument,
) -> Result<Option<Handle>, ResolveError> {
    let Some(handle) = document.handle() else { return Ok(None) };
    match resolver.handle(&handle).await {
        Ok(did) if did == document.id => Ok(Some(handle)),
        Err(error) if error.is_transient() => Err(error),
        Ok(_) | Err(_) => Ok(None),
    }
}

/// The handle to show for an account: its verified one, or `handle.invalid` where the claim is
/// wrong or absent. An account without a handle works like any other.
///
/// A transient error says that nobody knows: go on to show what was shown before.
pub async fn displayed_handle(
    resolver: &dyn Resolver,
    document: &DidDocument,
) -> Result<Handle, ResolveError> {
    let verified = verify_handle(resolver, document).await?;
    Ok(verified.unwrap_or_else(Handle::invalid))
}
