//! The nodes that prove something about keys.

use std::cell::RefCell;

use atproto_core::syntax::Cid;
use bytes::Bytes;

use super::{Cursor, Limits, MstError, Next, Tree};
use crate::{BlockMap, BlockSource, BlockSourceError};

/// The record of a key in a stored tree, or `None` if the tree does not have the key.
pub fn lookup(
    source: &dyn BlockSource,
    root: &Cid,
    key: &[u8],
    limits: &Limits,
) -> Result<Option<Cid>, MstError> {
    let mut cursor = Cursor::with_limits(source, *root, *limits);
    cursor.seek(key)?;
    Ok(match cursor.peek() {
        Next::Entry { key: found, value } if found == key => Some(value),
        _ => None,
    })
}

/// The record of a key, and the nodes on the way from the root to where the key is or
/// would be, which prove the answer.
pub fn path(
    source: &dyn BlockSource,
    root: &Cid,
    key: &[u8],
    limits: &Limits,
) -> Result<(Option<Cid>, BlockMap), MstError> {
    let recorder = Recorder::new(source);
    let value = lookup(&recorder, root, key, limits)?;
    Ok((value, recorder.into_blocks()))
}

/// The nodes that prove keys together with their neighbours: for each key the way to
/// where it is or would be, and below its entry the ways to the keys directly before and
/// after it. With them anyone can undo the creation, update or deletion of those keys.
///
/// See the [specification](https://atproto.com/specs/repository#commit-diffs).
pub fn covering<K: AsRef<[u8]>>(
    source: &dyn BlockSource,
    root: &Cid,
    keys: impl IntoIterator<Item = K>,
    limits: &Limits,
) -> Result<BlockMap, MstError> {
    let recorder = Recorder::new(source);
    let mut tree = Tree::load(*root).with_limits(*limits);
    for key in keys {
        tree.load_covering(&recorder, key.as_ref())?;
    }
    let mut blocks = recorder.into_blocks();
    if tree.is_empty() {
        blocks.insert(*root, super::codec::EMPTY.into());
    }
    Ok(blocks)
}

/// A source that keeps what was read from it.
struct Recorder<S> {
    source: S,
    blocks: RefCell<BlockMap>,
}

impl<S: BlockSource> Recorder<S> {
    fn new(source: S) -> Self {
        Self { source, blocks: RefCell::default() }
    }

    fn into_blocks(self) -> BlockMap {
        self.blocks.into_inner()
    }
}

impl<S: BlockSource> BlockSource for Recorder<S> {
    fn block(&self, cid: &Cid) -> Result<Option<Bytes>, BlockSourceError> {
        let block = self.source.block(cid)?;
        if let Some(block) = &block {
            self.blocks.borrow_mut().insert(*cid, block.clone());
        }
        Ok(block)
    }
}
