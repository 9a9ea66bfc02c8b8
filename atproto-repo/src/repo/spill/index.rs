//! Which block is where: entries of one length, sorted by CID, in the spill itself.
//!
//! They are sorted as databases do it: runs that fit memory are sorted there and appended,
//! and all runs are merged in the end. What stays in memory is where each of many equal
//! parts of the digests begins, so that a search reads a few dozen neighbouring entries.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque},
    io, mem,
};

use atproto_core::syntax::Cid;

use super::{Log, Spill};

/// Takes entries in any order.
#[derive(Debug)]
pub(super) struct IndexWriter {
    run: Vec<Entry>,
    runs: VecDeque<Run>,
    len: u64,
    sizes: Sizes,
}

#[derive(Debug)]
struct Sizes {
    /// Entries that are sorted in memory.
    run: usize,
    /// Runs that are merged at a time.
    merged: usize,
}

impl Default for IndexWriter {
    fn default() -> Self {
        Self::new(Sizes { run: RUN, merged: MERGED })
    }
}

/// The sorted entries.
#[derive(Debug)]
pub(super) struct Index {
    at: u64,
    /// Of each value of the digest's leading bits: the first entry that has at least it. One
    /// more stands at the end.
    starts: Vec<u64>,
    /// How many leading bits.
    bits: u32,
}

/// A digest, a codec, an offset and a length, such that their order is that of the bytes.
type Entry = [u8; ENTRY];

impl IndexWriter {
    fn new(sizes: Sizes) -> Self {
        Self { run: Vec::new(), runs: VecDeque::new(), len: 0, sizes }
    }

    pub(super) fn push<S: Spill>(
        &mut self,
        cid: &Cid,
        at: u64,
        len: usize,
        log: &mut Log<S>,
    ) -> io::Result<()> {
        let mut entry = [0; ENTRY];
        entry[..KEY].copy_from_slice(&key(cid));
        entry[KEY..KEY + 8].copy_from_slice(&at.to_be_bytes());
        // The reader of the archive admits no block that is longer.
        entry[KEY + 8..].copy_from_slice(&(len as u32).to_be_bytes());
        self.run.push(entry);
        self.len += 1;
        if self.run.len() == self.sizes.run { self.end_run(log) } else { Ok(()) }
    }

    fn end_run<S: Spill>(&mut self, log: &mut Log<S>) -> io::Result<()> {
        self.run.sort_unstable();
        let (at, len) = (log.len, self.run.len() as u64);
        for chunk in self.run.chunks(CHUNK) {
            log.append(chunk.as_flattened())?;
        }
        self.run.clear();
        self.runs.push_back(Run { at, left: len, chunk: VecDeque::new() });
        Ok(())
    }

    pub(super) fn finish<S: Spill>(mut self, log: &mut Log<S>) -> io::Result<Index> {
        self.end_run(log)?;
        drop(mem::take(&mut self.run));
        let bits = self.len.max(1).ilog2().saturating_sub(PART.ilog2());
        // A power of two of memory for each part, at the limit of blocks some 8 MiB.
        let mut starts = Vec::with_capacity((1 << bits) + 1);
        // Runs are merged some at a time, so that memory is bounded by that number.
        while self.runs.len() > self.sizes.merged {
            let merged = self.runs.drain(..self.sizes.merged).collect();
            let run = merge(merged, log, |_| ())?;
            self.runs.push_back(run);
        }
        let mut count = 0;
        let merged = merge(mem::take(&mut self.runs).into(), log, |entry| {
            let part = leading(entry, bits);
            while starts.len() as u64 <= part {
                starts.push(count);
            }
            count += 1;
        })?;
        starts.resize((1 << bits) + 1, count);
        Ok(Index { at: merged.at, starts, bits })
    }
}

impl Index {
    /// Where the block begins, and its length.
    pub(super) fn find(&self, cid: &Cid, spill: &impl Spill) -> io::Result<Option<(u64, usize)>> {
        let key = key(cid);
        let part = leading(&key, self.bits) as usize;
        let (mut low, mut high) = (self.starts[part], self.starts[part + 1]);
        let mut entries = [[0; ENTRY]; CHUNK];
        // More than a few only where somebody has mined digests.
        while high - low > CHUNK as u64 {
            let middle = low + (high - low) / 2;
            self.read(spill, middle, &mut entries[..1])?;
            if entries[0][..KEY] < key[..] { low = middle } else { high = middle + 1 }
        }
        let entries = &mut entries[..(high - low) as usize];
        self.read(spill, low, entries)?;
        let found = entries.iter().find(|entry| entry[..KEY] == key);
        Ok(found.map(|entry| (number(&entry[KEY..KEY + 8]), number(&entry[KEY + 8..]) as usize)))
    }

    fn read(&self, spill: &impl Spill, first: u64, entries: &mut [Entry]) -> io::Result<()> {
        spill.read_at(self.at + first * ENTRY as u64, entries.as_flattened_mut())
    }
}

/// Sorted entries in the spill.
#[derive(Debug)]
struct Run {
    at: u64,
    left: u64,
    /// Those that have been read and come next.
    chunk: VecDeque<Entry>,
}

