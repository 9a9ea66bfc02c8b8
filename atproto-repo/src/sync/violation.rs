use atproto_core::{
    crypto::SignatureError,
    data::cbor::CborError,
    syntax::{Cid, Did, Tid},
};

use super::InversionError;
use crate::{RepoPath, car::CarError, commit::CommitError, mst::MstError};

/// The ways in which a message can be wrong.
///
/// Each names its source: (sync) is <https://atproto.com/specs/sync>, (repository) is
/// <https://atproto.com/specs/repository>.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Violation {
    /// The signature is not of the account's key, or is one of the pair that is not
    /// admitted (high-S). Resolve the identity again before believing it. (sync)
    #[error("the commit of {did}: {fault}")]
    BadSignature {
        /// The account.
        did: Did,
        /// What the verifier says.
        #[source]
        fault: SignatureError,
    },
    /// A node that the proof needs is not among the blocks. (repository)
    #[error("node {cid} is missing")]
    BlockMissing {
        /// The node.
        cid: Cid,
    },
    /// There are no blocks at all. (repository)
    #[error("there are no blocks")]
    BlocksEmpty,
    /// The blocks are no archive, or one has another hash. (repository)
    #[error("blocks: {0}")]
    Car(#[source] CarError),
    /// The block of the commit is not a commit of version 3. (repository)
    #[error("commit: {0}")]
    Commit(#[source] CommitError),
    /// The message's commit is not the root of its blocks. (sync)
    #[error("commit {expected} is not the root of the blocks, {found}")]
    CommitMismatch {
        /// What the message says.
        expected: Cid,
        /// The root.
        found: Cid,
    },
    /// The block of the commit is not among the blocks. (sync)
    #[error("commit {cid} is missing")]
    CommitMissing {
        /// The commit.
        cid: Cid,
    },
    /// The commit is of another account than the message says. (sync)
    #[error("a commit of {found} in a message about {expected}")]
    DidMismatch {
        /// What the message says.
        expected: Did,
        /// What the commit says.
        found: Did,
    },
    /// Two operations on one path.
    /// Source: <https://github.com/bluesky-social/proposals/tree/main/0006-sync-iteration>.
    #[error("two operations on {path}")]
    DuplicatePath {
        /// The path.
        path: RepoPath,
    },
    /// An operation does not have the fields of its action: a creation has `cid` and no
    /// `prev`, an update both, a deletion `prev` and no `cid`. (sync)
    #[error("the operation on {path} does not have the fields of its action")]
    OpForm {
        /// The path.
        path: RepoPath,
    },
    /// The tree does not have what an operation says it left. (sync)
    #[error("the tree does not have at {path} what the operation says")]
    OpMismatch {
        /// The path.
        path: RepoPath,
        /// What the operation says.
        expected: Option<Cid>,
        /// What the tree has.
        found: Option<Cid>,
    },
    /// Undoing the operations does not lead to `prevData`, or, of a first commit, to the
    /// empty tree: something happened that no operation tells of. (sync)
    #[error("undoing the operations leads to {found}, not to {expected}")]
    PrevDataMismatch {
        /// Where it should lead.
        expected: Cid,
        /// Where it leads.
        found: Cid,
    },
    /// A commit that is not the first has no `prevData`, so it cannot be held to
    /// anything. (sync)
    #[error("prevData is missing")]
    PrevDataMissing,
    /// An update or deletion does not say what was there. (sync)
    #[error("the operation on {path} does not say what was there")]
    PrevMissing {
        /// The path.
        path: RepoPath,
    },
    /// The deprecated `rebase` is set: history was rewritten. (sync)
    #[error("a rebase")]
    Rebase,
    /// A record is not a map in canonical DAG-CBOR.
    /// Source: <https://atproto.com/specs/data-model>.
    #[error("record {path}: {fault}")]
    RecordInvalid {
        /// The path.
        path: RepoPath,
        /// What is wrong with it.
        #[source]
        fault: CborError,
    },
    /// A record that was created or updated is not among the blocks. (repository)
    #[error("the record at {path}, block {cid}, is missing")]
    RecordMissing {
        /// The path.
        path: RepoPath,
        /// The record.
        cid: Cid,
    },
    /// The revision is further ahead of the clock than clocks differ. (sync)
    #[error("revision {rev} is in the future")]
    RevInFuture {
        /// The revision.
        rev: Tid,
    },
    /// The commit has another revision than the message says. (sync)
    #[error("revision {found} in a message about {expected}")]
    RevMismatch {
        /// What the message says.
        expected: Tid,
        /// What the commit says.
        found: Tid,
    },
    /// The revision before is not before the revision. (sync)
    #[error("since {since} is not before {rev}")]
    SinceNotBefore {
        /// What the message says came before.
        since: Tid,
        /// The revision.
        rev: Tid,
    },
    /// The deprecated `tooBig` is set and there are no blocks: what happened was left out. A
    /// commit that has its blocks is judged by them, whatever the field says. (sync)
    #[error("too big")]
    TooBig,
    /// A size is beyond its limit. (sync)
    #[error("{what}: {found}; the limit is {limit}")]
    TooLarge {
        /// What is too large: `blocks`, `ops` or `record`.
        what: &'static str,
        /// The limit, in bytes or in number.
        limit: usize,
        /// The size.
        found: usize,
    },
    /// A node breaks a rule of the tree. (repository)
    #[error(transparent)]
    Tree(MstError),
}

impl Violation {
    /// A word for metrics and logs, one for each variant.
    pub fn label(&self) -> &'static str {
        match self {
            Self::BadSignature { .. } => "bad_signature",
            Self::BlockMissing { .. } => "block_missing",
            Self::BlocksEmpty => "blocks_empty",
            Self::Car(_) => "car",
            Self::Commit(_) => "commit",
            Self::CommitMismatch { .. } => "commit_mismatch",
            Self::CommitMissing { .. } => "commit_missing",
            Self::DidMismatch { .. } => "did_mismatch",
            Self::DuplicatePath { .. } => "duplicate_path",
            Self::OpForm { .. } => "op_form",
            Self::OpMismatch { .. } => "op_mismatch",
            Self::PrevDataMismatch { .. } => "prev_data_mismatch",
            Self::PrevDataMissing => "prev_data_missing",
            Self::PrevMissing { .. } => "prev_missing",
            Self::Rebase => "rebase",
            Self::RecordInvalid { .. } => "record_invalid",
            Self::RecordMissing { .. } => "record_missing",
            Self::RevInFuture { .. } => "rev_in_future",
            Self::RevMismatch { .. } => "rev_mismatch",
            Self::SinceNotBefore { .. } => "since_not_before",
            Self::TooBig => "too_big",
            Self::TooLarge { .. } => "too_large",
            Self::Tree(_) => "tree",
        }
    }

    /// The few groups that dashboards and alerts tell apart.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::BadSignature { .. } => "signature",
            Self::OpMismatch { .. } | Self::PrevDataMismatch { .. } | Self::Tree(_) => {
                "mst_inversion"
            }
            Self::PrevDataMissing | Self::PrevMissing { .. } => "prev_data",
            Self::RevMismatch { .. } | Self::SinceNotBefore { .. } => "rev_order",
            Self::RevInFuture { .. } => "future_rev",
            Self::TooLarge { .. } => "size",
            Self::DidMismatch { .. }
            | Self::DuplicatePath { .. }
            | Self::OpForm { .. }
            | Self::Rebase
            | Self::TooBig => "message",
            Self::BlockMissing { .. }
            | Self::BlocksEmpty
            | Self::Car(_)
            | Self::Commit(_)
            | Self::CommitMismatch { .. }
            | Self::CommitMissing { .. }
            | Self::RecordInvalid { .. }
            | Self::RecordMissing { .. } => "blocks",
        }
    }

    /// Whether the repository has moved on, at its host, past what can be followed: the
    /// commit is the account's or claims to leave something out. Who keeps a copy should
    /// fetch the repository. A revision in the future counts among them, because it may be the
    /// receiver's clock that is wrong, and the commit the account's last for long. After other
    /// violations the next message may well follow.
    pub fn desynchronizes(&self) -> bool {
        matches!(
            self,
            Self::BlockMissing { .. }
                | Self::OpMismatch { .. }
                | Self::PrevDataMismatch { .. }
                | Self::PrevDataMissing
                | Self::PrevMissing { .. }
                | Self::Rebase
                | Self::RecordInvalid { .. }
                | Self::RecordMissing { .. }
                | Self::RevInFuture { .. }
                | Self::TooBig
                | Self::TooLarge { .. }
                | Self::Tree(_)
        )
    }
}

impl From<InversionError> for Violation {
    fn from(error: InversionError) -> Self {
        match error {
            InversionError::OpForm { path } => Self::OpForm { path },
            InversionError::OpMismatch { path, expected, found } => {
                Self::OpMismatch { path, expected, found }
            }
            InversionError::Tree(MstError::Missing(cid)) => Self::BlockMissing { cid },
            InversionError::Tree(error) => Self::Tree(error),
        }
    }
}
