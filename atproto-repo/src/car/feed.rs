use atproto_core::syntax::Cid;
use bytes::{Bytes, BytesMut};

use super::{
    CarBlock, CarError, Limits,
    decoder::{Decoder, Item},
};

/// What has arrived of an archive and is not decoded yet: the part that the readers of
/// blocking and of asynchronous input share.
///
/// Ask for the header, then for blocks. Where the answer is that more is needed, append to
/// [`buffer`](Self::buffer), and ask again.
#[derive(Debug)]
pub(super) struct Feed {
    unread: BytesMut,
    decoder: Decoder,
    /// How many unread bytes make the next answer possible; nothing between sections.
    need: usize,
}

impl Feed {
    pub(super) fn new(limits: &Limits) -> Self {
        let decoder = Decoder::new(limits);
        Self { unread: BytesMut::new(), decoder, need: 1 }
    }

    /// The roots, or nothing if more of the archive is needed.
    pub(super) fn header(&mut self) -> Result<Option<Vec<Cid>>, CarError> {
        match self.decoder.header(&self.unread)? {
            Ok((roots, length)) => {
                let _ = self.unread.split_to(length);
                Ok(Some(roots))
            }
            Err(need) => {
                self.need = need;
                Ok(None)
            }
        }
    }

    /// The next block, or nothing if more of the archive is needed.
    pub(super) fn block(&mut self) -> Result<Option<CarBlock<Bytes>>, CarError> {
        match self.decoder.block(&self.unread)? {
            Item::Block { cid, bytes } => {
                let section = self.unread.split_to(bytes.end).freeze();
                return Ok(Some(CarBlock { cid, bytes: section.slice(bytes) }));
            }
            Item::Need(need) => self.need = need,
            Item::End => self.need = 0,
        }
        Ok(None)
    }

    /// Where to append what is read, and how much to ask for. The decoder has checked the
    /// length of the section that is awaited; still the buffer grows with what arrives, not
    /// with what is announced.
    pub(super) fn buffer(&mut self) -> (&mut BytesMut, usize) {
        let missing = self.need.saturating_sub(self.unread.len());
        (&mut self.unread, missing.clamp(CHUNK, MAX_CHUNK))
    }

    /// Whether the archive goes on after so many bytes were read: it does not if none came.
    pub(super) fn goes_on(&self, read: usize) -> Result<bool, CarError> {
        if read == 0 && self.need > 0 { Err(CarError::Truncated) } else { Ok(read > 0) }
    }
}

/// How much is asked of a reader at once, in bytes: enough for some forty blocks.
const CHUNK: usize = 16 << 10;

/// The most by which the space grows ahead of what has arrived, in bytes.
const MAX_CHUNK: usize = 256 << 10;
