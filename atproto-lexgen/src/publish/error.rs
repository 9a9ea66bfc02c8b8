use std::path::PathBuf;

use atproto_core::{
    endpoint::NoErrors,
    syntax::{Cid, Did, Nsid},
};
use atproto_xrpc::client::CallError;

use crate::{diff::Change, error::Error, record::RecordError, resolve::LexiconError};

/// Why lexicons were not published.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// The server wrote something else than it was sent.
    #[error("{nsid}: {sent} was sent, and {written} written")]
    Altered {
        /// The document.
        nsid: Nsid,
        /// The hash of what was sent.
        sent: Cid,
        /// The hash of what was written.
        written: Cid,
    },
    /// The server's answer cannot be understood.
    #[error("the server's answer cannot be understood")]
    Answer(#[source] Option<Box<dyn std::error::Error + Send + Sync>>),
    /// Another account has the authority over the names.
    #[error("_lexicon.{domain} names {found}, and not {account}")]
    Authority {
        /// The domain of the names.
        domain: String,
        /// The account that DNS names.
        found: Did,
        /// The account that wants to publish.
        account: Did,
    },
    /// A change breaks somebody.
    #[error("{0}")]
    Breaking(Box<Change>),
    /// A call failed.
    #[error("{nsid}: {source}")]
    Call {
        /// The document.
        nsid: Nsid,
        /// Why.
        source: Box<CallError<NoErrors>>,
    },
    /// A document cannot be read.
    #[error(transparent)]
    File(#[from] Error),
    /// It is not known who has the authority.
    #[error(transparent)]
    Lexicon(#[from] LexiconError),
    /// A document cannot be a record.
    #[error("{}: {source}", .path.display())]
    Record {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: RecordError,
    },
    /// A document is too long for a record.
    #[error("{}: {bytes} bytes are more than {limit}", .path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its length as a record.
        bytes: usize,
        /// The greatest length.
        limit: usize,
    },
}

impl PublishError {
    pub(super) fn call(nsid: &Nsid, error: CallError<NoErrors>) -> Self {
        Self::Call { nsid: nsid.clone(), source: Box::new(error) }
    }
}
