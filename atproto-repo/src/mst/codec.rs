//! The wire form of a node, and every rule that one node can break.
//!
//! ```text
//! { e: [ { k: suffix, p: shared prefix length, t: subtree after | null, v: record }, … ],
//!   l: subtree before the first entry | null }
//! ```

use atproto_core::{
    data::cbor::{Reader, Writer},
    syntax::{Cid, Codec},
};

use super::{Limits, NodeFault, common_prefix, height};

/// A node as decoded: keys at full length in one buffer, subtrees by CID.
///
/// Decoding again into the same value allocates nothing once the buffers have grown.
#[derive(Debug, Clone, Default)]
pub(super) struct RawNode {
    layer: Option<u8>,
    left: Option<Cid>,
    keys: Vec<u8>,
    entries: Vec<RawEntry>,
}

#[derive(Debug, Clone)]
struct RawEntry {
    key_start: u32,
    key_end: u32,
    value: Cid,
    right: Option<Cid>,
}

/// Where in a tree a node is: what it may hold follows from that.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Place<'a> {
    /// The layer, or `None` for the root, whose entries say it.
    pub(super) layer: Option<u8>,
    /// The key that all keys of the node are above.
    pub(super) above: Option<&'a [u8]>,
    /// The key that all keys of the node are below.
    pub(super) below: Option<&'a [u8]>,
}

impl RawNode {
    /// Decodes a block. Whether the node may stand where it stands, [`fits`](Self::fits)
    /// tells.
    pub(super) fn decode(&mut self, block: &[u8], limits: &Limits) -> Result<(), NodeFault> {
        self.layer = None;
        self.left = None;
        self.keys.clear();
        self.entries.clear();

        let mut reader = Reader::new(block);
        fields(&mut reader, 2)?;
        field(&mut reader, "e")?;
        let entries = reader.array_len()?;
        limits.check_entries(entries)?;
        for _ in 0..entries {
            self.decode_entry(&mut reader, limits)?;
        }
        field(&mut reader, "l")?;
        self.left = subtree(&mut reader)?;
        Ok(reader.finish()?)
    }

    fn decode_entry(&mut self, reader: &mut Reader<'_>, limits: &Limits) -> Result<(), NodeFault> {
        fields(reader, 4)?;
        field(reader, "k")?;
        let suffix = reader.bytes()?;
        field(reader, "p")?;
        let shared = reader.int()?;
        field(reader, "t")?;
        let right = subtree(reader)?;
        field(reader, "v")?;
        let value = record(reader)?;

        let (start, shared) = self.push_key(shared, suffix, limits)?;
        let key = &self.keys[start..];
        limits.keys.check(key, shared)?;
        let found = limits.check_height(height(key))?;
        match self.layer {
            Some(expected) if expected != found => {
                return Err(NodeFault::Layer { expected, found });
            }
            _ => self.layer = Some(found),
        }
        let (key_start, key_end) = (start as u32, self.keys.len() as u32);
        self.entries.push(RawEntry { key_start, key_end, value, right });
        Ok(())
    }

    /// Puts a key together; returns where it starts and how many bytes it shares with the
    /// one before. The compression is mandatory, so that a node has one encoding.
    fn push_key(
        &mut self,
        shared: i64,
        suffix: &[u8],
        limits: &Limits,
    ) -> Result<(usize, usize), NodeFault> {
        let previous = self.entries.last().map_or(0..0, RawEntry::key);
        let found = shared;
        let shared = usize::try_from(shared).ok().filter(|shared| *shared <= previous.len());
        let shared = shared.ok_or(NodeFault::Prefix { expected: previous.len(), found })?;
        let length = shared + suffix.len();
        if length == 0 || length > limits.max_key {
            return Err(NodeFault::KeyLength { limit: limits.max_key, found: length });
        }
        let rest = &self.keys[previous.start + shared..previous.end];
        let more = common_prefix(rest, suffix);
        if more > 0 {
            return Err(NodeFault::Prefix { expected: shared + more, found });
        }
        if !self.entries.is_empty() && rest >= suffix {
            return Err(NodeFault::KeyOrder);
        }
        let start = self.keys.len();
        self.keys.extend_from_within(previous.start..previous.start + shared);
        self.keys.extend_from_slice(suffix);
        Ok((start, shared))
    }

