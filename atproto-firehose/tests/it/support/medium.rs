//! A folder in memory that knows what has been synced, so that the power can
//! be cut, and that can refuse any operation.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use atproto_firehose::log::{Medium, MediumFile};

use super::random::Random;

#[derive(Clone, Default)]
pub(crate) struct Memory {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    files: BTreeMap<String, Arc<Mutex<Content>>>,
    durable_names: BTreeMap<String, Arc<Mutex<Content>>>,
    operations: usize,
    fault: Option<Fault>,
    fired: usize,
}

/// What happens at which operation that changes something.
#[derive(Clone, Copy)]
pub(crate) struct Fault {
    pub(crate) at: usize,
    pub(crate) kind: FaultKind,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum FaultKind {
    /// This one operation fails; a write is done by half.
    Once,
    /// This and all later operations fail: the process is gone.
    Crash,
}

#[derive(Clone, Default)]
struct Content {
    bytes: Vec<u8>,
    durable: Vec<u8>,
    pending: Vec<Change>,
}

#[derive(Clone)]
enum Change {
    Write(usize, Vec<u8>),
    Truncate(usize),
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Write(at, new) => {
                bytes.resize(bytes.len().max(at + new.len()), 0);
                bytes[*at..at + new.len()].copy_from_slice(new);
            }
            Self::Truncate(len) => bytes.resize(*len, 0),
        }
    }
}

impl Memory {
    pub(crate) fn set_fault(&self, fault: Option<Fault>) {
        let mut inner = self.lock();
        inner.operations = 0;
        inner.fault = fault;
    }

    pub(crate) fn operations(&self) -> usize {
        self.lock().operations
    }

    pub(crate) fn fired(&self) -> usize {
        self.lock().fired
    }

    /// What a reboot finds after the power went: synced bytes, and of the
    /// others any beginning, the last write possibly torn.
    pub(crate) fn after_power_loss(&self, random: &mut Random) -> Self {
        let inner = self.lock();
        let survivor = Self::default();
        let names = if random.one_in(2) { &inner.files } else { &inner.durable_names };
        for (name, content) in names {
            let content = content.lock().unwrap();
            let mut bytes = content.durable.clone();
            let kept = random.below(content.pending.len() + 1);
            for change in &content.pending[..kept] {
                change.apply(&mut bytes);
            }
            if let Some(Change::Write(at, new)) = content.pending.get(kept) {
                let torn = new[..random.below(new.len() + 1)].to_vec();
                Change::Write(*at, torn).apply(&mut bytes);
            }
            survivor.put(name, bytes);
        }
        survivor
    }

    /// A copy with everything synced.
    pub(crate) fn snapshot(&self) -> Self {
        let copy = Self::default();
        for (name, content) in &self.lock().files {
            copy.put(name, content.lock().unwrap().bytes.clone());
        }
        copy
    }

    pub(crate) fn files(&self) -> Vec<(String, Vec<u8>)> {
        let inner = self.lock();
        let bytes = |content: &Arc<Mutex<Content>>| content.lock().unwrap().bytes.clone();
        inner.files.iter().map(|(name, content)| (name.clone(), bytes(content))).collect()
    }

    pub(crate) fn put(&self, name: &str, bytes: Vec<u8>) {
        let content = Content { durable: bytes.clone(), bytes, pending: Vec::new() };
        let content = Arc::new(Mutex::new(content));
        let mut inner = self.lock();
        inner.files.insert(name.into(), Arc::clone(&content));
        inner.durable_names.insert(name.into(), content);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }

    /// Counts an operation; true if it is to fail.
    fn fails(&self) -> bool {
        let mut inner = self.lock();
        let number = inner.operations;
        inner.operations += 1;
        let fails = inner.fault.is_some_and(|fault| match fault.kind {
            FaultKind::Once => number == fault.at,
            FaultKind::Crash => number >= fault.at,
        });
        inner.fired += usize::from(fails);
        fails
    }

    fn attempt(&self) -> io::Result<()> {
        if self.fails() { Err(io::Error::other("injected")) } else { Ok(()) }
    }
}

impl Medium for Memory {
    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.lock().files.keys().cloned().collect())
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn MediumFile>> {
        self.attempt()?;
        let mut inner = self.lock();
        if inner.files.contains_key(name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let content = Arc::<Mutex<Content>>::default();
        inner.files.insert(name.into(), Arc::clone(&content));
        Ok(Box::new(MemoryFile { medium: self.clone(), content }))
    }

    fn open(&self, name: &str, _write: bool) -> io::Result<Box<dyn MediumFile>> {
        let content = self.lock().files.get(name).cloned();
        let content = content.ok_or(io::ErrorKind::NotFound)?;
        Ok(Box::new(MemoryFile { medium: self.clone(), content }))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.attempt()?;
        self.lock().files.remove(name).map(drop).ok_or(io::ErrorKind::NotFound.into())
    }

    fn replace(&self, name: &str, content: &[u8]) -> io::Result<()> {
        self.attempt()?;
        self.put(name, content.to_vec());
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        self.attempt()?;
        let mut inner = self.lock();
        inner.durable_names = inner.files.clone();
        Ok(())
    }
}

struct MemoryFile {
    medium: Memory,
    content: Arc<Mutex<Content>>,
}

impl MemoryFile {
    fn change(&self, change: Change) {
        let mut content = self.content.lock().unwrap();
        change.apply(&mut content.bytes);
        content.pending.push(change);
    }
}

impl MediumFile for MemoryFile {
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let content = self.content.lock().unwrap();
        let rest = content.bytes.get(offset as usize..).unwrap_or_default();
        let count = rest.len().min(into.len());
        into[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        if self.medium.fails() {
            let half = bytes[..bytes.len() / 2].to_vec();
            self.change(Change::Write(offset as usize, half));
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.change(Change::Write(offset as usize, bytes.to_vec()));
        Ok(())
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        self.medium.attempt()?;
        self.change(Change::Truncate(len as usize));
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        self.medium.attempt()?;
        let mut content = self.content.lock().unwrap();
        content.durable = content.bytes.clone();
        content.pending.clear();
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.content.lock().unwrap().bytes.len() as u64)
    }
}
