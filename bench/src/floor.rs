//! The least that anyone has to do, written out by hand: it believes whatever it reads, and
//! panics or errs where that was wrong. What a library takes beyond this is the price of
//! its checks and of its interface.

use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
};

use sha2::{Digest, Sha256};

use crate::Entry;

type Hash = [u8; 32];

/// The blocks of an archive and what they should hash to.
pub fn blocks(archive: &[u8]) -> impl Iterator<Item = (&Hash, &[u8])> {
    let (header, start) = varint(archive);
    let mut at = start + header;
    std::iter::from_fn(move || {
        let unread = archive.get(at..).filter(|unread| !unread.is_empty())?;
        let (length, start) = varint(unread);
        at += start + length;
        let (cid, block) = unread[start..start + length].split_at(CID);
        Some((digest(cid), block))
    })
}

/// The root of an archive whose header has one.
pub fn root(archive: &[u8]) -> &Hash {
    let (length, start) = varint(archive);
    digest(&archive[start..start + length][LONE_ROOT..LONE_ROOT + CID])
}

/// Hashes every block of an archive and does nothing else.
pub fn hash(archive: &[u8]) -> usize {
    blocks(archive).filter(|(cid, block)| Sha256::digest(block) == **cid).count()
}

/// Hashes every block of an archive, and goes through the tree in order, computing the
/// layer of every key and looking up every record. Returns the number of records.
pub fn verify(archive: &[u8]) -> usize {
    let mut index = Index::with_capacity_and_hasher(archive.len() / 350, Default::default());
    for (cid, block) in blocks(archive) {
        assert_eq!(Sha256::digest(block), *cid);
        index.insert(*cid, block);
    }
    let commit = index[root(archive)];
    let data = find(commit, b"ddata\xd8\x2a\x58\x25\x00");
    let mut walk = Walk { index, keys: Vec::new(), records: 0 };
    walk.node(digest(&commit[data..data + CID]));
    walk.records
}

/// Reads the frame of a `#commit` message as far as its archive and hashes that.
pub fn frame(frame: &[u8]) -> usize {
    let at = find(frame, b"fblocks");
    let (length, start) = match frame[at] & 31 {
        24 => (usize::from(frame[at + 1]), at + 2),
        _ => (usize::from(u16::from_be_bytes([frame[at + 1], frame[at + 2]])), at + 3),
    };
    let mut index = Index::default();
    for (cid, block) in blocks(&frame[start..start + length]) {
        assert_eq!(Sha256::digest(block), *cid);
        index.insert(*cid, block);
    }
    index.len()
}

/// Makes the nodes of a tree from entries in order; returns the root.
pub fn build(entries: &[Entry]) -> Hash {
    let mut layers: Vec<Layer> = Vec::new();
    for (key, value) in entries {
        let height = height(key);
        if layers.len() <= height {
            layers.resize_with(height + 1, Layer::default);
        }
        close(&mut layers[..=height]);
        layers[height].entry(key, value.digest());
    }
    close(&mut layers);
    layers.last_mut().expect("there are entries").finish()
}

/// The layer of a key.
pub fn height(key: &[u8]) -> usize {
    let hash = Sha256::digest(key);
    let head: [u8; 8] = hash[..8].try_into().expect("there are eight bytes");
    u64::from_be_bytes(head).leading_zeros() as usize / 2
}

type Index<'a> = HashMap<Hash, &'a [u8], BuildHasherDefault<FirstBytes>>;

struct Walk<'a> {
    index: Index<'a>,
    keys: Vec<u8>,
    records: usize,
}

impl Walk<'_> {
    /// The keys of the nodes above stand before those of this one.
    fn node(&mut self, cid: &Hash) {
        let node = self.index[cid];
        let start = self.keys.len();
        // { e: […], l: CID or null }
        let (count, mut at) = argument(node, 3);
        if let Some(left) = node.len().checked_sub(LINK).filter(|at| node[at - 1] == b'l') {
            self.node(digest(&node[left + LINK - CID..]));
        }
        for _ in 0..count {
            // { k: suffix, p: shared, t: CID or null, v: CID }
            let (length, suffix) = argument(node, at + 3);
            let (shared, right) = argument(node, suffix + length + 2);
            let has_right = node[right + 2] != NULL;
            let value = right + 2 + if has_right { LINK } else { 1 } + 2;
            self.keys.truncate(start + shared);
            self.keys.extend_from_slice(&node[suffix..suffix + length]);
            std::hint::black_box(height(&self.keys[start..]));
            at = value + LINK;
            std::hint::black_box(self.index[digest(&node[at - CID..at])]);
            self.records += 1;
            if has_right {
                self.node(digest(&node[right + 2 + LINK - CID..right + 2 + LINK]));
            }
        }
        self.keys.truncate(start);
    }
}

