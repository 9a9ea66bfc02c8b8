//! Finding and reading documents.

use std::{
    collections::BTreeMap,
    fmt, fs,
    path::{Path, PathBuf},
};

use atproto_core::lexicon::{Document, SchemaError};

use crate::error::Error;

/// Documents by NSID, so that what follows does not depend on the order of directories.
#[derive(Debug, Default)]
pub(crate) struct Loaded {
    pub(crate) documents: BTreeMap<String, Document>,
    /// Where each of them came from.
    pub(crate) files: BTreeMap<String, PathBuf>,
    /// What could not be used, in the order of the files.
    pub(crate) faults: Vec<Fault>,
}

/// A file that holds no document, or one that another file holds already.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) path: PathBuf,
    pub(crate) reason: Reason,
}

#[derive(Debug)]
pub(crate) enum Reason {
    Schema(Box<SchemaError>),
    Twice { id: String, first: PathBuf },
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Schema(error) => error.fmt(f),
            Self::Twice { id, first } => write!(f, "{id} is also defined in {}", first.display()),
        }
    }
}

impl From<Fault> for Error {
    fn from(Fault { path, reason }: Fault) -> Self {
        match reason {
            Reason::Schema(source) => Self::Invalid { path, source },
            Reason::Twice { id, first } => Self::Twice { id, first, second: path },
        }
    }
}

/// Reads every `.json` file under the paths.
pub(crate) fn load(paths: &[PathBuf]) -> Result<Loaded, Error> {
    let mut loaded = Loaded::default();
    // Authorities are case-insensitive, and many file systems are altogether.
    let mut folded: BTreeMap<String, PathBuf> = BTreeMap::new();
    for path in files(paths)? {
        let text = fs::read(&path).map_err(|source| Error::Io { path: path.clone(), source })?;
        let document = match Document::from_json(&text) {
            Ok(document) => document,
            Err(error) => {
                let reason = Reason::Schema(Box::new(error));
                loaded.faults.push(Fault { path, reason });
                continue;
            }
        };
        let id = document.id.to_string();
        if let Some(first) = folded.get(&id.to_ascii_lowercase()) {
            let reason = Reason::Twice { id, first: first.clone() };
            loaded.faults.push(Fault { path, reason });
            continue;
        }
        folded.insert(id.to_ascii_lowercase(), path.clone());
        loaded.files.insert(id.clone(), path);
        loaded.documents.insert(id, document);
    }
    Ok(loaded)
}

/// As [`load`], without tolerance.
pub(crate) fn load_valid(paths: &[PathBuf]) -> Result<Loaded, Error> {
    let mut loaded = load(paths)?;
    match loaded.faults.is_empty() {
        true => Ok(loaded),
        false => Err(loaded.faults.swap_remove(0).into()),
    }
}

/// Every `.json` file under the paths, sorted.
pub(crate) fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Error> {
    let mut found = Vec::new();
    for path in paths {
        collect(path, &mut found)?;
    }
    found.sort();
    // A file that is named and lies in a directory that is named too is one file.
    found.dedup();
    Ok(found)
}

fn collect(path: &Path, found: &mut Vec<PathBuf>) -> Result<(), Error> {
    let failed = |source| Error::Io { path: path.to_owned(), source };
    if fs::metadata(path).map_err(failed)?.is_file() {
        found.push(path.to_owned());
        return Ok(());
    }
    for entry in fs::read_dir(path).map_err(failed)? {
        let entry = entry.map_err(failed)?.path();
        if entry.is_dir() {
            collect(&entry, found)?;
        } else if entry.extension().is_some_and(|extension| extension == "json") {
            found.push(entry);
        }
    }
    Ok(())
}
