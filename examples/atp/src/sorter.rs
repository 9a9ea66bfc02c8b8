//! Lines in order, however many there are: sorted in memory, merged on disk.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    io::{self, BufRead, BufReader, Read},
    ops::Range,
    sync::Arc,
};

use atproto_repo::repo::{Spill, TemporaryFile};

/// Takes lines in any order.
pub(crate) struct Sorter {
    /// The lines of the next run, one after the other, each with its end.
    text: Vec<u8>,
    lines: Vec<Range<usize>>,
    runs: Vec<Sorted>,
    memory: usize,
}

/// Lines in the order of their bytes, each once, in a temporary file.
#[derive(Clone)]
pub(crate) struct Sorted {
    file: Arc<TemporaryFile>,
    bytes: u64,
}

/// A part of a file, to be read.
pub(crate) struct Extent {
    file: Arc<TemporaryFile>,
    left: Range<u64>,
}

impl Default for Sorter {
    fn default() -> Self {
        Self { text: Vec::new(), lines: Vec::new(), runs: Vec::new(), memory: MEMORY }
    }
}

impl Sorter {
    /// Takes a line, which contains no line feed.
    pub(crate) fn push(&mut self, line: &str) -> io::Result<()> {
        let taken = self.text.len() + self.lines.len() * size_of::<Range<usize>>();
        if taken + line.len() >= self.memory {
            self.finish_run()?;
        }
        let start = self.text.len();
        self.text.extend_from_slice(line.as_bytes());
        self.text.push(b'\n');
        self.lines.push(start..self.text.len());
        Ok(())
    }

    /// All lines in order.
    pub(crate) fn finish(mut self) -> io::Result<Sorted> {
        self.finish_run()?;
        if let [_one] = &self.runs[..] {
            return Ok(self.runs.swap_remove(0));
        }
        merge(&self.runs)
    }

    fn finish_run(&mut self) -> io::Result<()> {
        if self.runs.len() == MAX_RUNS {
            self.runs = vec![merge(&self.runs)?];
        }
        let text = &self.text;
        self.lines.sort_unstable_by_key(|line| &text[line.clone()]);
        self.lines.dedup_by_key(|line| &text[line.clone()]);
        let mut run = Writer::default();
        self.lines.drain(..).try_for_each(|line| run.push(&text[line]))?;
        self.runs.push(run.finish()?);
        self.text.clear();
        Ok(())
    }
}

impl Sorted {
    /// The lines, with their ends.
    pub(crate) fn reader(&self) -> BufReader<Extent> {
        self.part(0..self.bytes)
    }

    /// The lines within these bytes.
    pub(crate) fn part(&self, bytes: Range<u64>) -> BufReader<Extent> {
        BufReader::with_capacity(BUFFER, Extent { file: Arc::clone(&self.file), left: bytes })
    }
}

impl Read for Extent {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = (self.left.end - self.left.start).min(buffer.len() as u64) as usize;
        if length > 0 {
            self.file.read_at(self.left.start, &mut buffer[..length])?;
            self.left.start += length as u64;
        }
        Ok(length)
    }
}

/// Writes lines that come in order.
#[derive(Default)]
struct Writer {
    file: TemporaryFile,
    buffer: Vec<u8>,
    bytes: u64,
}

impl Writer {
    fn push(&mut self, line: &[u8]) -> io::Result<()> {
        self.buffer.extend_from_slice(line);
        if self.buffer.len() >= BUFFER { self.write() } else { Ok(()) }
    }

    fn write(&mut self) -> io::Result<()> {
        self.file.append(&self.buffer)?;
        self.bytes += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    fn finish(mut self) -> io::Result<Sorted> {
        self.write()?;
        Ok(Sorted { file: Arc::new(self.file), bytes: self.bytes })
    }
}

fn merge(runs: &[Sorted]) -> io::Result<Sorted> {
    let mut readers: Vec<_> = runs.iter().map(Sorted::reader).collect();
    let mut heads = BinaryHeap::new();
    for (run, reader) in readers.iter_mut().enumerate() {
        let mut line = Vec::new();
        if reader.read_until(b'\n', &mut line)? > 0 {
            heads.push(Reverse((line, run)));
        }
    }
    let (mut merged, mut last) = (Writer::default(), Vec::new());
    while let Some(Reverse((mut line, run))) = heads.pop() {
        if line != last {
            merged.push(&line)?;
            last.clone_from(&line);
        }
        line.clear();
        if readers[run].read_until(b'\n', &mut line)? > 0 {
            heads.push(Reverse((line, run)));
        }
    }
    merged.finish()
}

/// Ours: a few hundred thousand lines of an index are sorted at a time.
const MEMORY: usize = 64 << 20;

/// Ours: runs that are merged at a time. With more lines than these runs hold, some 8 GB, all are
/// merged to one and it goes on from there; so many files and buffers are open at most.
const MAX_RUNS: usize = 128;

/// Ours: bytes that are read or written at a time.
const BUFFER: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn lines_come_in_order_and_once_however_many_runs_they_take() {
        // Runs of one line, of a few, and all in one; more of them than are merged at a time.
        for memory in [1, 200, MEMORY] {
            let mut sorter = Sorter { memory, ..Sorter::default() };
            let lines: Vec<_> = (0..500_u64).map(|n| (n * 7_919 % 331).to_string()).collect();
            lines.iter().for_each(|line| sorter.push(line).unwrap());
            let sorted = sorter.finish().unwrap();
            let found: Vec<_> = sorted.reader().lines().map(Result::unwrap).collect();
            let expected: BTreeSet<_> = lines.into_iter().collect();
            assert_eq!(found, expected.into_iter().collect::<Vec<_>>(), "{memory}");
        }
    }

    #[test]
    fn no_lines_are_no_lines() {
        assert_eq!(Sorter::default().finish().unwrap().reader().lines().count(), 0);
    }
}
