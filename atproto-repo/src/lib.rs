//! AT Protocol repositories: the signed, content-addressed key-value store that holds
//! one account's records.
//!
//! A repository is three layers, each a module here:
//!
//! - [`car`]: the archive format in which blocks travel,
//! - [`mst`]: the Merkle search tree that maps paths to records,
//! - [`commit`]: the signed statement that a tree is an account's repository.
//!
//! Above them [`repo`] writes, reads, exports and proves whole repositories, [`event`]
//! holds the messages of `com.atproto.sync.subscribeRepos`, and [`sync`] decides whether
//! such a message is true.
//!
//! Nothing here does I/O or waits, but for what the features add: `tempfile` a file for what
//! memory cannot hold, `tokio` archives from asynchronous input. Blocks come through
//! [`BlockSource`]; a block that is not there is an answer with its CID, after which the
//! caller may fetch and ask again.
//!
//! See the [specification](https://atproto.com/specs/repository).

mod blocks;
mod class;
mod path;

pub mod car;
pub mod commit;
pub mod event;

pub mod mst;
pub mod repo;
pub mod sync;

pub use blocks::{BlockMap, BlockSource, BlockSourceError, Overlay};
pub use path::{PathError, RepoPath};

/// The examples of the readme, compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
