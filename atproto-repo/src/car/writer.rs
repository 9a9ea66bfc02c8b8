use std::io::{self, Write};

use atproto_core::{data::cbor::Writer, syntax::Cid};

/// Writes an archive with one root. The caller vouches for the hashes.
#[derive(Debug)]
pub struct CarWriter<W> {
    archive: W,
}

impl<W: Write> CarWriter<W> {
    /// Writes the header.
    pub fn new(mut archive: W, root: &Cid) -> io::Result<Self> {
        let header = header(root);
        write_varint(&mut archive, header.len() as u64)?;
        archive.write_all(&header)?;
        Ok(Self { archive })
    }

    /// Writes one block.
    pub fn block(&mut self, cid: &Cid, block: &[u8]) -> io::Result<()> {
        write_varint(&mut self.archive, (Cid::BYTES + block.len()) as u64)?;
        self.archive.write_all(&cid.to_bytes())?;
        self.archive.write_all(block)
    }

    /// Flushes, and gives back what was written to.
    pub fn finish(mut self) -> io::Result<W> {
        self.archive.flush()?;
        Ok(self.archive)
    }
}

/// An archive in memory.
pub fn write<'a, B: AsRef<[u8]> + ?Sized + 'a>(
    root: &Cid,
    blocks: impl IntoIterator<Item = (&'a Cid, &'a B)>,
) -> Vec<u8> {
    const INFALLIBLE: &str = "writing to memory does not fail";
    let mut writer = CarWriter::new(Vec::new(), root).expect(INFALLIBLE);
    for (cid, block) in blocks {
        writer.block(cid, block.as_ref()).expect(INFALLIBLE);
    }
    writer.archive
}

fn header(root: &Cid) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.map(2);
    writer.text("roots");
    writer.array(1);
    writer.link(root);
    writer.text("version");
    writer.int(1);
    writer.into_bytes()
}

fn write_varint(archive: &mut impl Write, mut number: u64) -> io::Result<()> {
    let mut bytes = [0; 10];
    let mut length = 0;
    loop {
        bytes[length] = (number & 0x7f) as u8;
        number >>= 7;
        length += 1;
        if number == 0 {
            return archive.write_all(&bytes[..length]);
        }
        bytes[length - 1] |= 0x80;
    }
}
