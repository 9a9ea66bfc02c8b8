use atproto_core::syntax::Cid;
use bytes::Bytes;

use super::{
    CarBlock, CarError, Limits,
    decoder::{Decoder, Item},
};

/// The blocks of an archive in memory, borrowed from it.
#[derive(Debug)]
pub struct SliceBlocks<'a> {
    archive: &'a [u8],
    position: usize,
    roots: Vec<Cid>,
    decoder: Decoder,
}

impl<'a> SliceBlocks<'a> {
    pub(super) fn new(archive: &'a [u8], limits: &Limits) -> Result<Self, CarError> {
        let mut decoder = Decoder::new(limits);
        let (roots, position) = decoder.header(archive)?.map_err(|_| CarError::Truncated)?;
        Ok(Self { archive, position, roots, decoder })
    }

    /// The roots: at least one, the first of which is the commit.
    pub fn roots(&self) -> &[Cid] {
        &self.roots
    }

    /// Where the next section begins, in bytes from the start of the archive.
    pub fn position(&self) -> usize {
        self.position
    }
}

impl<'a> Iterator for SliceBlocks<'a> {
    type Item = Result<CarBlock<&'a [u8]>, CarError>;

    fn next(&mut self) -> Option<Self::Item> {
        let unread = &self.archive[self.position..];
        match self.decoder.block(unread) {
            Ok(Item::Block { cid, bytes }) => {
                self.position += bytes.end;
                Some(Ok(CarBlock { cid, bytes: &unread[bytes] }))
            }
            Ok(Item::End) => None,
            Ok(Item::Need(_)) => Some(Err(self.stop(CarError::Truncated))),
            Err(error) => Some(Err(self.stop(error))),
        }
    }
}

impl SliceBlocks<'_> {
    /// Nothing after a broken section can be trusted to be one.
    fn stop(&mut self, error: CarError) -> CarError {
        self.position = self.archive.len();
        error
    }
}

/// The blocks of an archive in memory, sharing it.
#[derive(Debug)]
pub struct SharedBlocks {
    archive: Bytes,
    position: usize,
    roots: Vec<Cid>,
    decoder: Decoder,
}

impl SharedBlocks {
    pub(super) fn new(archive: Bytes, limits: &Limits) -> Result<Self, CarError> {
        let SliceBlocks { position, roots, decoder, .. } = SliceBlocks::new(&archive, limits)?;
        Ok(Self { archive, position, roots, decoder })
    }

    /// The roots: at least one, the first of which is the commit.
    pub fn roots(&self) -> &[Cid] {
        &self.roots
    }

    /// How many bytes are still to be read.
    pub(super) fn unread(&self) -> usize {
        self.archive.len() - self.position
    }

    /// Keeps the roots alone.
    pub fn into_roots(self) -> Vec<Cid> {
        self.roots
    }
}

impl Iterator for SharedBlocks {
    type Item = Result<CarBlock<Bytes>, CarError>;

    fn next(&mut self) -> Option<Self::Item> {
        let start = self.position;
        let error = match self.decoder.block(&self.archive[start..]) {
            Ok(Item::Block { cid, bytes }) => {
                self.position += bytes.end;
                let bytes = self.archive.slice(start + bytes.start..start + bytes.end);
                return Some(Ok(CarBlock { cid, bytes }));
            }
            Ok(Item::End) => return None,
            Ok(Item::Need(_)) => CarError::Truncated,
            Err(error) => error,
        };
        self.position = self.archive.len();
        Some(Err(error))
    }
}
