use std::{cell::RefCell, io::Read};

use atproto_core::syntax::Cid;
use bytes::Bytes;

use super::{ArchiveBlocks, BLOCK};
use crate::{
    BlockMap, BlockSource, BlockSourceError,
    car::{CarBlock, CarError, ReaderBlocks},
    repo::VerifyError,
};

/// The blocks of an archive as they come: the next one is the one that is asked for, or
/// else a record that was at another path before, or else the archive is not in order.
#[derive(Debug)]
pub struct InOrder<R> {
    archive: RefCell<Archive<R>>,
}

#[derive(Debug)]
struct Archive<R> {
    blocks: ReaderBlocks<R>,
    /// What comes next, once it has been looked at.
    next: Option<CarBlock<Bytes>>,
    /// Blocks that have been read, from the first on, as many as there is memory for.
    kept: BlockMap,
    memory: usize,
    failure: Option<VerifyError>,
}

impl<R: Read> InOrder<R> {
    pub(super) fn new(blocks: ReaderBlocks<R>, memory: usize) -> Self {
        let (next, kept, failure) = (None, BlockMap::new(), None);
        Self { archive: RefCell::new(Archive { blocks, next, kept, memory, failure }) }
    }
}

impl<R: Read> Archive<R> {
    fn block(&mut self, cid: &Cid) -> Result<Option<Bytes>, VerifyError> {
        match self.next()? {
            Some(block) if block.cid == *cid => {
                self.keep(&block);
                Ok(Some(block.bytes))
            }
            other => {
                self.next = other;
                match (self.kept.get(cid), &self.next) {
                    (Some(bytes), _) => Ok(Some(bytes.clone())),
                    (None, None) => Ok(None),
                    (None, Some(next)) => {
                        Err(VerifyError::Order { expected: *cid, found: next.cid })
                    }
                }
            }
        }
    }

    fn next(&mut self) -> Result<Option<CarBlock<Bytes>>, CarError> {
        match self.next.take() {
            None => self.blocks.next().transpose(),
            next => Ok(next),
        }
    }

    fn keep(&mut self, block: &CarBlock<Bytes>) {
        if let Some(left) = self.memory.checked_sub(block.bytes.len() + BLOCK) {
            self.memory = left;
            self.kept.insert(block.cid, block.bytes.clone());
        }
    }
}

impl<R: Read> BlockSource for InOrder<R> {
    fn block(&self, cid: &Cid) -> Result<Option<Bytes>, BlockSourceError> {
        let archive = &mut *self.archive.borrow_mut();
        match archive.block(cid) {
            Ok(block) => Ok(block),
            Err(error) => {
                archive.failure = Some(error);
                Ok(None)
            }
        }
    }
}

impl<R: Read> ArchiveBlocks for InOrder<R> {
    fn failure(&self) -> Option<VerifyError> {
        self.archive.borrow_mut().failure.take()
    }

    fn finish(&self) -> Result<(), VerifyError> {
        let archive = &mut *self.archive.borrow_mut();
        archive.blocks.try_for_each(|block| block.map(|_| ()).map_err(VerifyError::from))
    }
}
