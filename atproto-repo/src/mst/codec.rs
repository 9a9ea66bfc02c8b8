//! The wire form of a node.
//!
//! ```text
//! { e: [ { k: suffix, p: shared prefix length, t: subtree after | null, v: record }, … ],
//!   l: subtree before the first entry | null }
//! ```
//!
//! DAG-CBOR leaves no choice in writing this, so a node is read as what it is: fixed bytes
//! with suffixes, lengths and CIDs between them.

use std::iter;

use atproto_core::{
    data::cbor,
    syntax::{Cid, Codec},
};

use super::{NodeFault, common_prefix};

/// The node of the tree without entries.
pub(super) const EMPTY: &[u8] = b"\xa2\x61e\x80\x61l\xf6";

/// One entry of a node, and the subtree after it.
#[derive(Debug, Clone, Copy)]
pub(super) struct WireEntry<'a> {
    /// How many bytes of the key before it the key begins with.
    pub(super) shared: u64,
    /// The rest of the key.
    pub(super) suffix: &'a [u8],
    /// Where in the block the CID of the subtree after the entry is.
    pub(super) right: Option<usize>,
    /// Where in the block the CID of the record is.
    pub(super) value: usize,
}

/// Where a key is in a node, or would be.
#[derive(Debug, Clone, Copy)]
pub(super) enum Position {
    /// The entry of that index.
    Entry {
        index: usize,
        /// Where in the block the CID of the record is.
        value: usize,
    },
    /// The subtree of that index, which may be absent.
    Subtree { index: usize },
}

impl Position {
    pub(super) fn index(self) -> usize {
        match self {
            Self::Entry { index, .. } | Self::Subtree { index } => index,
        }
    }
}

/// Reads a node from its block, in the order of its bytes: [`start`](Self::start), as
/// many entries as that says, [`end`](Self::end).
///
/// `None` means that the bytes are not those of a node; [`fault`](Self::fault) says why.
#[derive(Debug, Clone)]
pub(super) struct Scanner<'a> {
    block: &'a [u8],
    at: usize,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(block: &'a [u8]) -> Self {
        Self { block, at: 0 }
    }

    /// The number of entries.
    pub(super) fn start(&mut self) -> Option<usize> {
        self.literal(b"\xa2\x61e")?;
        self.head(ARRAY).and_then(|count| usize::try_from(count).ok())
    }

    pub(super) fn entry(&mut self) -> Option<WireEntry<'a>> {
        self.literal(b"\xa4\x61k")?;
        let length = usize::try_from(self.head(BYTES)?).ok()?;
        let suffix = self.take(length)?;
        self.literal(b"\x61p")?;
        let shared = self.head(INTEGER)?;
        self.literal(b"\x61t")?;
        let right = self.nullable_link()?;
        self.literal(b"\x61v")?;
        // A link to a record is kept as it is, whatever its codec.
        let value = self.link(&[Codec::DagCbor, Codec::Raw])?;
        Some(WireEntry { shared, suffix, right, value })
    }

    /// Where in the block the CID of the subtree before the first entry is.
    pub(super) fn end(&mut self) -> Option<Option<usize>> {
        self.literal(b"\x61l")?;
        let left = self.nullable_link()?;
        (self.at == self.block.len()).then_some(left)
    }

    /// Why reading stopped.
    #[cold]
    pub(super) fn fault(&self) -> NodeFault {
        let rest = self.block.get(self.at..).unwrap_or_default();
        match cbor::check(self.block) {
            Err(fault) => NodeFault::Cbor(fault),
            Ok(()) if rest.starts_with(LINK) => NodeFault::LinkCodec,
            Ok(()) => NodeFault::Fields,
        }
    }

    fn nullable_link(&mut self) -> Option<Option<usize>> {
        match self.literal(NULL) {
            Some(()) => Some(None),
            None => self.link(&[Codec::DagCbor]).map(Some),
        }
    }

    /// Steps over a link, and returns where its CID is.
    fn link(&mut self, codecs: &[Codec]) -> Option<usize> {
        let link: &[u8; LINK_LEN] = self.block.get(self.at..)?.first_chunk()?;
        let cid = link.strip_prefix(LINK)?;
        let known = |codec: &Codec| cid.starts_with(&[1, *codec as u8, 0x12, 32]);
        let place = self.at + LINK.len();
        codecs.iter().any(known).then(|| self.at += LINK_LEN)?;
        Some(place)
    }

    /// Reads the head of an item of a kind, and returns its argument.
    fn head(&mut self, kind: u8) -> Option<u64> {
        let first = *self.block.get(self.at)?;
        let length = match first.checked_sub(kind)? {
            small @ 0..=23 => {
                self.at += 1;
                return Some(u64::from(small));
            }
            24 => 1,
            25 => 2,
            26 => 4,
            27 => 8,
            _ => return None,
        };
        let rest = self.block.get(self.at + 1..)?;
        let number = rest.get(..length)?.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
        // The shortest form is the only one.
        let least = if length == 1 { 24 } else { 1 << (4 * length) };
        (number >= least).then(|| self.at += 1 + length)?;
        Some(number)
    }

    fn literal<const N: usize>(&mut self, expected: &[u8; N]) -> Option<()> {
        let found: &[u8; N] = self.block.get(self.at..)?.first_chunk()?;
        (found == expected).then(|| self.at += N)
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let taken = self.block.get(self.at..)?.get(..length)?;
        self.at += length;
        Some(taken)
    }
}

