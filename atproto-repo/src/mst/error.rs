use atproto_core::{data::cbor::CborError, syntax::Cid};

use crate::{BlockSourceError, PathError};

/// Why a question about a tree has no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MstError {
    /// A change is refused, because the tree's limits do not admit the key, or the node that
    /// the change would make.
    #[error("the change is refused: {0}")]
    Key(#[source] NodeFault),
    /// The block of a node is not in the source. The tree is as it was: fetch the block
    /// and ask again.
    #[error("the block of node {0} is missing")]
    Missing(Cid),
    /// The block of a node breaks a rule of the tree, and with it the whole tree.
    #[error("node {cid}: {fault}")]
    Node {
        /// The node.
        cid: Cid,
        /// The rule.
        #[source]
        fault: NodeFault,
    },
    /// The source failed.
    #[error(transparent)]
    Source(#[from] BlockSourceError),
}

/// The rules that a node can break.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NodeFault {
    /// Not strict DAG-CBOR.
    #[error(transparent)]
    Cbor(#[from] CborError),
    /// A node other than the root has neither entries nor a subtree.
    #[error("the node is empty")]
    Empty,
    /// The map of a node has other fields than `e` and `l`, or that of an entry than `k`,
    /// `p`, `t` and `v`, or a field is of another type.
    #[error("the fields are not those of a node")]
    Fields,
    /// A key is on a layer above the limit: only a mined key gets there.
    #[error("layer {found}; the limit is {limit}")]
    Height {
        /// The greatest layer that is admitted.
        limit: u8,
        /// The layer of the key.
        found: u8,
    },
    /// A key is not the path of a record.
    #[error("key: {0}")]
    Key(#[from] PathError),
    /// A key is empty or too long.
    #[error("a key of {found} bytes; 1 to {limit} are admitted")]
    KeyLength {
        /// The longest key that is admitted, in bytes.
        limit: usize,
        /// The length found, in bytes.
        found: usize,
    },
    /// A key does not come after the one before it, or is outside the range that the
    /// entries above leave for the node.
    #[error("keys are out of order")]
    KeyOrder,
    /// A key does not belong to the layer of its node.
    #[error("a key of layer {found} in a node of layer {expected}")]
    Layer {
        /// The node's layer.
        expected: u8,
        /// The key's layer.
        found: u8,
    },
    /// A link to a subtree whose codec is not DAG-CBOR, or to a record whose codec is
    /// neither that nor raw.
    #[error("a link of another form")]
    LinkCodec,
    /// A prefix length that is not exactly what the key shares with the one before.
    #[error("a prefix length of {found} where {expected} bytes are shared")]
    Prefix {
        /// The bytes that are shared.
        expected: usize,
        /// The prefix length found.
        found: u64,
    },
    /// A node on layer 0 has a subtree.
    #[error("a node of layer 0 has a subtree")]
    Subtree,
    /// A node has more entries than the limit: only mined keys do that.
    #[error("{found} entries; the limit is {limit}")]
    TooManyEntries {
        /// The most entries that are admitted.
        limit: usize,
        /// The number found.
        found: usize,
    },
    /// The root has a subtree and no entries, so a lower node should be the root.
    #[error("the root has no entries")]
    Untrimmed,
}
