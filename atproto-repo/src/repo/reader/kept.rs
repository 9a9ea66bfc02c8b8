use std::io::Read;

use atproto_core::syntax::Cid;
use bytes::Bytes;

use super::{ArchiveBlocks, BLOCK};
use crate::{
    BlockMap, BlockSource, BlockSourceError,
    car::{CarBlock, ReaderBlocks},
    repo::{
        Spill, VerifyError,
        spill::{SpillWriter, SpilledBlocks},
    },
};

/// All the blocks of an archive: in memory, or spilled if they are too many for it.
#[derive(Debug)]
pub struct Kept<S>(Place<S>);

#[derive(Debug)]
enum Place<S> {
    Memory(BlockMap),
    Spill(SpilledBlocks<S>),
}

impl<S: Spill> Kept<S> {
    pub(super) fn read<R: Read>(
        mut archive: ReaderBlocks<R>,
        memory: usize,
        spill: S,
    ) -> Result<Self, VerifyError> {
        let mut kept = BlockMap::new();
        let mut bytes = 0;
        while bytes <= memory {
            let Some(block) = archive.next() else { return Ok(Self(Place::Memory(kept))) };
            let CarBlock { cid, bytes: block } = block?;
            bytes += BLOCK + block.len();
            kept.insert(cid, block);
        }
        let mut writer = SpillWriter::new(spill);
        for (cid, block) in kept {
            writer.push(&cid, &block).map_err(VerifyError::Spill)?;
        }
        for block in archive {
            let CarBlock { cid, bytes } = block?;
            writer.push(&cid, &bytes).map_err(VerifyError::Spill)?;
        }
        Ok(Self(Place::Spill(writer.finish().map_err(VerifyError::Spill)?)))
    }
}

impl<S: Spill> BlockSource for Kept<S> {
    fn block(&self, cid: &Cid) -> Result<Option<Bytes>, BlockSourceError> {
        match &self.0 {
            Place::Memory(blocks) => blocks.block(cid),
            Place::Spill(blocks) => blocks.block(cid),
        }
    }
}

impl<S: Spill> ArchiveBlocks for Kept<S> {}
