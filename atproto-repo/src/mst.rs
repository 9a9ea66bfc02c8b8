//! The Merkle search tree: an ordered map from paths to records with one hash for all of
//! it.
//!
//! A key's place follows from the key alone, and a node can be written in one way only, so
//! two people who hold the same entries hold the same bytes, whatever the order in which
//! they wrote them. A node's CID is the hash of its bytes, and these hold the CIDs of its
//! records and of the nodes below it: the root's CID stands for all of the tree. Comparing
//! two repositories is comparing two hashes, and a few nodes prove that an entry is in the
//! tree or is not.
//!
//! # The shape
//!
//! The hash of a key decides the key's layer ([`height`]): half the number of zero bits at
//! the front of its SHA-256, rounded down. Of a thousand keys some 750 are on layer 0, 188
//! on layer 1, 47 on layer 2. Nothing is balanced and nothing is stored about it. Ten keys,
//! `K` on layer 2, `C`, `R` and `T` on layer 1, the rest on layer 0:
//!
//! ```text
//!                                ┌─────────┐
//! layer 2                        │    K    │                     the root
//!                                └──┬───┬──┘
//!                      ┌────────────┘   └───────────┐
//!                 ┌────┴────┐                  ┌────┴────┐
//! layer 1         │    C    │                  │  R   T  │
//!                 └──┬───┬──┘                  └┬───┬───┬┘
//!              ┌─────┘   └─────┐          ┌─────┘   ∅   └─────┐
//!         ┌────┴────┐     ┌────┴────┐   ┌─┴─┐               ┌─┴─┐
//! layer 0 │  A   B  │     │  F   H  │   │ M │               │ W │
//!         └─────────┘     └─────────┘   └───┘               └───┘
//! ```
//!
//! Read from left to right it is a sorted list. A node of *n* entries holds the keys of its
//! layer that no key of a higher layer separates, each with the CID of its record, and has
//! *n* + 1 gaps: one before the first entry and one after each. A gap holds the CID of the
//! node one layer below that has the keys between, or nothing (∅) if there are none.
//!
//! No link skips a layer. Without `R` and `T` an empty node would stand in for them:
//!
//! ```text
//! layer 2         │ K │
//!                 └───┴──┐
//!                      ┌─┴─┐
//! layer 1              │   │  no entries, one gap
//!                      └─┬─┘
//!                    ┌───┴───┐
//! layer 0            │ M   W │
//!                    └───────┘
//! ```
//!
//! # Terms
//!
//! - *block*: the bytes of one node or record. *CID*: its hash, with its kind. *Link*: a CID
//!   in a node.
//! - *entry*: a key and its *value*, the CID of its record, which is all that the tree knows
//!   of it. *Subtree*: a node with all below it.
//! - *layer*: 0 at the bottom. *Height* of a key: its layer.
//! - *root*: the topmost node with entries. The empty tree is one node without content.
//! - *source*: where blocks come from. That a block has the hash that its CID names is the
//!   source's business, and not checked here. *Stored*: the caller has the block, because it
//!   came from the source or was handed out by [`Tree::take_new_blocks`].
//! - *partial tree*: a tree of which some blocks are not at hand. Reading and changing it
//!   works as long as no missing block is needed, and says which one is.
//! - *proof*: the nodes on the way to a key. It is checked by looking the key up in its
//!   blocks ([`lookup`]) from a root that is trusted: the key is there with its value, or
//!   the way ends at a gap that holds nothing. The record itself is not part of it.
//!
//! # What is hard
//!
//! - A key of a high layer becomes an entry of the node on its layer, and the subtree that
//!   was in its place is cut in two, node by node down to the bottom. In the drawing, `G` on
//!   layer 2 cuts `C` into `C` and an empty node, and `F H` into `F` and `H`. Removing it
//!   joins them again.
//! - Removing the last entry of the root makes a lower node the root, perhaps several
//!   layers lower; inserting above the root stacks empty nodes up to the new one.
//! - A key is written as the number of bytes that it shares with the key before, and the
//!   rest. A smaller number would give the same key in other bytes, and so another hash:
//!   [`NodeFault::Prefix`] admits only the greatest.
//! - Whoever chooses keys can choose layers ([`Limits`]).
//!
//! # Use
//!
//! ```
//! use atproto_core::syntax::Cid;
//! use atproto_repo::{BlockMap, mst::{Cursor, Tree}};
//!
//! let mut blocks = BlockMap::new();
//! let mut tree = Tree::empty();
//! tree.insert(&blocks, b"app.bsky.feed.post/3jzfcijpj2z2a", Cid::dag_cbor(b"hello"))?;
//! tree.insert(&blocks, b"app.bsky.actor.profile/self", Cid::dag_cbor(b"alice"))?;
//! blocks.extend(tree.take_new_blocks());
//! let root = tree.root();
//!
//! // Anyone with the blocks can load the tree by its root and change it.
//! let mut again = Tree::load(root);
//! let key = b"app.bsky.feed.post/3jzfcijpj2z2a";
//! assert_eq!(again.get(&blocks, key)?, Some(Cid::dag_cbor(b"hello")));
//! again.remove(&blocks, key)?;
//! assert_ne!(again.root(), root);
//! again.insert(&blocks, key, Cid::dag_cbor(b"hello"))?;
//! assert_eq!(again.root(), root);
//!
//! // Or walk it without building anything.
//! let mut cursor = Cursor::new(&blocks, root);
//! let (first, _) = cursor.next_entry()?.unwrap();
//! assert_eq!(first, b"app.bsky.actor.profile/self");
//! # Ok::<(), atproto_repo::mst::MstError>(())
//! ```
//!
//! See the [specification](https://atproto.com/specs/repository#mst-structure).

