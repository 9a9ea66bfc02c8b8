mod build;
mod costs;
mod cursor;
mod diff;
mod edit;
mod proofs;
mod rules;
mod vectors;

use std::{cell::RefCell, collections::BTreeSet};

use atproto_core::syntax::Cid;
use atproto_repo::{BlockMap, BlockSource, BlockSourceError};
use bytes::Bytes;

/// A source that notes which blocks were read.
struct Counted<'a> {
    source: &'a BlockMap,
    reads: RefCell<BTreeSet<Cid>>,
}

impl<'a> Counted<'a> {
    fn new(source: &'a BlockMap) -> Self {
        Self { source, reads: RefCell::default() }
    }

    fn len(&self) -> usize {
        self.reads.borrow().len()
    }
}

impl BlockSource for Counted<'_> {
    fn block(&self, cid: &Cid) -> Result<Option<Bytes>, BlockSourceError> {
        self.reads.borrow_mut().insert(*cid);
        self.source.block(cid)
    }
}
