use atproto_core::{
    crypto::{SignError, SignatureError},
    data::cbor::CborError,
    syntax::{Cid, Did, SyntaxError, Tid},
};

use crate::{
    BlockSourceError, PathError, RepoPath, car::CarError, commit::CommitError, mst::MstError,
    sync::InversionError,
};

/// Why writes were not applied. Nothing has been changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ApplyError {
    /// The collection of a typed record is not an NSID.
    #[error("collection: {0}")]
    Collection(#[source] SyntaxError),
    /// The archive that is to be imported is another account's.
    #[error("the repository is of {found}")]
    Did {
        /// The account of the archive.
        found: Did,
    },
    /// A record is to be created where there is one.
    #[error("there is a record at {path} already")]
    Exists {
        /// The path.
        path: RepoPath,
    },
    /// The commit that was made does not lead back to the one before. The tree that was
    /// given is damaged, as far as it was read.
    #[error("the commit does not lead back to the one before")]
    Inversion {
        /// What went wrong, if it was not the root that differs.
        #[source]
        cause: Option<InversionError>,
    },
    /// The collection wants record keys that only the author can choose.
    #[error("records of {collection} need a record key")]
    KeyNeeded {
        /// The collection.
        collection: &'static str,
    },
    /// A record is to be updated or deleted where there is none.
    #[error("there is no record at {path}")]
    NotFound {
        /// The path.
        path: RepoPath,
    },
    /// A key of the tree is not the path of a record.
    #[error("path: {0}")]
    Path(#[from] PathError),
    /// A record is not a map in canonical DAG-CBOR.
    #[error("a record: {fault}")]
    Record {
        /// What is wrong with it.
        #[source]
        fault: CborError,
    },
    /// The key of a typed record is not one.
    #[error("record key: {0}")]
    RecordKey(#[source] SyntaxError),
    /// The new revision is not above the last.
    #[error("revision {rev} does not come after {previous}")]
    Rev {
        /// The new revision.
        rev: Tid,
        /// The last revision.
        previous: Tid,
    },
    /// Two writes go to one path.
    #[error("more than one write to {path}")]
    SamePath {
        /// The path.
        path: RepoPath,
    },
    /// The signer failed.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// A record is too long.
    #[error("the record at {path} has {found} bytes; the limit is {limit}")]
    TooLarge {
        /// The path.
        path: RepoPath,
        /// The longest that is admitted, in bytes.
        limit: usize,
        /// Its length in bytes.
        found: usize,
    },
    /// The tree could not be read, or a key not be added to it.
    #[error(transparent)]
    Tree(#[from] MstError),
}

/// Why an export ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// The archive could not be written.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// The block of the commit or of a record is missing.
    #[error("block {0} is missing")]
    Missing(Cid),
    /// The source failed.
    #[error(transparent)]
    Source(#[from] BlockSourceError),
    /// The tree could not be read.
    #[error(transparent)]
    Tree(#[from] MstError),
}

/// Why an archive is not a repository.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The archive is malformed, or a block has another hash.
    #[error(transparent)]
    Car(#[from] CarError),
    /// The first root is not a commit.
    #[error("commit: {0}")]
    Commit(#[from] CommitError),
    /// The archive was to be in the order of the tree and is not; see
    /// [`RepoReader::in_order`](super::RepoReader::in_order).
    #[error("block {found} comes where {expected} would be in order")]
    Order {
        /// The block that comes next in the tree.
        expected: Cid,
        /// The block that comes next in the archive.
        found: Cid,
    },
    /// A key of the tree is not the path of a record.
    #[error("path: {0}")]
    Path(#[from] PathError),
    /// The block of a record is missing.
    #[error("the record at {path}, block {cid}, is missing")]
    RecordMissing {
        /// The record.
        path: RepoPath,
        /// Its block.
        cid: Cid,
    },
    /// The commit is missing: no block is at the first root.
    #[error("the commit, block {0}, is missing")]
    RootMissing(Cid),
    /// The signature is not of the key.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// Blocks could not be spilled.
    #[error("spilling blocks: {0}")]
    Spill(#[source] std::io::Error),
    /// The tree breaks a rule, or nodes are missing.
    #[error(transparent)]
    Tree(#[from] MstError),
}

/// Why an archive proves nothing about a record.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProofError {
    /// The archive is malformed, or a block has another hash.
    #[error(transparent)]
    Car(#[from] CarError),
    /// The first root is not a commit.
    #[error("commit: {0}")]
    Commit(#[from] CommitError),
    /// The commit is another account's.
    #[error("the commit is of {found}")]
    Did {
        /// The account of the commit.
        found: Did,
    },
    /// The block of the commit or of the record is missing.
    #[error("block {0} is missing")]
    Missing(Cid),
    /// The signature is not of the key.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// The tree breaks a rule, or nodes are missing.
    #[error(transparent)]
    Tree(#[from] MstError),
}
