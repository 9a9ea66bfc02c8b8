//! Writing a node.

use atproto_core::syntax::Cid;

use super::common_prefix;

/// Writes a node in one pass: a subtree, and then by turns an entry and the subtree after
/// it. A subtree that is absent is written all the same, as `None`.
///
/// The number of entries stands first in the block and is known last, so the head is put
/// in front of what has been written, in room that was left for it.
#[derive(Debug, Clone)]
pub(super) struct Encoder {
    out: Vec<u8>,
    entries: usize,
    left: Option<Cid>,
    /// The last key, and the record it belongs to, which is written after the subtree.
    key: Vec<u8>,
    value: Option<Cid>,
}

impl Default for Encoder {
    fn default() -> Self {
        let mut out = Vec::with_capacity(USUAL);
        out.resize(HEAD, 0);
        Self { out, entries: 0, left: None, key: Vec::new(), value: None }
    }
}

impl Encoder {
    /// The number of entries written so far.
    pub(super) fn len(&self) -> usize {
        self.entries
    }

    pub(super) fn entry(&mut self, key: &[u8], value: Cid) {
        let shared = common_prefix(&self.key, key);
        let suffix = &key[shared..];
        self.out.extend_from_slice(b"\xa4\x61k");
        head(&mut self.out, 2 << 5, suffix.len());
        self.out.extend_from_slice(suffix);
        self.out.extend_from_slice(b"\x61p");
        head(&mut self.out, 0, shared);
        self.key.truncate(shared);
        self.key.extend_from_slice(suffix);
        self.value = Some(value);
        self.entries += 1;
    }

    /// Writes entries as they stand in another node after the same key, each with the subtree
    /// after it.
    pub(super) fn entries(&mut self, bytes: &[u8], count: usize, last: &[u8]) {
        self.out.extend_from_slice(bytes);
        self.key.clear();
        self.key.extend_from_slice(last);
        self.entries += count;
    }

    pub(super) fn subtree(&mut self, cid: Option<Cid>) {
        let Some(value) = self.value.take() else {
            self.left = cid;
            return;
        };
        self.out.extend_from_slice(b"\x61t");
        nullable_link(&mut self.out, cid);
        self.out.extend_from_slice(b"\x61v");
        nullable_link(&mut self.out, Some(value));
    }

    /// Ends the node after its last subtree, and hands its block to a function. From then
    /// on the next node is written.
    pub(super) fn finish<T>(&mut self, take: impl FnOnce(&[u8]) -> T) -> T {
        self.out.extend_from_slice(b"\x61l");
        nullable_link(&mut self.out, self.left.take());

        let end = self.out.len();
        self.out.extend_from_slice(b"\xa2\x61e");
        head(&mut self.out, 4 << 5, self.entries);
        let at = HEAD - (self.out.len() - end);
        self.out.copy_within(end.., at);

        let taken = take(&self.out[at..end]);
        self.out.truncate(HEAD);
        self.key.clear();
        self.entries = 0;
        taken
    }
}

#[inline]
fn nullable_link(out: &mut Vec<u8>, cid: Option<Cid>) {
    match cid {
        Some(cid) => {
            out.extend_from_slice(b"\xd8\x2a\x58\x25\x00");
            out.extend_from_slice(&cid.to_bytes());
        }
        None => out.push(0xf6),
    }
}

#[inline]
fn head(out: &mut Vec<u8>, kind: u8, argument: usize) {
    // Each cast is exact: the arm has just bounded the number.
    match argument {
        0..=23 => out.push(kind | argument as u8),
        24..=0xff => out.extend_from_slice(&[kind | 24, argument as u8]),
        0x100..=0xffff => {
            out.push(kind | 25);
            out.extend_from_slice(&(argument as u16).to_be_bytes());
        }
        0x1_0000..=0xffff_ffff => {
            out.push(kind | 26);
            out.extend_from_slice(&(argument as u32).to_be_bytes());
        }
        _ => {
            out.push(kind | 27);
            out.extend_from_slice(&(argument as u64).to_be_bytes());
        }
    }
}

/// Enough bytes for nearly every node.
const USUAL: usize = 1 << 10;

/// The longest start of a node: a map, its first field, and the head of its entries.
const HEAD: usize = 3 + 9;
