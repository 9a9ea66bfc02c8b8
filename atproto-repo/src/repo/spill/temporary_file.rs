use std::{
    fs::File,
    io::{self, Write},
};

use super::Spill;

/// A file in the system's folder for temporary files (`TMPDIR`), made when it is first
/// needed. It has no name, so that nothing is left of it however the process ends.
#[derive(Debug, Default)]
pub struct TemporaryFile(Option<File>);

impl TemporaryFile {
    /// No file yet.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Spill for TemporaryFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let file = match &mut self.0 {
            Some(file) => file,
            none => none.insert(tempfile::tempfile()?),
        };
        file.write_all(bytes)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let file = self.0.as_ref().ok_or(io::ErrorKind::UnexpectedEof)?;
        read_exact_at(file, offset, buffer)
    }
}

#[cfg(unix)]
fn read_exact_at(file: &File, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, buffer, offset)
}

#[cfg(windows)]
fn read_exact_at(file: &File, mut offset: u64, mut buffer: &mut [u8]) -> io::Result<()> {
    while !buffer.is_empty() {
        match std::os::windows::fs::FileExt::seek_read(file, buffer, offset)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => {
                buffer = &mut buffer[read..];
                offset += read as u64;
            }
        }
    }
    Ok(())
}
