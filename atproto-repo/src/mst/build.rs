use atproto_core::syntax::Cid;

use super::{Limits, MstError, NodeFault, codec, empty_node};

/// Makes a tree from entries in order, from the bottom up, holding one node per layer.
///
/// ```
/// use atproto_core::syntax::Cid;
/// use atproto_repo::{BlockMap, mst::Builder};
///
/// let mut blocks = BlockMap::new();
/// let mut builder = Builder::new(|cid, block: Vec<u8>| {
///     blocks.insert(cid, block.into());
/// });
/// builder.push(b"app.bsky.actor.profile/self", Cid::dag_cbor(b"alice"))?;
/// builder.push(b"app.bsky.feed.post/3jzfcijpj2z2a", Cid::dag_cbor(b"hello"))?;
/// let root = builder.finish();
/// assert!(blocks.contains(&root));
/// # Ok::<(), atproto_repo::mst::MstError>(())
/// ```
#[derive(Debug)]
pub struct Builder<F> {
    emit: F,
    limits: Limits,
    /// The unfinished node of each layer.
    layers: Vec<Pending>,
    last: Vec<u8>,
}

#[derive(Debug, Default)]
struct Pending {
    left: Option<Cid>,
    keys: Vec<u8>,
    entries: Vec<PendingEntry>,
}

#[derive(Debug)]
struct PendingEntry {
    key_end: usize,
    value: Cid,
    right: Option<Cid>,
}

impl<F: FnMut(Cid, Vec<u8>)> Builder<F> {
    /// A builder that hands out each node when it is finished, children before parents.
    pub fn new(emit: F) -> Self {
        Self::with_limits(emit, Limits::default())
    }

    /// A builder under other limits.
    pub fn with_limits(emit: F, limits: Limits) -> Self {
        Self { emit, limits, layers: Vec::new(), last: Vec::new() }
    }

    /// Adds an entry, whose key must come after all before it.
    pub fn push(&mut self, key: &[u8], value: Cid) -> Result<(), MstError> {
        if *key <= *self.last {
            return Err(MstError::Key(NodeFault::KeyOrder));
        }
        let height = usize::from(self.limits.check_key(key).map_err(MstError::Key)?);
        if self.layers.len() <= height {
            self.layers.resize_with(height + 1, Pending::default);
        }
        self.close_below(height);
        let layer = &mut self.layers[height];
        self.limits.check_entries(layer.entries.len() + 1).map_err(MstError::Key)?;
        layer.keys.extend_from_slice(key);
        layer.entries.push(PendingEntry { key_end: layer.keys.len(), value, right: None });
        self.last.clear();
        self.last.extend_from_slice(key);
        Ok(())
    }

    /// Finishes the nodes that are open, and returns the root.
    pub fn finish(mut self) -> Cid {
        let top = self.layers.len().saturating_sub(1);
        self.close_below(top);
        let block = self.layers.last().map_or_else(empty_node, Pending::encode);
        let root = Cid::dag_cbor(&block);
        (self.emit)(root, block);
        root
    }

    /// Finishes the nodes on the layers below one, and hangs them where they belong.
    fn close_below(&mut self, height: usize) {
        for layer in 0..height {
            let node = &mut self.layers[layer];
            if node.left.is_none() && node.entries.is_empty() {
                continue;
            }
            let block = node.encode();
            node.clear();
            let cid = Cid::dag_cbor(&block);
            (self.emit)(cid, block);
            let parent = &mut self.layers[layer + 1];
            match parent.entries.last_mut() {
                Some(entry) => entry.right = Some(cid),
                None => parent.left = Some(cid),
            }
        }
    }
}

impl Pending {
    fn encode(&self) -> Vec<u8> {
        let mut start = 0;
        let entries = self.entries.iter().map(|entry| {
            let key = &self.keys[start..entry.key_end];
            start = entry.key_end;
            (key, &entry.value, entry.right.as_ref())
        });
        codec::encode(self.left.as_ref(), entries)
    }

    fn clear(&mut self) {
        self.left = None;
        self.keys.clear();
        self.entries.clear();
    }
}
