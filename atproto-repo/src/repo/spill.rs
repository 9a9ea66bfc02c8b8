//! Blocks for which memory has no room.

mod index;
#[cfg(feature = "tempfile")]
mod temporary_file;

use std::io;

use atproto_core::syntax::Cid;
use bytes::Bytes;

use crate::{BlockSource, BlockSourceError};
use index::{Index, IndexWriter};
#[cfg(feature = "tempfile")]
pub use temporary_file::TemporaryFile;

/// A place on disk, or wherever bytes are cheaper than in memory, for what a reader of
/// archives cannot hold: appended to, then read at random. Nothing is ever changed or
/// removed, and the place may vanish with the value.
///
/// With the feature `tempfile`, `TemporaryFile` is one.
pub trait Spill {
    /// Adds bytes to the end.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Fills the buffer from that many bytes after the beginning of what was appended.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()>;
}

/// In memory, for tests, and where memory is no concern.
impl Spill for Vec<u8> {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.extend_from_slice(bytes);
        Ok(())
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let rest = usize::try_from(offset).ok().and_then(|offset| self.get(offset..));
        let bytes = rest.and_then(|rest| rest.get(..buffer.len()));
        buffer.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

/// Blocks on their way to a spill.
#[derive(Debug)]
pub(super) struct SpillWriter<S> {
    log: Log<S>,
    index: IndexWriter,
}

/// Blocks in a spill, found by a sorted index that is there as well.
#[derive(Debug)]
pub(super) struct SpilledBlocks<S> {
    spill: S,
    index: Index,
}

impl<S: Spill> SpillWriter<S> {
    pub(super) fn new(spill: S) -> Self {
        Self { log: Log { spill, len: 0, buffer: Vec::new() }, index: IndexWriter::default() }
    }

    pub(super) fn push(&mut self, cid: &Cid, block: &[u8]) -> io::Result<()> {
        let at = self.log.append(block)?;
        self.index.push(cid, at, block.len(), &mut self.log)
    }

    pub(super) fn finish(mut self) -> io::Result<SpilledBlocks<S>> {
        let index = self.index.finish(&mut self.log)?;
        self.log.flush()?;
        Ok(SpilledBlocks { spill: self.log.spill, index })
    }
}

impl<S: Spill> BlockSource for SpilledBlocks<S> {
    fn block(&self, cid: &Cid) -> Result<Option<Bytes>, BlockSourceError> {
        let read = || {
            let Some((at, len)) = self.index.find(cid, &self.spill)? else { return Ok(None) };
            let mut block = vec![0; len];
            self.spill.read_at(at, &mut block)?;
            Ok::<_, io::Error>(Some(block.into()))
        };
        read().map_err(BlockSourceError::new)
    }
}

/// A spill with its length, and a buffer before it.
#[derive(Debug)]
struct Log<S> {
    spill: S,
    /// Bytes appended, those in the buffer included.
    len: u64,
    buffer: Vec<u8>,
}

impl<S: Spill> Log<S> {
    /// Where the bytes begin.
    fn append(&mut self, bytes: &[u8]) -> io::Result<u64> {
        if self.buffer.len() + bytes.len() > BUFFER {
            self.flush()?;
        }
        self.buffer.extend_from_slice(bytes);
        let at = self.len;
        self.len += bytes.len() as u64;
        Ok(at)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.spill.append(&self.buffer)?;
        self.buffer.clear();
        Ok(())
    }
}

/// How much is appended at once, in bytes.
const BUFFER: usize = 256 << 10;