impl Run {
    fn next(&mut self, spill: &impl Spill) -> io::Result<Option<Entry>> {
        if self.chunk.is_empty() {
            let mut entries = [[0; ENTRY]; MERGE_CHUNK];
            let entries = &mut entries[..MERGE_CHUNK.min(self.left as usize)];
            spill.read_at(self.at, entries.as_flattened_mut())?;
            self.at += entries.as_flattened().len() as u64;
            self.left -= entries.len() as u64;
            self.chunk.extend(&*entries);
        }
        Ok(self.chunk.pop_front())
    }
}

/// Makes one run of several, and shows its entries in order.
fn merge<S: Spill>(
    mut runs: Vec<Run>,
    log: &mut Log<S>,
    mut each: impl FnMut(&Entry),
) -> io::Result<Run> {
    log.flush()?;
    let mut heads = BinaryHeap::with_capacity(runs.len());
    for (index, run) in runs.iter_mut().enumerate() {
        heads.extend(run.next(&log.spill)?.map(|entry| Reverse((entry, index))));
    }
    let at = log.len;
    let mut left = 0;
    while let Some(Reverse((entry, index))) = heads.pop() {
        each(&entry);
        log.append(&entry)?;
        left += 1;
        heads.extend(runs[index].next(&log.spill)?.map(|entry| Reverse((entry, index))));
    }
    Ok(Run { at, left, chunk: VecDeque::new() })
}

/// The digest, which is as good as random, before the codec.
fn key(cid: &Cid) -> [u8; KEY] {
    let mut key = [0; KEY];
    let bytes = cid.to_bytes();
    let (head, digest) = bytes.split_at(bytes.len() - (KEY - 1));
    key[..KEY - 1].copy_from_slice(digest);
    key[KEY - 1] = head[1];
    key
}

fn leading(key: &[u8], bits: u32) -> u64 {
    // A shift by all 64 bits would not be one.
    number(&key[..8]).checked_shr(u64::BITS - bits).unwrap_or_default()
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// A digest of 32 bytes and one byte of codec.
const KEY: usize = 33;

/// A key, an offset of eight bytes and a length of four.
const ENTRY: usize = KEY + 12;

/// Entries that are sorted in memory, 5.6 MiB.
const RUN: usize = 1 << 17;

/// Runs that are merged at a time; with [`MERGE_CHUNK`] this is 5.6 MiB.
const MERGED: usize = 128;

/// Entries that are read at once from each run.
const MERGE_CHUNK: usize = 1 << 10;

/// Entries between two that memory knows, at least; at most twice as many.
const PART: u64 = 32;

/// Entries that a search reads at once.
const CHUNK: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    fn index(cids: &[Cid], sizes: Sizes) -> (Index, Vec<u8>) {
        let mut log = Log { spill: Vec::new(), len: 0, buffer: Vec::new() };
        let mut writer = IndexWriter::new(sizes);
        for (at, cid) in cids.iter().enumerate() {
            writer.push(cid, at as u64, at * 2, &mut log).unwrap();
        }
        let index = writer.finish(&mut log).unwrap();
        log.flush().unwrap();
        (index, log.spill)
    }

    #[test]
    fn every_entry_is_found_whatever_the_sizes() {
        let cids: Vec<_> = (0..1000u32).map(|n| Cid::raw(&n.to_le_bytes())).collect();
        for (run, merged) in [(1, 2), (3, 2), (7, 5), (1000, 2), (999, 3), (5000, 128)] {
            let (index, spill) = index(&cids, Sizes { run, merged });
            for (at, cid) in cids.iter().enumerate() {
                let found = index.find(cid, &spill).unwrap();
                assert_eq!(found, Some((at as u64, at * 2)), "{run}, {merged}");
            }
            assert_eq!(index.find(&Cid::raw(b"another"), &spill).unwrap(), None);
            // The same bytes under the other codec are another block.
            let other = Cid::dag_cbor(&0u32.to_le_bytes());
            assert_eq!(index.find(&other, &spill).unwrap(), None);
        }
    }

    #[test]
    fn an_index_may_be_empty() {
        let (index, spill) = index(&[], Sizes { run: 4, merged: 2 });
        assert_eq!(index.find(&Cid::raw(b""), &spill).unwrap(), None);
    }

    #[test]
    fn many_digests_that_begin_alike_are_searched() {
        let alike = |n: u32| {
            let mut bytes = Cid::raw(b"").to_bytes();
            bytes[32..].copy_from_slice(&n.to_be_bytes());
            Cid::from_bytes(&bytes).unwrap()
        };
        let cids: Vec<_> = (0..2000).map(|n| alike(n * 2)).collect();
        let (index, spill) = index(&cids, Sizes { run: 100, merged: 4 });
        for (at, cid) in cids.iter().enumerate() {
            assert_eq!(index.find(cid, &spill).unwrap(), Some((at as u64, at * 2)));
            assert_eq!(index.find(&alike(at as u32 * 2 + 1), &spill).unwrap(), None);
        }
    }
}
