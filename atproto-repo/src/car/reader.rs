use std::io::{ErrorKind, Read};

use atproto_core::syntax::Cid;
use bytes::Bytes;

use super::{CarBlock, CarError, Limits, feed::Feed};

/// The blocks of an archive as they come, one buffer in memory at a time.
#[derive(Debug)]
pub struct ReaderBlocks<R> {
    archive: R,
    feed: Feed,
    roots: Vec<Cid>,
    stopped: bool,
}

impl<R: Read> ReaderBlocks<R> {
    pub(super) fn new(mut archive: R, limits: &Limits) -> Result<Self, CarError> {
        let mut feed = Feed::new(limits);
        let roots = loop {
            match feed.header()? {
                Some(roots) => break roots,
                None => read_some(&mut archive, &mut feed)?,
            };
        };
        Ok(Self { archive, feed, roots, stopped: false })
    }

    /// The roots: at least one, the first of which is the commit.
    pub fn roots(&self) -> &[Cid] {
        &self.roots
    }

    fn read_block(&mut self) -> Result<Option<CarBlock<Bytes>>, CarError> {
        loop {
            match self.feed.block()? {
                None if read_some(&mut self.archive, &mut self.feed)? => {}
                block => return Ok(block),
            }
        }
    }
}

impl<R: Read> Iterator for ReaderBlocks<R> {
    type Item = Result<CarBlock<Bytes>, CarError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.stopped {
            return None;
        }
        let block = self.read_block().transpose();
        self.stopped = !matches!(block, Some(Ok(_)));
        block
    }
}

/// Reads once, and says whether the archive goes on.
fn read_some(archive: &mut impl Read, feed: &mut Feed) -> Result<bool, CarError> {
    let (buffer, wanted) = feed.buffer();
    let filled = buffer.len();
    buffer.resize(filled + wanted, 0);
    let read = loop {
        match archive.read(&mut buffer[filled..]) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            other => break other?,
        }
    };
    buffer.truncate(filled + read);
    feed.goes_on(read)
}
