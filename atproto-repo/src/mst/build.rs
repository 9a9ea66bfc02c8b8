use atproto_core::syntax::Cid;

use super::{Limits, MstError, NodeFault, codec::EMPTY, common_prefix, encoder::Encoder};

/// Makes a tree from entries in order, from the bottom up, holding one node per layer.
///
/// ```
/// use atproto_core::syntax::Cid;
/// use atproto_repo::{BlockMap, mst::Builder};
///
/// let mut blocks = BlockMap::new();
/// let mut builder = Builder::new(|cid, block: &[u8]| {
///     blocks.insert(cid, block.to_vec().into());
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

/// A node that is being written.
#[derive(Debug, Default)]
struct Pending {
    encoder: Encoder,
    /// The subtree after what has been written.
    below: Option<Cid>,
}

impl<F: FnMut(Cid, &[u8])> Builder<F> {
    /// A builder that hands out each node when it is finished, children before parents.
    pub fn new(emit: F) -> Self {
        Self::with_limits(emit, Limits::default())
    }

    /// A builder under other limits.
    pub fn with_limits(emit: F, limits: Limits) -> Self {
        Self { emit, limits, layers: Vec::new(), last: Vec::new() }
    }

    /// Adds an entry, whose key must come after all before it. An entry that is refused
    /// changes nothing.
    pub fn push(&mut self, key: &[u8], value: Cid) -> Result<(), MstError> {
        let shared = common_prefix(&self.last, key);
        if key[shared..] <= self.last[shared..] {
            return Err(MstError::Key(NodeFault::KeyOrder));
        }
        let height = self.limits.check_key(key, shared).map_err(MstError::Key)?;
        let height = usize::from(height);
        if self.layers.len() <= height {
            self.layers.resize_with(height + 1, Pending::default);
        }
        let entries = self.layers[height].encoder.len() + 1;
        self.limits.check_entries(entries).map_err(MstError::Key)?;
        self.close_below(height);
        self.layers[height].push(key, value);
        self.last.truncate(shared);
        self.last.extend_from_slice(&key[shared..]);
        Ok(())
    }

    /// Finishes the nodes that are open, and returns the root.
    pub fn finish(mut self) -> Cid {
        let top = self.layers.iter().rposition(|layer| !layer.is_empty());
        let Some(top) = top else {
            let root = Cid::dag_cbor(EMPTY);
            (self.emit)(root, EMPTY);
            return root;
        };
        self.close_below(top);
        self.layers[top].finish(&mut self.emit)
    }

    /// Finishes the nodes on the layers below one, and hangs them where they belong. A layer
    /// without an entry gets its empty node here, because what is below it has just been
    /// hung there.
    fn close_below(&mut self, height: usize) {
        for layer in 0..height {
            if !self.layers[layer].is_empty() {
                let cid = self.layers[layer].finish(&mut self.emit);
                self.layers[layer + 1].below = Some(cid);
            }
        }
    }
}

impl Pending {
    fn is_empty(&self) -> bool {
        self.encoder.len() == 0 && self.below.is_none()
    }

    fn push(&mut self, key: &[u8], value: Cid) {
        self.encoder.subtree(self.below.take());
        self.encoder.entry(key, value);
    }

    fn finish(&mut self, emit: &mut impl FnMut(Cid, &[u8])) -> Cid {
        self.encoder.subtree(self.below.take());
        self.encoder.finish(|block| {
            let cid = Cid::dag_cbor(block);
            emit(cid, block);
            cid
        })
    }
}
