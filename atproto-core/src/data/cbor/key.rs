use std::cmp::Ordering;

use super::CborFault;
use crate::data::DataError;
use crate::data::form;
use crate::data::map::key_order;

/// A key as it stands in the input.
#[derive(Debug, Clone, Copy)]
pub(super) struct Key<'a> {
    pub(super) bytes: &'a [u8],
    /// Its entry among the usual ones, which spares most keys from being validated, compared
    /// and copied byte by byte. A key without is treated alike, only slower.
    usual: Option<&'static Usual>,
}

impl<'a> Key<'a> {
    /// What comes before all keys: the empty key, which is none.
    pub(super) const NONE: Self = Self { bytes: b"", usual: None };

    /// A key that is too long to be usual.
    pub(super) fn long(bytes: &'a [u8]) -> Self {
        Self { bytes, usual: None }
    }

    /// The key that is the first `len` bytes of the rest of an input, and what comes after.
    #[inline]
    pub(super) fn split(rest: &'a [u8], len: usize) -> Option<(Self, &'a [u8])> {
        let (bytes, after) = rest.split_at_checked(len)?;
        let usual = rest.first_chunk().and_then(|chunk| usual(chunk, len));
        Some((Self { bytes, usual }, after))
    }

    /// The text of a key that nearly every repository has.
    #[inline]
    pub(super) fn usual_text(&self) -> Option<&'static str> {
        self.usual.map(|usual| usual.text)
    }

    /// Whether the rules on maps look at the value of this key.
    #[inline]
    pub(super) fn matters(&self) -> bool {
        match self.usual {
            Some(usual) => usual.matters,
            None => form::matters(self.bytes),
        }
    }

    /// Whether this key may come after another one.
    #[inline]
    pub(super) fn follows(&self, last: &Self) -> Result<(), CborFault> {
        let order = match (last.usual, self.usual) {
            (Some(last), Some(this)) => last.rank.cmp(&this.rank),
            _ => {
                form::key(self.bytes)?;
                key_order(last.bytes, self.bytes)
            }
        };
        match order {
            Ordering::Less => Ok(()),
            Ordering::Equal => Err(DataError::DuplicateKey.into()),
            Ordering::Greater => Err(CborFault::Unsorted),
        }
    }
}

/// A key that nearly every repository has.
#[derive(Debug, Clone, Copy)]
struct Usual {
    text: &'static str,
    /// The text as a number, its last byte lowest.
    word: u128,
    /// The place in the order of keys.
    rank: u8,
    matters: bool,
}

/// Looks up the key that is the first `len` bytes of these.
#[inline]
fn usual(chunk: &[u8; WORD], len: usize) -> Option<&'static Usual> {
    if len == 0 || len > WORD {
        return None;
    }
    let word = u128::from_be_bytes(*chunk) >> (8 * (WORD - len));
    let found = &TABLE[slot(word)];
    (found.word == word && found.text.len() == len).then_some(found)
}

#[inline]
const fn slot(word: u128) -> usize {
    ((word as u64).wrapping_mul(SPREAD) >> (u64::BITS - SLOTS.ilog2())) as usize
}

const fn table() -> [Usual; SLOTS] {
    let none = Usual { text: "", word: 0, rank: 0, matters: false };
    let mut table = [none; SLOTS];
    let mut rank = 0;
    let mut last = 0;
    while rank < USUAL.len() {
        let text = USUAL[rank];
        let mut word = 0;
        let mut at = 0;
        while at < text.len() {
            word = word << 8 | text.as_bytes()[at] as u128;
            at += 1;
        }
        assert!(last < word, "the usual keys are in the order of keys");
        last = word;
        let slot = slot(word);
        assert!(table[slot].text.is_empty(), "two usual keys in one slot: change SPREAD");
        table[slot] =
            Usual { text, word, rank: rank as u8, matters: form::matters(text.as_bytes()) };
        rank += 1;
    }
    table
}

static TABLE: [Usual; SLOTS] = table();

/// In the order of keys, which for texts this short is that of their words.
const USUAL: [&str; 49] = [
    "alt",
    "cid",
    "did",
    "ref",
    "tag",
    "uri",
    "via",
    "lang",
    "name",
    "root",
    "size",
    "text",
    "$link",
    "$type",
    "embed",
    "image",
    "index",
    "langs",
    "reply",
    "roles",
    "thumb",
    "title",
    "value",
    "width",
    "$bytes",
    "avatar",
    "banner",
    "facets",
    "height",
    "images",
    "labels",
    "parent",
    "record",
    "byteEnd",
    "subject",
    "external",
    "features",
    "joinedAt",
    "mimeType",
    "playlist",
    "byteStart",
    "createdAt",
    "languages",
    "updatedAt",
    "collection",
    "pinnedPost",
    "aspectRatio",
    "description",
    "displayName",
];
/// The most bytes that a usual key has: what a number holds.
const WORD: usize = 16;
const SLOTS: usize = 128;
/// Multiplies the last bytes of a key so that each usual one gets a slot of its own.
const SPREAD: u64 = 0x57e0_f6be_9424_d181;