mod build;
mod codec;
mod cursor;
mod diff;
mod draft;
mod edit;
mod encoder;
mod error;
mod key;
mod limits;
mod load;
mod node;
mod page;
mod proof;

pub use build::Builder;
pub use cursor::{Cursor, Next};
pub use diff::{Change, Diff, diff};
pub use error::{MstError, NodeFault};
pub use key::{KeySyntax, common_prefix, height};
pub use limits::Limits;
pub use proof::{covering, lookup, path};

use std::mem;

use atproto_core::syntax::Cid;

use crate::{BlockMap, BlockSource};
use codec::EMPTY;
use edit::Edit;
use load::Loader;
use node::{Scratch, Subtree};

type Found = Result<Option<Cid>, MstError>;
type Load = fn(&mut Subtree, &[u8], &mut Loader<'_>) -> Found;

/// A tree that can be changed, all or part of it in memory.
///
/// Nodes are loaded when they are needed and stay loaded, as the bytes they are stored
/// as: with all of a tree in memory, a key takes some 70 bytes beyond its own. A change
/// writes the node of its key anew; hashes are computed when they are asked for, and for
/// the nodes on the changed paths alone. Many changes are faster in the order of their
/// keys, because neighbours share most of the way.
///
/// An operation that fails leaves the tree as it was.
#[derive(Debug, Clone)]
pub struct Tree {
    root: Subtree,
    limits: Limits,
    /// Nodes that the caller has and that changes took out of the tree.
    replaced: Vec<Cid>,
    /// Whether the tree, should it be empty, is in the caller's hands as an empty node.
    empty_is_stored: bool,
    scratch: Scratch,
}

impl Tree {
    /// A tree without entries, not stored yet.
    pub fn empty() -> Self {
        Self {
            root: Subtree::default(),
            limits: Limits::default(),
            replaced: Vec::new(),
            empty_is_stored: false,
            scratch: Scratch::default(),
        }
    }

    /// The tree with that root, nothing of which is read yet.
    pub fn load(root: Cid) -> Self {
        let root =
            if root == Self::empty_root() { Subtree::default() } else { Subtree::known(root) };
        Self { empty_is_stored: root.is_absent(), root, ..Self::empty() }
    }

    /// The same tree under other limits.
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// The root of the tree without entries.
    pub fn empty_root() -> Cid {
        Cid::dag_cbor(EMPTY)
    }

    /// The tree without entries, stored.
    pub(crate) fn empty_blocks() -> BlockMap {
        BlockMap::from_iter([(Self::empty_root(), EMPTY.into())])
    }

    /// The value of a key, or `None` if the tree does not have the key.
    pub fn get(
        &mut self,
        source: &dyn BlockSource,
        key: impl AsRef<[u8]>,
    ) -> Result<Option<Cid>, MstError> {
        self.prepare(source, key.as_ref(), load::path)
    }

    /// Sets the value of a key; returns the one it had before.
    pub fn insert(
        &mut self,
        source: &dyn BlockSource,
        key: impl AsRef<[u8]>,
        value: Cid,
    ) -> Result<Option<Cid>, MstError> {
        let key = key.as_ref();
        let height = self.limits.check_key(key, 0).map_err(MstError::Key)?;
        if let Some(old) = self.update(source, key, value)? {
            return Ok(Some(old));
        }
        let trail = &self.scratch.trail;
        edit::check_room(&self.root, trail, height, &self.limits).map_err(MstError::Key)?;
        if self.root.is_absent() && mem::take(&mut self.empty_is_stored) {
            self.replaced.push(Self::empty_root());
        }
        let (mut edit, root) = self.edit();
        edit.insert(root, key, value, height);
        Ok(None)
    }

    /// Changes the value of a key that the tree has and returns the old one, or does
    /// nothing and returns `None`.
    pub fn update(
        &mut self,
        source: &dyn BlockSource,
        key: impl AsRef<[u8]>,
        value: Cid,
    ) -> Result<Option<Cid>, MstError> {
        let old = self.get(source, key)?;
        if old.is_some_and(|old| old != value) {
            let (mut edit, root) = self.edit();
            edit.replace(root, value);
        }
        Ok(old)
    }

    /// Takes a key out and returns its value, or `None` if the tree does not have it.
    pub fn remove(
        &mut self,
        source: &dyn BlockSource,
        key: impl AsRef<[u8]>,
    ) -> Result<Option<Cid>, MstError> {
        let old = self.prepare(source, key.as_ref(), load::merge)?;
        if old.is_some() {
            let (mut edit, root) = self.edit();
            edit.remove(root);
        }
        Ok(old)
    }

    /// Loads the nodes that prove a key and its neighbours; see [`covering`].
    pub(crate) fn load_covering(
        &mut self,
        source: &dyn BlockSource,
        key: &[u8],
    ) -> Result<(), MstError> {
        self.prepare(source, key, load::neighbours).map(drop)
    }

    /// The root's CID. Hashes what has changed since it was last asked for.
    pub fn root(&mut self) -> Cid {
        self.root.refresh().unwrap_or_else(Self::empty_root)
    }

    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.root.is_absent()
    }

    /// The blocks of nodes that are in the tree and have not been handed out, children
    /// before parents. From now on they count as stored.
    pub fn take_new_blocks(&mut self) -> BlockMap {
        let mut blocks = BlockMap::new();
        self.root.refresh();
        self.root.store(&mut blocks);
        if self.root.is_absent() && !mem::replace(&mut self.empty_is_stored, true) {
            blocks.insert(Self::empty_root(), EMPTY.into());
        }
        blocks
    }

    /// The nodes that were stored and that changes took out of the tree since this was
    /// last asked for. One that a later change has brought back may be among them: leave
    /// alone what [`take_new_blocks`](Self::take_new_blocks) has handed out since.
    pub fn take_replaced(&mut self) -> Vec<Cid> {
        mem::take(&mut self.replaced)
    }

    /// Brings into memory what an operation on a key needs, and returns the key's record.
    fn prepare(&mut self, source: &dyn BlockSource, key: &[u8], load: Load) -> Found {
        let Scratch { page, trail, gap, .. } = &mut self.scratch;
        load(&mut self.root, key, &mut Loader { source, limits: &self.limits, page, trail, gap })
    }

    fn edit(&mut self) -> (Edit<'_>, &mut Subtree) {
        let edit = Edit { replaced: &mut self.replaced, scratch: &mut self.scratch };
        (edit, &mut self.root)
    }
}