    /// Checks the node against its place, and returns its layer.
    pub(super) fn fits(&self, place: Place<'_>) -> Result<u8, NodeFault> {
        let layer = match (place.layer, self.layer) {
            (Some(expected), Some(found)) if expected != found => {
                return Err(NodeFault::Layer { expected, found });
            }
            (Some(_), None) if self.left.is_none() => return Err(NodeFault::Empty),
            (None, None) if self.left.is_some() => return Err(NodeFault::Untrimmed),
            (expected, found) => found.or(expected).unwrap_or(0),
        };
        if layer == 0 && (0..=self.len()).any(|index| self.child(index).is_some()) {
            return Err(NodeFault::Subtree);
        }
        if let Some(last) = self.len().checked_sub(1) {
            let low = place.above.is_some_and(|above| self.key(0) <= above);
            let high = place.below.is_some_and(|below| self.key(last) >= below);
            if low || high {
                return Err(NodeFault::KeyOrder);
            }
        }
        Ok(layer)
    }

    /// The number of entries.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn key(&self, index: usize) -> &[u8] {
        &self.keys[self.entries[index].key()]
    }

    pub(super) fn value(&self, index: usize) -> &Cid {
        &self.entries[index].value
    }

    /// The subtree before the entry of that index, or after the last.
    pub(super) fn child(&self, index: usize) -> Option<&Cid> {
        match index.checked_sub(1) {
            Some(before) => self.entries[before].right.as_ref(),
            None => self.left.as_ref(),
        }
    }

    /// The index of the key, or that of the subtree it would be in.
    pub(super) fn search(&self, key: &[u8]) -> Result<usize, usize> {
        self.entries.binary_search_by(|entry| self.keys[entry.key()].cmp(key))
    }
}

impl RawEntry {
    fn key(&self) -> std::ops::Range<usize> {
        self.key_start as usize..self.key_end as usize
    }
}

/// Encodes a node: the subtree before the first entry, and the entries (key, record,
/// subtree after), which must be in order.
pub(super) fn encode<'a>(
    left: Option<&Cid>,
    entries: impl ExactSizeIterator<Item = (&'a [u8], &'a Cid, Option<&'a Cid>)>,
) -> Vec<u8> {
    let mut writer = Writer::with_capacity(64 + entries.len() * TYPICAL_ENTRY);
    writer.map(2).text("e").array(entries.len());
    let mut previous: &[u8] = &[];
    for (key, value, right) in entries {
        let shared = common_prefix(previous, key);
        writer.map(4).text("k").bytes(&key[shared..]).text("p").int(shared as i64);
        writer.text("t").nullable_link(right).text("v").link(value);
        previous = key;
    }
    writer.text("l").nullable_link(left);
    writer.into_bytes()
}

fn fields(reader: &mut Reader<'_>, expected: usize) -> Result<(), NodeFault> {
    if reader.map_len()? == expected { Ok(()) } else { Err(NodeFault::Fields) }
}

fn field(reader: &mut Reader<'_>, expected: &str) -> Result<(), NodeFault> {
    if reader.text()? == expected { Ok(()) } else { Err(NodeFault::Fields) }
}

fn subtree(reader: &mut Reader<'_>) -> Result<Option<Cid>, NodeFault> {
    reader.nullable_link()?.map(dag_cbor).transpose()
}

fn record(reader: &mut Reader<'_>) -> Result<Cid, NodeFault> {
    dag_cbor(reader.link()?)
}

fn dag_cbor(cid: Cid) -> Result<Cid, NodeFault> {
    if cid.codec() == Codec::DagCbor { Ok(cid) } else { Err(NodeFault::LinkCodec) }
}

/// An entry with a record key of 13 bytes and one subtree in four, in bytes.
const TYPICAL_ENTRY: usize = 80;
