use std::io::{ErrorKind, Read};

use atproto_core::syntax::Cid;
use bytes::{Bytes, BytesMut};

use super::{
    CarBlock, CarError, Limits,
    decoder::{Decoder, Item},
};

/// The blocks of an archive as they come, one buffer in memory at a time.
#[derive(Debug)]
pub struct ReaderBlocks<R> {
    archive: R,
    unread: BytesMut,
    roots: Vec<Cid>,
    decoder: Decoder,
    stopped: bool,
}

impl<R: Read> ReaderBlocks<R> {
    pub(super) fn new(archive: R, limits: &Limits) -> Result<Self, CarError> {
        let mut this = Self {
            archive,
            unread: BytesMut::new(),
            roots: Vec::new(),
            decoder: Decoder::new(limits),
            stopped: false,
        };
        loop {
            match this.decoder.header(&this.unread)? {
                Ok((roots, length)) => {
                    this.roots = roots;
                    let _ = this.unread.split_to(length);
                    return Ok(this);
                }
                Err(need) => this.fill(need)?,
            }
        }
    }

    /// The roots: at least one, the first of which is the commit.
    pub fn roots(&self) -> &[Cid] {
        &self.roots
    }

    fn read_block(&mut self) -> Result<Option<CarBlock<Bytes>>, CarError> {
        loop {
            match self.decoder.block(&self.unread)? {
                Item::Block { cid, bytes } => {
                    let section = self.unread.split_to(bytes.end).freeze();
                    return Ok(Some(CarBlock { cid, bytes: section.slice(bytes) }));
                }
                Item::Need(need) => self.fill(need)?,
                Item::End if self.read_some(CHUNK)? == 0 => return Ok(None),
                Item::End => {}
            }
        }
    }

    /// Reads until that many bytes are unread. The decoder has checked the length that
    /// asks for them; still the buffer grows with what arrives, not with what is announced.
    fn fill(&mut self, need: usize) -> Result<(), CarError> {
        while self.unread.len() < need {
            let missing = need - self.unread.len();
            if self.read_some(missing.clamp(CHUNK, MAX_CHUNK))? == 0 {
                return Err(CarError::Truncated);
            }
        }
        Ok(())
    }

    fn read_some(&mut self, bytes: usize) -> Result<usize, CarError> {
        let start = self.unread.len();
        self.unread.resize(start + bytes, 0);
        let read = loop {
            match self.archive.read(&mut self.unread[start..]) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        self.unread.truncate(start + read.as_ref().map_or(0, |read| *read));
        Ok(read?)
    }
}

impl<R: Read> Iterator for ReaderBlocks<R> {
    type Item = Result<CarBlock<Bytes>, CarError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.stopped {
            return None;
        }
        let block = self.read_block().transpose();
        self.stopped = !matches!(block, Some(Ok(_)));
        block
    }
}

/// How much is asked of the reader at once, in bytes: enough for some forty blocks.
const CHUNK: usize = 16 << 10;

/// The most by which the buffer grows ahead of what has arrived, in bytes.
const MAX_CHUNK: usize = 256 << 10;
