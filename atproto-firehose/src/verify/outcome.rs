use atproto_core::identity::{DocumentError, ResolveError};
use atproto_repo::sync::{Discontinuity, RepoState, Violation};

/// The result of [`Verifier::check`](super::Verifier::check).
#[derive(Debug)]
#[must_use]
#[non_exhaustive]
pub struct Checked {
    /// What to make of the event.
    pub verdict: Outcome,
    /// Whether the identity was purged and resolved again on the way.
    pub refreshed: bool,
}

impl Checked {
    pub(crate) fn of(verdict: Outcome) -> Self {
        Self { verdict, refreshed: false }
    }
}

/// What to make of an event.
#[derive(Debug)]
#[must_use]
pub enum Outcome {
    /// It is true. For a commit or sync: the state to hold the next one
    /// against.
    Accept(Option<RepoState>),
    /// It is not newer than the known state: nothing to do.
    Stale,
    /// It is true by itself and does not follow the known state.
    Discontinuous {
        /// The state it proves.
        state: RepoState,
        /// In what it does not follow.
        why: Discontinuity,
    },
    /// The identity cannot be resolved at the moment, which says nothing about
    /// the event. Keep it and try again.
    Defer(ResolveError),
    /// It must be neither used nor passed on.
    Reject(Rejection),
}

/// Why an event was rejected.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Rejection {
    /// The account has no usable identity: it does not exist, is tombstoned or
    /// of an unsupported method.
    #[error(transparent)]
    Identity(ResolveError),
    /// The document names no PDS, so nobody can speak for the account.
    #[error("the account's document names no PDS")]
    NoHost,
    /// The document has no usable signing key.
    #[error("the account has no usable signing key")]
    NoKey(#[source] DocumentError),
    /// The proof in the event fails.
    #[error(transparent)]
    Violation(Violation),
    /// The sender is not the account's PDS.
    #[error("the account's PDS is {named}")]
    WrongHost {
        /// The PDS in the account's document.
        named: String,
    },
}

impl Rejection {
    /// A short constant name, for metrics and logs.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Identity(error) => error.label(),
            Self::NoHost => "no_host",
            Self::NoKey(_) => "no_key",
            Self::Violation(violation) => violation.label(),
            Self::WrongHost { .. } => "wrong_host",
        }
    }
}
