//! The log's recovery: any bytes may be in a segment, and what one open has repaired the
//! next finds sound.

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex},
};

use atproto_firehose::log::{
    Entry, LogConfig, LogError, LogReader, Medium, MediumFile, RecoveryReport, SegmentLog,
};

/// The name of the first segment, and of one that the log rolled to.
const NAMES: [&str; 2] = ["00000000000000000001.segment", "00000000000000000003.segment"];

/// A folder in memory.
#[derive(Clone, Default)]
struct Memory(Arc<Mutex<BTreeMap<String, Content>>>);

type Content = Arc<Mutex<Vec<u8>>>;

/// The first two bytes say how long the first segment is; whatever is left is in the second.
pub(crate) fn check(data: &[u8]) {
    let Some((len, bytes)) = data.split_first_chunk::<2>() else { return };
    let len = usize::from(u16::from_le_bytes(*len)).min(bytes.len());
    let (first, second) = bytes.split_at(len);
    let medium = Memory::default();
    medium.put(NAMES[0], first);
    if !second.is_empty() {
        medium.put(NAMES[1], second);
    }

    let Ok((mut log, _)) = open(&medium) else { return };
    let found = read(log.handle().reader(log.handle().first_seq()));
    let next = log.next_seq();
    assert!(found.last().is_none_or(|last| *last < next), "a number would be used again");
    let appended = log.append_batch(vec![Entry::new("key", |_| "frame")], 0);
    if let Ok(range) = &appended {
        assert_eq!(*range, next..next + 1);
        assert_eq!(read(log.handle().reader(next)), [next]);
    }
    drop(log);

    let (log, report) = open(&medium).expect("it was opened before");
    assert_eq!(report.torn_bytes, 0, "the tail was repaired before");
    assert!(log.next_seq() >= next + i64::from(appended.is_ok()));
    let mut expected = found;
    expected.extend(appended.into_iter().flatten());
    assert_eq!(read(log.handle().reader(log.handle().first_seq())), expected);
    let _ = log.handle().tail(3);
}

fn open(medium: &Memory) -> Result<(SegmentLog, RecoveryReport), LogError> {
    let config = LogConfig::default().max_record_bytes(1 << 16);
    SegmentLog::open_on(Arc::new(medium.clone()), config)
}

/// All records behind each other and behind all damage.
fn read(mut reader: LogReader) -> Vec<i64> {
    let mut found = Vec::<i64>::new();
    loop {
        match reader.next_record() {
            Ok(Some(record)) => {
                assert!(found.last().is_none_or(|last| *last < record.seq), "out of order");
                found.push(record.seq);
            }
            Ok(None) => return found,
            Err(LogError::Corrupt { .. }) => match reader.skip_damage() {
                Ok(Some(_)) => {}
                _ => return found,
            },
            Err(_) => return found,
        }
    }
}

impl Memory {
    fn put(&self, name: &str, bytes: &[u8]) {
        let content = Arc::new(Mutex::new(bytes.to_vec()));
        self.files().insert(name.to_owned(), content);
    }

    fn files(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Content>> {
        self.0.lock().expect("nobody panics with the lock")
    }
}

impl Medium for Memory {
    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.files().keys().cloned().collect())
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn MediumFile>> {
        if self.files().contains_key(name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        self.put(name, &[]);
        self.open(name, true)
    }

    fn open(&self, name: &str, _write: bool) -> io::Result<Box<dyn MediumFile>> {
        let content = self.files().get(name).cloned().ok_or(io::ErrorKind::NotFound)?;
        Ok(Box::new(File(content)))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.files().remove(name).map(drop).ok_or(io::ErrorKind::NotFound.into())
    }

    fn replace(&self, name: &str, content: &[u8]) -> io::Result<()> {
        self.put(name, content);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}

struct File(Content);

impl File {
    fn bytes(&self) -> std::sync::MutexGuard<'_, Vec<u8>> {
        self.0.lock().expect("nobody panics with the lock")
    }
}

impl MediumFile for File {
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let bytes = self.bytes();
        let rest = bytes.get(offset as usize..).unwrap_or_default();
        let len = rest.len().min(into.len());
        into[..len].copy_from_slice(&rest[..len]);
        Ok(len)
    }

    fn write_at(&self, offset: u64, new: &[u8]) -> io::Result<()> {
        let (mut bytes, start) = (self.bytes(), offset as usize);
        let end = start + new.len();
        let len = bytes.len().max(end);
        bytes.resize(len, 0);
        bytes[start..end].copy_from_slice(new);
        Ok(())
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        self.bytes().resize(len as usize, 0);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.bytes().len() as u64)
    }
}
