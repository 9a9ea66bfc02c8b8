//! Writing files.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::error::Error;

/// Writes a file as a whole or not at all, and the directories above it as needed.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let failed = |source| Error::Io { path: path.to_owned(), source };
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory).map_err(failed)?;
    }
    let unfinished = unfinished(path);
    fs::write(&unfinished, bytes).map_err(failed)?;
    fs::rename(&unfinished, path).map_err(|source| {
        // Of the two failures the first is the one to report.
        let _left_behind = fs::remove_file(&unfinished);
        failed(source)
    })
}

/// A name beside the file that no other process writes to and no search finds.
fn unfinished(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.unfinished", std::process::id()));
    path.with_file_name(name)
}
