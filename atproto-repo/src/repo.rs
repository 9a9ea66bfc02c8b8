//! Whole repositories: making commits, exporting, verifying, proving single records.
//!
//! ```
//! use atproto_core::{crypto::{Curve, SecretKey, Signer}, syntax::{Did, Tid}};
//! use atproto_repo::{BlockMap, repo::{self, Write}};
//!
//! let key = SecretKey::generate(Curve::K256);
//! let did = Did::new("did:plc:ewvi7nxzyoun6zhxrhs64oiz")?;
//!
//! let first = repo::create(&did, &key, Tid::now())?;
//! let mut blocks = first.new_blocks;
//!
//! let record = b"\xa1\x64text\x65hello".to_vec().into();
//! let write = Write::Create {
//!     collection: "com.example.note".parse()?,
//!     rkey: "self".parse()?,
//!     record,
//! };
//! let second = repo::apply(&blocks, &first.head, &did, vec![write], Tid::now(), &key)?;
//! blocks.extend(second.new_blocks);
//!
//! let mut archive = Vec::new();
//! repo::export(&blocks, &second.head, &mut archive)?;
//! let verified = repo::verify(archive, Some(&key.public_key()))?;
//! assert_eq!(verified.head, second.head);
//! assert_eq!(verified.records().next().unwrap().path.to_string(), "com.example.note/self");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod apply;
mod error;
mod export;
mod import;
mod proof;
mod reader;
mod spill;
mod store;
mod verify;
mod write;

pub use apply::{AppliedCommit, apply, create, resign};
pub use error::{ApplyError, ExportError, ProofError, VerifyError};
pub use export::export;
pub use import::{ImportedCommit, import};
pub use proof::{record_proof, verify_record_proof};
pub use reader::{ArchiveBlocks, InOrder, Kept, RepoReader, RepoRecords};
pub use spill::Spill;
#[cfg(feature = "tempfile")]
pub use spill::TemporaryFile;
pub use store::{BlockStore, Repo};
pub use verify::{Record, Records, VerifiedRepo, verify};
pub use write::Write;

use atproto_core::syntax::{Cid, Tid};

/// The newest commit of a repository, and what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The commit.
    pub commit: Cid,
    /// Its revision.
    pub rev: Tid,
    /// Its tree.
    pub data: Cid,
}

/// The longest record in bytes of DAG-CBOR, 1,000,000. Source:
/// <https://atproto.com/specs/sync#firehose>.
pub const MAX_RECORD: usize = 1_000_000;

/// The longest `blocks` of a `#commit` message in bytes, 2,000,000. Source:
/// <https://atproto.com/specs/sync#firehose>.
pub const MAX_COMMIT_BLOCKS: usize = 2_000_000;

/// The most operations of a `#commit` message, 200. Source:
/// <https://atproto.com/specs/sync#firehose>.
pub const MAX_COMMIT_OPS: usize = 200;

/// The longest `blocks` of a `#sync` message in bytes, 10,000. Source: the lexicon
/// `com.atproto.sync.subscribeRepos`.
pub const MAX_SYNC_BLOCKS: usize = 10_000;