/// The number of entries of a node that was checked before.
pub(super) fn len(block: &[u8]) -> usize {
    Scanner::new(block).start().unwrap_or_default()
}

/// Looks for a key in a node that was checked before.
///
/// Keys are not put together for this. It is enough to know how many bytes the key shares
/// with the entry before, which is smaller than the key. An entry that shares more with that
/// one is smaller for the same reason: go on. One that shares less is greater where the other
/// two agree, so it is greater than the key: stop. If it shares just as much, the suffixes
/// decide. All this needs exact prefix lengths ([`NodeFault::Prefix`]).
pub(super) fn search(block: &[u8], key: &[u8]) -> Position {
    let (mut index, mut matched) = (0, 0);
    for entry in entries(block) {
        let shared = entry.shared as usize;
        if shared < matched {
            break;
        }
        if shared == matched {
            let rest = &key[matched..];
            let more = common_prefix(entry.suffix, rest);
            match (entry.suffix.get(more), rest.get(more)) {
                (None, None) => return Position::Entry { index, value: entry.value },
                (Some(_), None) => break,
                (Some(found), Some(wanted)) if found > wanted => break,
                _ => matched += more,
            }
        }
        index += 1;
    }
    Position::Subtree { index }
}

/// Puts together the key of that index in a node that was checked before; says whether
/// there is one.
pub(super) fn key(block: &[u8], index: usize, key: &mut Vec<u8>) -> bool {
    if index >= len(block) {
        return false;
    }
    key.clear();
    for entry in entries(block).take(index + 1) {
        key.truncate(entry.shared as usize);
        key.extend_from_slice(entry.suffix);
    }
    true
}

/// Where the CIDs of the subtrees are, those included that are absent, in a node that was
/// checked before.
pub(super) fn links(block: &[u8]) -> impl Iterator<Item = Option<usize>> {
    iter::once(left(block)).chain(entries(block).map(|entry| entry.right))
}

/// The CID at a place in a node that was checked before.
pub(super) fn cid(block: &[u8], place: usize) -> Cid {
    Cid::from_bytes(&block[place..place + Cid::BYTES]).expect("the node was checked")
}

/// Writes another CID to a place in a block.
pub(super) fn set_cid(block: &mut [u8], place: usize, cid: &Cid) {
    block[place..place + Cid::BYTES].copy_from_slice(&cid.to_bytes());
}

/// The subtree before the first entry stands at the end of a block.
fn left(block: &[u8]) -> Option<usize> {
    let place = block.len().checked_sub(Cid::BYTES)?;
    block[..place].ends_with(b"\x61l\xd8\x2a\x58\x25\x00").then_some(place)
}

/// The entries of a node that was checked before. What was checked is stepped over.
fn entries(block: &[u8]) -> impl Iterator<Item = WireEntry<'_>> {
    let mut scanner = Scanner::new(block);
    let count = scanner.start().unwrap_or_default();
    let mut next = scanner.at;
    (0..count).map(move |_| {
        let (length, start) = argument(block, next + b"\xa4\x61k".len());
        let end = start + length;
        let (shared, right) = argument(block, end + b"\x61p".len());
        let right = right + b"\x61t".len();
        let (right, end_of_right) = match block[right] {
            0xf6 => (None, right + 1),
            _ => (Some(right + LINK.len()), right + LINK_LEN),
        };
        let value = end_of_right + b"\x61v".len() + LINK.len();
        next = value + Cid::BYTES;
        WireEntry { shared: shared as u64, suffix: &block[start..end], right, value }
    })
}

/// The number in the head of an item, and where the item goes on. No block has 4 GiB.
fn argument(block: &[u8], at: usize) -> (usize, usize) {
    match block[at] & 31 {
        24 => (usize::from(block[at + 1]), at + 2),
        25 => (usize::from(u16::from_be_bytes([block[at + 1], block[at + 2]])), at + 3),
        26 => {
            let number =
                block[at + 1..at + 5].iter().fold(0, |sum, byte| sum << 8 | *byte as usize);
            (number, at + 5)
        }
        small => (usize::from(small), at + 1),
    }
}

const NULL: &[u8; 1] = b"\xf6";
/// A link before its CID: tag 42, 37 bytes, and the byte that stands for multibase.
const LINK: &[u8] = b"\xd8\x2a\x58\x25\x00";
const LINK_LEN: usize = LINK.len() + Cid::BYTES;

/// The kinds of items, as they stand in an item's first byte.
const INTEGER: u8 = 0 << 5;
const BYTES: u8 = 2 << 5;
const ARRAY: u8 = 4 << 5;
