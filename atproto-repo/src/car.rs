//! CAR archives: blocks in a row, each behind its length and its CID.
//!
//! ```text
//! varint(header)  header: DAG-CBOR { roots: [commit], version: 1 }
//! varint(36 + n)  CID (36 bytes)  block (n bytes)
//! varint(36 + m)  CID (36 bytes)  block (m bytes)
//! …
//! ```
//!
//! The first root is the commit. Blocks may come in any order, more than once, and may
//! be unreferenced; what is stored is what the reader reaches from the commit. The hash
//! of every block is checked, and nothing turns that off.
//!
//! One recogniser serves all readers: [`CarReader::for_slice`] borrows, `for_bytes`
//! shares, `for_reader` streams in bounded memory, and so does `for_async_reader` with the
//! feature `tokio`.
//!
//! ```
//! use atproto_core::syntax::Cid;
//! use atproto_repo::car::{self, CarReader};
//!
//! let block = b"\xa0";
//! let root = Cid::dag_cbor(block);
//! let archive = car::write(&root, [(&root, &block[..])]);
//!
//! let mut reader = CarReader::new().max_block(1 << 20).for_slice(&archive)?;
//! assert_eq!(reader.roots(), [root]);
//! let first = reader.next().unwrap()?;
//! assert_eq!((first.cid, first.bytes), (root, &block[..]));
//! assert!(reader.next().is_none());
//! # Ok::<(), car::CarError>(())
//! ```
//!
//! See the [specification](https://atproto.com/specs/repository#car-file-serialization).

#[cfg(feature = "tokio")]
mod async_reader;
mod decoder;
mod error;
mod feed;
mod reader;
mod slice;
mod writer;

#[cfg(feature = "tokio")]
pub use async_reader::AsyncReaderBlocks;
pub use decoder::Limits;
pub use error::{CarError, HeaderError};
pub use reader::ReaderBlocks;
pub use slice::{SharedBlocks, SliceBlocks};
pub use writer::{CarWriter, write};

use std::io::Read;

use atproto_core::syntax::Cid;
use bytes::Bytes;
#[cfg(feature = "tokio")]
use tokio::io::AsyncRead;

use crate::BlockMap;

/// The media type of an archive.
pub const MEDIA_TYPE: &str = "application/vnd.ipld.car";

/// One block of an archive, its hash checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CarBlock<B> {
    /// What the bytes hash to.
    pub cid: Cid,
    /// The bytes.
    pub bytes: B,
}

/// Reads archives within limits; see [`Limits`] for the defaults.
#[derive(Debug, Clone, Default)]
pub struct CarReader {
    limits: Limits,
}

impl CarReader {
    /// A reader with the default limits.
    pub fn new() -> Self {
        Self::default()
    }

    /// A reader with these limits.
    pub fn with_limits(limits: Limits) -> Self {
        Self { limits }
    }

    /// Refuses blocks longer than that many bytes, before anything is allocated.
    pub fn max_block(mut self, bytes: usize) -> Self {
        self.limits.max_block = bytes;
        self
    }

    /// Refuses archives with more blocks than that, duplicates included.
    pub fn max_blocks(mut self, blocks: u64) -> Self {
        self.limits.max_blocks = blocks;
        self
    }

    /// Refuses archives of more bytes than that.
    pub fn max_archive(mut self, bytes: u64) -> Self {
        self.limits.max_archive = bytes;
        self
    }

    /// Reads an archive in memory; blocks borrow from it.
    pub fn for_slice<'a>(&self, archive: &'a [u8]) -> Result<SliceBlocks<'a>, CarError> {
        SliceBlocks::new(archive, &self.limits)
    }

    /// Reads an archive in memory; blocks share it.
    pub fn for_bytes(&self, archive: Bytes) -> Result<SharedBlocks, CarError> {
        SharedBlocks::new(archive, &self.limits)
    }

    /// Reads an archive as it comes, one block in memory at a time.
    pub fn for_reader<R: Read>(&self, archive: R) -> Result<ReaderBlocks<R>, CarError> {
        ReaderBlocks::new(archive, &self.limits)
    }

    /// Reads an archive as it comes from asynchronous input, one block in memory at a time.
    #[cfg(feature = "tokio")]
    pub async fn for_async_reader<R: AsyncRead + Unpin>(
        &self,
        archive: R,
    ) -> Result<AsyncReaderBlocks<R>, CarError> {
        AsyncReaderBlocks::new(archive, &self.limits).await
    }
}

/// Reads a whole archive: its roots, and its blocks, which share the archive's memory.
pub fn read_all(
    archive: impl Into<Bytes>,
    limits: &Limits,
) -> Result<(Vec<Cid>, BlockMap), CarError> {
    let archive = archive.into();
    // Blocks of commits have some 700 bytes.
    let mut blocks = BlockMap::with_capacity((archive.len() / 512).min(1_024));
    let length = archive.len();
    let mut reader = CarReader::with_limits(limits.clone()).for_bytes(archive)?;
    while let Some(block) = reader.next() {
        let CarBlock { cid, bytes } = block?;
        if blocks.len() == blocks.capacity() {
            blocks.reserve(most_likely_left(blocks.len(), length - reader.unread(), length));
        }
        blocks.insert(cid, bytes);
    }
    Ok((reader.into_roots(), blocks))
}

/// How many blocks to make room for after so many in so many bytes: twice as many as there
/// are, and where enough has been read to tell, as many as the rest is likely to hold.
fn most_likely_left(blocks: usize, read: usize, length: usize) -> usize {
    if read < length / 8 {
        return blocks + 1;
    }
    let left = blocks as u128 * (length - read) as u128 / read as u128;
    left as usize + left as usize / 50 + 1
}
