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
///
/// A collection is a range of keys, which can be read from either end without touching
/// what is outside it:
///
/// ```
/// use atproto_core::syntax::Cid;
/// use atproto_repo::{BlockMap, mst::{Cursor, Tree}};
///
/// let mut tree = Tree::empty();
/// for key in ["app.bsky.feed.like/1", "app.bsky.feed.post/2", "app.bsky.feed.post/3"] {
///     tree.insert(&BlockMap::new(), key, Cid::dag_cbor(key.as_bytes()))?;
/// }
/// let blocks = tree.take_new_blocks();
///
/// let mut cursor = Cursor::new(&blocks, tree.root());
/// cursor.seek(b"app.bsky.feed.post/")?;
/// assert_eq!(cursor.next_with_prefix(b"app.bsky.feed.post/")?.unwrap().0, b"app.bsky.feed.post/2");
///
/// cursor.seek_after_prefix(b"app.bsky.feed.post/")?;
/// assert_eq!(cursor.previous_with_prefix(b"app.bsky.feed.post/")?.unwrap().0, b"app.bsky.feed.post/3");
/// # Ok::<(), atproto_repo::mst::MstError>(())
/// ```
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
    /// What comes next: `2 * i` is the subtree in gap `i`, `2 * i + 1` is entry `i`.
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

    /// Where the nodes come from.
    pub fn source(&self) -> &S {
        &self.source
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
        let block = self.open()?.map(|page| page.block().clone());
        self.settle();
        Ok(block)
    }

    /// Passes over what comes next.
    pub fn skip(&mut self) {
        self.skip_one();
        self.settle();
    }

    /// Goes to the next entry, through subtrees, and returns it.
    pub fn next_entry(&mut self) -> Result<Option<(&[u8], Cid)>, MstError> {
        self.next_with_prefix(b"")
    }

    /// The next entry, if its key begins with a prefix; otherwise the walk stays before
    /// it.
    pub fn next_with_prefix(&mut self, prefix: &[u8]) -> Result<Option<(&[u8], Cid)>, MstError> {
        self.reach_entry()?;
        // The frame may go when the position moves on, so the key needs a place of its own.
        let mut current = std::mem::take(&mut self.key);
        let value = match self.peek() {
            Next::Entry { key, value } if key.starts_with(prefix) => {
                current.clear();
                current.extend_from_slice(key);
                Some(value)
            }
            _ => None,
        };
        self.key = current;
        let Some(value) = value else { return Ok(None) };
        self.skip();
        Ok(Some((&self.key, value)))
    }

    /// The record of the next entry.
    pub(crate) fn next_value(&mut self) -> Result<Option<Cid>, MstError> {
        self.reach_entry()?;
        let Some(frame) = self.stack.last() else { return Ok(None) };
        let value = frame.page.value(frame.next / 2);
        self.skip();
        Ok(Some(value))
    }

    /// Goes back to the entry before, through subtrees, and returns it. It is then what
    /// comes next.
    pub fn previous_entry(&mut self) -> Result<Option<(&[u8], Cid)>, MstError> {
        self.previous_with_prefix(b"")
    }

    /// The entry before, if its key begins with a prefix; otherwise the walk stays after
    /// it.
    pub fn previous_with_prefix(
        &mut self,
        prefix: &[u8],
    ) -> Result<Option<(&[u8], Cid)>, MstError> {
        while self.enter_previous()? {}
        let matches = |frame: &Frame| frame.page.key(frame.next / 2 - 1).starts_with(prefix);
        if !self.stack.last().is_some_and(matches) {
            self.settle();
            return Ok(None);
        }
        let Some(frame) = self.stack.last_mut() else { return Ok(None) };
        frame.next -= 1;
        let index = frame.next / 2;
        Ok(Some((frame.page.key(index), frame.page.value(index))))
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

    /// Goes after the last entry whose key begins with a prefix, or would if there were
    /// one. After an error the walk is at its beginning.
    pub fn seek_after_prefix(&mut self, prefix: &[u8]) -> Result<(), MstError> {
        // The first key after all of a prefix is the prefix with its last byte raised.
        match prefix.iter().rposition(|byte| *byte < u8::MAX) {
            Some(last) => {
                let mut after = prefix[..=last].to_vec();
                after[last] += 1;
                self.seek(&after)
            }
            None => {
                self.rewind();
                self.started = true;
                Ok(())
            }
        }
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

    /// Goes from behind into the subtree that is directly before the position, and says
    /// whether there was one. If not, an entry is directly before, or nothing.
    fn enter_previous(&mut self) -> Result<bool, MstError> {
        // Out of nodes whose beginning this is, and over subtrees that are absent.
        let previous = loop {
            match self.stack.last_mut() {
                Some(frame) if frame.next == 0 => {
                    self.spare.extend(self.stack.pop().map(|frame| frame.page));
                    match self.stack.last_mut() {
                        Some(parent) => parent.next -= 1,
                        None => self.started = false,
                    }
                }
                Some(frame) => match frame.next - 1 {
                    entry if entry % 2 == 1 => return Ok(false),
                    subtree => match frame.page.child(subtree / 2) {
                        Some(cid) => break cid,
                        None => frame.next -= 1,
                    },
                },
                None if self.started => break self.root,
                None => return Ok(false),
            }
        };
        let mut page = self.spare.pop().unwrap_or_default();
        let read = load::read(&self.source, &self.limits, &previous, self.place(), &mut page);
        let layer = read.inspect_err(|_| self.settle())?;
        let next = 2 * page.len() + 1;
        self.stack.push(Frame { page, layer, next });
        Ok(true)
    }

    /// Goes into subtrees until an entry comes next, or the end.
    fn reach_entry(&mut self) -> Result<(), MstError> {
        while self.stack.last().is_none_or(|frame| frame.next % 2 == 0) {
            if self.open()?.is_none() {
                break;
            }
            self.settle();
        }
        Ok(())
    }

    /// Opens the node of the subtree that comes next, if one does.
    fn open(&mut self) -> Result<Option<&Page>, MstError> {
        let Next::Subtree { cid, .. } = self.peek() else { return Ok(None) };
        let mut page = self.spare.pop().unwrap_or_default();
        let layer = load::read(&self.source, &self.limits, &cid, self.place(), &mut page)?;
        self.skip_one();
        self.stack.push(Frame { page, layer, next: 0 });
        Ok(self.stack.last().map(|frame| &frame.page))
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
