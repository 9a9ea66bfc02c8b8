//! The few file operations the log needs, as a trait, so that tests can cut
//! the power, fill the disk and fail a sync at any point.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// A folder that holds the files of one log.
pub trait Medium: Send + Sync + 'static {
    /// Names of all files.
    fn list(&self) -> io::Result<Vec<String>>;
    /// Creates an empty file; an existing one is an error.
    fn create(&self, name: &str) -> io::Result<Box<dyn MediumFile>>;
    /// Opens an existing file for reading and, if `write`, writing.
    fn open(&self, name: &str, write: bool) -> io::Result<Box<dyn MediumFile>>;
    /// Removes a file.
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Replaces the whole content of a small file: after a crash it holds the
    /// old or the new content, and once this returns the new one is durable.
    fn replace(&self, name: &str, content: &[u8]) -> io::Result<()>;
    /// Makes creations and removals durable.
    fn sync(&self) -> io::Result<()>;
}

/// One open file of a [`Medium`].
pub trait MediumFile: Send + Sync {
    /// Reads at an offset; fewer bytes than asked mean the end of the file.
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize>;
    /// Writes all bytes at an offset.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;
    /// Cuts the file.
    fn truncate(&self, len: u64) -> io::Result<()>;
    /// Makes content and length durable.
    fn sync(&self) -> io::Result<()>;
    /// Length in bytes.
    fn len(&self) -> io::Result<u64>;
    /// Whether the file has no bytes.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }
}

/// A folder of the file system.
#[derive(Clone, Debug)]
pub struct Disk {
    dir: PathBuf,
}

/// While this lives nobody else can lock the folder, so two writers cannot
/// interleave. Readers may outlive it.
#[derive(Debug)]
pub(crate) struct DiskLock(#[expect(dead_code, reason = "held for its drop")] File);

const LOCK_FILE: &str = "lock";

impl Disk {
    /// Creates the folder if it is missing.
    ///
    /// # Errors
    /// What the system says.
    pub fn open(dir: impl AsRef<Path>) -> io::Result<Self> {
        let dir = dir.as_ref().to_owned();
        fs::create_dir_all(&dir)?;
        Ok(Self { dir })
    }

    /// [`io::ErrorKind::WouldBlock`] if another handle holds the lock.
    pub(crate) fn lock(&self) -> io::Result<DiskLock> {
        let mut options = OpenOptions::new();
        let lock =
            options.create(true).truncate(false).write(true).open(self.dir.join(LOCK_FILE))?;
        lock.try_lock().map_err(io::Error::from)?;
        Ok(DiskLock(lock))
    }
}

impl Medium for Disk {
    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.dir)? {
            if let Ok(name) = entry?.file_name().into_string() {
                names.push(name);
            }
        }
        Ok(names)
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn MediumFile>> {
        let file =
            OpenOptions::new().read(true).write(true).create_new(true).open(self.dir.join(name))?;
        Ok(Box::new(file))
    }

    fn open(&self, name: &str, write: bool) -> io::Result<Box<dyn MediumFile>> {
        let file = OpenOptions::new().read(true).write(write).open(self.dir.join(name))?;
        Ok(Box::new(file))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.dir.join(name))
    }

    fn replace(&self, name: &str, content: &[u8]) -> io::Result<()> {
        let temporary = self.dir.join(format!("{name}.new"));
        let mut file = File::create(&temporary)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&temporary, self.dir.join(name))?;
        self.sync()
    }

    fn sync(&self) -> io::Result<()> {
        // A folder can be opened and synced on Unix only; elsewhere the file
        // system journals names by itself.
        #[cfg(unix)]
        File::open(&self.dir)?.sync_all()?;
        Ok(())
    }
}

impl MediumFile for File {
    #[cfg(unix)]
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        fill(into, |rest, done| std::os::unix::fs::FileExt::read_at(self, rest, offset + done))
    }

    #[cfg(windows)]
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        fill(into, |rest, done| std::os::windows::fs::FileExt::seek_read(self, rest, offset + done))
    }

    #[cfg(unix)]
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        std::os::unix::fs::FileExt::write_all_at(self, bytes, offset)
    }

    #[cfg(windows)]
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut done = 0;
        while done < bytes.len() {
            let at = offset + done as u64;
            match std::os::windows::fs::FileExt::seek_write(self, &bytes[done..], at)? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                written => done += written,
            }
        }
        Ok(())
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        self.set_len(len)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }
}

/// Calls `read` until the buffer is full or the file ends.
fn fill(into: &mut [u8], read: impl Fn(&mut [u8], u64) -> io::Result<usize>) -> io::Result<usize> {
    let mut done = 0;
    while done < into.len() {
        match read(&mut into[done..], done as u64) {
            Ok(0) => break,
            Ok(count) => done += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}