#[derive(Default)]
struct Layer {
    out: Vec<u8>,
    count: usize,
    left: Option<Hash>,
    below: Option<Hash>,
    key: Vec<u8>,
    value: Hash,
}

impl Layer {
    fn is_empty(&self) -> bool {
        self.count == 0 && self.below.is_none()
    }

    fn entry(&mut self, key: &[u8], value: &Hash) {
        self.subtree();
        let shared = key.iter().zip(&self.key).take_while(|(left, right)| left == right).count();
        self.out.extend_from_slice(b"\xa4ak");
        head(&mut self.out, 0x40, key.len() - shared);
        self.out.extend_from_slice(&key[shared..]);
        self.out.extend_from_slice(b"ap");
        head(&mut self.out, 0, shared);
        self.key.clear();
        self.key.extend_from_slice(key);
        self.value = *value;
        self.count += 1;
    }

    fn subtree(&mut self) {
        let below = self.below.take();
        if self.count == 0 {
            self.left = below;
            return;
        }
        self.out.extend_from_slice(b"at");
        link(&mut self.out, below.as_ref());
        self.out.extend_from_slice(b"av");
        link(&mut self.out, Some(&self.value));
    }

    fn finish(&mut self) -> Hash {
        self.subtree();
        let mut node = Vec::with_capacity(self.out.len() + 64);
        node.extend_from_slice(b"\xa2ae");
        head(&mut node, 0x80, self.count);
        node.append(&mut self.out);
        node.extend_from_slice(b"al");
        link(&mut node, self.left.take().as_ref());
        self.key.clear();
        self.count = 0;
        Sha256::digest(std::hint::black_box(&node)).into()
    }
}

fn close(layers: &mut [Layer]) {
    for layer in 1..layers.len() {
        if !layers[layer - 1].is_empty() {
            layers[layer].below = Some(layers[layer - 1].finish());
        }
    }
}

fn link(out: &mut Vec<u8>, hash: Option<&Hash>) {
    match hash {
        Some(hash) => {
            out.extend_from_slice(b"\xd8\x2a\x58\x25\x00\x01\x71\x12\x20");
            out.extend_from_slice(hash);
        }
        None => out.push(NULL),
    }
}

fn head(out: &mut Vec<u8>, kind: u8, argument: usize) {
    if argument < 24 {
        out.push(kind | argument as u8);
    } else {
        out.extend_from_slice(&[kind | 24, argument as u8]);
    }
}

/// The number in the head of an item, and where the item goes on.
fn argument(bytes: &[u8], at: usize) -> (usize, usize) {
    match bytes[at] & 31 {
        24 => (usize::from(bytes[at + 1]), at + 2),
        small => (usize::from(small), at + 1),
    }
}

fn varint(bytes: &[u8]) -> (usize, usize) {
    let (mut number, mut length) = (0, 0);
    loop {
        number |= usize::from(bytes[length] & 127) << (7 * length);
        length += 1;
        if bytes[length - 1] < 128 {
            return (number, length);
        }
    }
}

fn digest(cid: &[u8]) -> &Hash {
    cid.last_chunk().expect("a CID has 36 bytes")
}

/// Where bytes end in others that have them.
fn find(bytes: &[u8], wanted: &[u8]) -> usize {
    let at = bytes.windows(wanted.len()).position(|window| window == wanted);
    at.expect("the bytes are there") + wanted.len()
}

#[derive(Default)]
struct FirstBytes(u64);

impl Hasher for FirstBytes {
    fn write(&mut self, bytes: &[u8]) {
        self.0 = u64::from_le_bytes(*bytes.first_chunk().expect("a hash has 32 bytes"));
    }

    fn write_usize(&mut self, _: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}

const CID: usize = 36;
/// A CID behind its tag.
const LINK: usize = 5 + CID;
/// Where the CID is in a header with one root.
const LONE_ROOT: usize = 1 + 6 + 1 + 5;
const NULL: u8 = 0xf6;
