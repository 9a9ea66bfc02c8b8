//! The files of the spool.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use bytes::Bytes;

use crate::intake::EntryId;

/// A directory with a file for each event in the spool: a checksum (CRC-32,
/// four bytes, little-endian), then the frame. So the space of an event is free
/// as soon as it is taken out, in whatever order. Nothing is synced, because
/// nothing of it is needed after a crash.
#[derive(Debug)]
pub(crate) struct SpoolDir {
    path: PathBuf,
    /// Held while the consumer lives: no other may write here.
    _lock: File,
}

impl SpoolDir {
    /// Opens or creates the directory and empties it. Files that are not of a
    /// spool stay.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        fs::create_dir_all(path)?;
        let lock =
            OpenOptions::new().create(true).truncate(false).write(true).open(path.join("lock"))?;
        lock.try_lock().map_err(io::Error::from)?;
        for file in fs::read_dir(path)? {
            let file = file?.path();
            if file.extension().is_some_and(|extension| extension == EXTENSION) {
                fs::remove_file(file)?;
            }
        }
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    pub(crate) fn write(&self, id: EntryId, frame: &[u8]) -> io::Result<()> {
        let write = || {
            let mut file = File::create(self.file(id))?;
            file.write_all(&crc32fast::hash(frame).to_le_bytes())?;
            file.write_all(frame)
        };
        // Half a file would use up space that is not counted.
        write().inspect_err(|_| self.discard(id))
    }

    pub(crate) fn take(&self, id: EntryId) -> io::Result<Bytes> {
        let mut file = File::open(self.file(id))?;
        let (mut expected, mut frame) = ([0; 4], Vec::new());
        file.read_exact(&mut expected)?;
        file.read_to_end(&mut frame)?;
        if crc32fast::hash(&frame) != u32::from_le_bytes(expected) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the checksum is wrong"));
        }
        self.discard(id);
        Ok(frame.into())
    }

    pub(crate) fn discard(&self, id: EntryId) {
        if let Err(error) = fs::remove_file(self.file(id))
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(%error, "a file of the spool cannot be removed");
        }
    }

    fn file(&self, id: EntryId) -> PathBuf {
        self.path.join(format!("{}.{EXTENSION}", id.0))
    }
}

const EXTENSION: &str = "spooled";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_back_once_and_whole_or_not_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let (path, id) = (dir.path().join("spool"), EntryId(7));
        let spool = SpoolDir::open(&path).unwrap();
        spool.write(id, b"frame").unwrap();
        assert_eq!(spool.take(id).unwrap(), "frame");
        assert_eq!(spool.take(id).unwrap_err().kind(), io::ErrorKind::NotFound);
        for bit in 0..9 * 8 {
            spool.write(id, b"frame").unwrap();
            let mut stored = fs::read(spool.file(id)).unwrap();
            stored[bit / 8] ^= 1 << (bit % 8);
            fs::write(spool.file(id), &stored).unwrap();
            assert!(spool.take(id).is_err(), "bit {bit}");
        }
        for len in 0..9 {
            spool.write(id, b"frame").unwrap();
            let stored = fs::read(spool.file(id)).unwrap();
            fs::write(spool.file(id), &stored[..len]).unwrap();
            assert!(spool.take(id).is_err(), "cut to {len}");
        }
    }

    #[test]
    fn a_spool_begins_empty_and_is_of_one_consumer() {
        let dir = tempfile::tempdir().unwrap();
        let other = dir.path().join("other");
        fs::write(&other, b"").unwrap();
        let spool = SpoolDir::open(dir.path()).unwrap();
        spool.write(EntryId(1), b"frame").unwrap();
        assert!(SpoolDir::open(dir.path()).is_err(), "it is in use");
        drop(spool);
        let spool = SpoolDir::open(dir.path()).unwrap();
        assert!(spool.take(EntryId(1)).is_err());
        assert!(other.exists(), "what is not of the spool is left alone");
    }
}
