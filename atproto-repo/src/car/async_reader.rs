use atproto_core::syntax::Cid;
use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt};

use super::{CarBlock, CarError, Limits, feed::Feed};

/// The blocks of an archive as they come from asynchronous input, one buffer in memory at a
/// time.
#[derive(Debug)]
pub struct AsyncReaderBlocks<R> {
    archive: R,
    feed: Feed,
    roots: Vec<Cid>,
    stopped: bool,
}

impl<R: AsyncRead + Unpin> AsyncReaderBlocks<R> {
    pub(super) async fn new(mut archive: R, limits: &Limits) -> Result<Self, CarError> {
        let mut feed = Feed::new(limits);
        let roots = loop {
            match feed.header()? {
                Some(roots) => break roots,
                None => read_some(&mut archive, &mut feed).await?,
            };
        };
        Ok(Self { archive, feed, roots, stopped: false })
    }

    /// The roots: at least one, the first of which is the commit.
    pub fn roots(&self) -> &[Cid] {
        &self.roots
    }

    /// The next block; `None` at the end, and after an error.
    ///
    /// Cancel safe: what was read before the future was dropped is not lost.
    pub async fn next(&mut self) -> Option<Result<CarBlock<Bytes>, CarError>> {
        if self.stopped {
            return None;
        }
        let block = self.read_block().await.transpose();
        self.stopped = !matches!(block, Some(Ok(_)));
        block
    }

    async fn read_block(&mut self) -> Result<Option<CarBlock<Bytes>>, CarError> {
        loop {
            match self.feed.block()? {
                None if read_some(&mut self.archive, &mut self.feed).await? => {}
                block => return Ok(block),
            }
        }
    }
}

/// Reads once, and says whether the archive goes on.
async fn read_some(
    archive: &mut (impl AsyncRead + Unpin),
    feed: &mut Feed,
) -> Result<bool, CarError> {
    let (buffer, wanted) = feed.buffer();
    buffer.reserve(wanted);
    let read = archive.read_buf(buffer).await?;
    feed.goes_on(read)
}
