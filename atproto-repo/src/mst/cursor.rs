use atproto_core::syntax::Cid;
use bytes::Bytes;

use super::{
    Limits, MstError, load,
    page::{Page, Place},
};
use crate::BlockSource;

/// A walk through a stored tree in the order of its keys, one node in memory per layer.
///
/// What comes next is an entry or a subtree; the caller may [`enter`](Self::enter) a
/// subtree, [`skip`](Self::skip) it, or leave both to [`next_entry`](Self::next_entry).
/// Every node that is entered is checked against all rules of the tree, so a walk to the
/// end without skips is the proof that a tree is sound.
///
/// If a block is missing the walk says which and stays where it is.
#[derive(Debug)]
pub struct Cursor<S> {
    source: S,
    limits: Limits,
    root: Cid,
    /// The nodes that contain the position, from the root down.
    stack: Vec<Frame>,
    /// Nodes that were left, for their buffers.
    spare: Vec<Page>,
    started: bool,
    /// The key of the entry that was returned last.
    key: Vec<u8>,
}

#[derive(Debug)]
struct Frame {
    page: Page,
    layer: u8,
    /// Twice the index of a subtree, or that of an entry plus one.
    next: usize,
}

/// What comes next in a walk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next<'a> {
    /// An entry.
    Entry {
        /// The key.
        key: &'a [u8],
        /// The record.
        value: Cid,
    },
    /// A subtree.
    Subtree {
        /// Its node.
        cid: Cid,
        /// Its layer, or `None` for the root of the tree.
        layer: Option<u8>,
    },
    /// The end of the tree.
    End,
}

impl<S: BlockSource> Cursor<S> {
    /// A walk that begins before the root of a repository's tree.
    pub fn new(source: S, root: Cid) -> Self {
        Self::with_limits(source, root, Limits::default())
    }

    /// A walk under other limits.
    pub fn with_limits(source: S, root: Cid, limits: Limits) -> Self {
        let (stack, spare, key) = (Vec::new(), Vec::new(), Vec::new());
        Self { source, limits, root, stack, spare, started: false, key }
    }

    /// What comes next.
    pub fn peek(&self) -> Next<'_> {
        let Some(frame) = self.stack.last() else {
            return match self.started {
                true => Next::End,
                false => Next::Subtree { cid: self.root, layer: None },
            };
        };
        let index = frame.next / 2;
        if frame.next % 2 == 1 {
            return Next::Entry { key: frame.page.key(index), value: frame.page.value(index) };
        }
        match frame.page.child(index) {
            Some(cid) => Next::Subtree { cid, layer: frame.layer.checked_sub(1) },
            None => Next::End,
        }
    }

    /// Goes into the subtree that comes next and returns the block of its node; does
    /// nothing if what comes next is no subtree.
    pub fn enter(&mut self) -> Result<Option<Bytes>, MstError> {
        let Next::Subtree { cid, .. } = self.peek() else { return Ok(None) };
        let mut page = self.spare.pop().unwrap_or_default();
        let layer = load::read(&self.source, &self.limits, &cid, self.place(), &mut page)?;
        let block = page.block().clone();
        self.skip_one();
        self.stack.push(Frame { page, layer, next: 0 });
        self.settle();
        Ok(Some(block))
    }

    /// Passes over what comes next.
    pub fn skip(&mut self) {
        self.skip_one();
        self.settle();
    }

    /// Goes to the next entry, through subtrees, and returns it.
    pub fn next_entry(&mut self) -> Result<Option<(&[u8], Cid)>, MstError> {
        while self.enter()?.is_some() {}
        // The frame may go when the position moves on, so the key needs a place of its own.
        let mut current = std::mem::take(&mut self.key);
        let Next::Entry { key, value } = self.peek() else { return Ok(None) };
        current.clear();
        current.extend_from_slice(key);
        self.key = current;
        self.skip();
        Ok(Some((&self.key, value)))
    }

    /// Goes to the first entry whose key is not below the one given, from anywhere. After
    /// an error the walk is at its beginning.
    pub fn seek(&mut self, key: &[u8]) -> Result<(), MstError> {
        self.rewind();
        let result = self.descend(key);
        match result {
            Ok(()) => self.settle(),
            Err(_) => self.rewind(),
        }
        result
    }

    /// Goes back before the root.
    pub fn rewind(&mut self) {
        self.spare.extend(self.stack.drain(..).map(|frame| frame.page));
        self.started = false;
    }

    fn descend(&mut self, key: &[u8]) -> Result<(), MstError> {
        let mut deeper = true;
        while deeper {
            deeper = false;
            let mut page = self.spare.pop().unwrap_or_default();
            let Next::Subtree { cid, .. } = self.peek() else { break };
            let layer = load::read(&self.source, &self.limits, &cid, self.place(), &mut page)?;
            let next = match page.search(key) {
                Ok(index) => 2 * index + 1,
                Err(index) => {
                    deeper = page.has_child(index);
                    2 * index
                }
            };
            self.skip_one();
            self.stack.push(Frame { page, layer, next });
        }
        Ok(())
    }

    fn skip_one(&mut self) {
        match self.stack.last_mut() {
            Some(frame) => frame.next += 1,
            None => self.started = true,
        }
    }

    /// Passes over absent subtrees and leaves nodes that are done.
    fn settle(&mut self) {
        while let Some(frame) = self.stack.last_mut() {
            if frame.next > 2 * frame.page.len() {
                self.spare.extend(self.stack.pop().map(|frame| frame.page));
            } else if frame.next % 2 == 0 && !frame.page.has_child(frame.next / 2) {
                frame.next += 1;
            } else {
                return;
            }
        }
    }

    /// What the position asks of the subtree there.
    fn place(&self) -> Place<'_> {
        let Some(parent) = self.stack.last() else { return Place::default() };
        let above = self.stack.iter().rev().find_map(|Frame { page, next, .. }| {
            (next / 2).checked_sub(1).map(|index| page.key(index))
        });
        let below = self.stack.iter().rev().find_map(|Frame { page, next, .. }| {
            let index = next / 2;
            (index < page.len()).then(|| page.key(index))
        });
        Place { layer: parent.layer.checked_sub(1), above, below }
    }
}
