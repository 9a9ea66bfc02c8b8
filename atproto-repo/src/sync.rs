//! Sync 1.1: whether a message of the firehose is true.
//!
//! A `#commit` message carries a signed commit, the operations it claims to consist of,
//! and as much of the tree as it takes to undo them. [`verify_commit`] checks that
//!
//! 1. the commit is signed by the account's key and is what the message says,
//! 2. every operation is in the tree, with its record at hand,
//! 3. undoing all of them leads to the tree of the commit before ([`invert`]), so that
//!    nothing was left out or made up,
//! 4. that tree is the one the receiver last saw.
//!
//! The first three a message proves by itself; if one fails it is a [`Violation`]. The
//! fourth compares with the receiver's state: a message that fails it alone is
//! [`Discontinuous`](Verdict::Discontinuous), true and yet of no use to someone who keeps
//! a copy and missed what came before.
//!
//! ```
//! use atproto_core::{crypto::{Curve, SecretKey, Signer}, syntax::{Did, Tid}};
//! use atproto_repo::{event::Event, repo};
//! use atproto_repo::sync::{Verdict, VerifyContext, VerifyOptions, verify_commit};
//!
//! let key = SecretKey::generate(Curve::K256);
//! let did = Did::new("did:plc:ewvi7nxzyoun6zhxrhs64oiz")?;
//! let rev = Tid::now();
//! let applied = repo::create(&did, &key, rev)?;
//! let Event::Commit(event) = applied.to_event(1, "2026-01-01T00:00:00Z") else { panic!() };
//!
//! let context =
//!     VerifyContext { key: &key.public_key(), previous: None, now_micros: rev.micros() };
//! let Verdict::Accept(state) = verify_commit(&event, &context, &VerifyOptions::default())
//! else { panic!() };
//! assert_eq!(state.data, applied.head.data);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! See the [specification](https://atproto.com/specs/sync).

mod commit;
mod inversion;
mod options;
mod state;
mod violation;

pub use commit::verify_commit;
pub use inversion::{InversionError, invert};
pub use options::{LegacyPolicy, VerifyOptions};
pub use state::verify_sync;
pub use violation::Violation;

use atproto_core::{
    crypto::PublicKey,
    syntax::{Cid, Tid},
};

/// What is known of a repository after a message: all that the next one is held against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RepoState {
    /// The revision.
    pub rev: Tid,
    /// The root of the tree.
    pub data: Cid,
}

/// What it takes to judge a message.
#[derive(Debug, Clone, Copy)]
pub struct VerifyContext<'a> {
    /// The account's current signing key. If a signature fails under it, the key may have
    /// changed: resolve the identity again, once, before believing it.
    pub key: &'a PublicKey,
    /// The state after the last message of the account, or `None` if there was none.
    pub previous: Option<&'a RepoState>,
    /// The time in microseconds since the Unix epoch.
    pub now_micros: u64,
}

/// What to make of a message.
#[derive(Debug)]
#[must_use]
pub enum Verdict {
    /// It is true and follows the known state. The new state is this.
    Accept(RepoState),
    /// It is not newer than the known state: there is nothing to do.
    Stale,
    /// It is true by itself and does not follow the known state. Who passes messages on
    /// takes over the new state; who keeps a copy has to fetch the repository.
    Discontinuous {
        /// The state it proves.
        state: RepoState,
        /// In what it does not follow.
        why: Discontinuity,
    },
    /// It breaks a rule, and must be neither used nor passed on.
    Violation(Violation),
}

/// In what a true message does not follow the known state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Discontinuity {
    /// A commit whose tree before is not the known one.
    PrevData {
        /// The known root.
        known: Cid,
        /// The root that the commit leads back to.
        found: Cid,
    },
    /// A commit whose revision before is not the known one.
    Since {
        /// The known revision.
        known: Tid,
        /// The revision that the message says came before.
        found: Option<Tid>,
    },
    /// A state that was announced without the way to it.
    Sync,
}

impl Discontinuity {
    /// A word for metrics and logs.
    pub fn label(&self) -> &'static str {
        match self {
            Self::PrevData { .. } => "prev_data",
            Self::Since { .. } => "since",
            Self::Sync => "sync",
        }
    }
}
