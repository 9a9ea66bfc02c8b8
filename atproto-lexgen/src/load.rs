//! Finding and reading documents.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use atproto_core::lexicon::Document;

use crate::error::{Error, Skipped};

/// Documents by NSID, so that what follows does not depend on the order of directories.
#[derive(Debug, Default)]
pub(crate) struct Loaded {
    pub(crate) documents: BTreeMap<String, Document>,
    pub(crate) skipped: Vec<Skipped>,
}

/// Reads every `.json` file under the paths.
pub(crate) fn load(paths: &[PathBuf], skip_invalid: bool) -> Result<Loaded, Error> {
    let mut loaded = Loaded::default();
    let mut places: BTreeMap<String, PathBuf> = BTreeMap::new();
    for path in files(paths)? {
        let text = fs::read(&path).map_err(|source| Error::Io { path: path.clone(), source })?;
        let document = match Document::from_json(&text) {
            Ok(document) => document,
            Err(error) if skip_invalid => {
                loaded.skipped.push(Skipped { path, reason: error.to_string() });
                continue;
            }
            Err(error) => return Err(Error::Invalid { path, source: Box::new(error) }),
        };
        // Authorities are case-insensitive, and many file systems are altogether.
        let key = document.id.as_str().to_ascii_lowercase();
        if let Some(first) = places.insert(key, path.clone()) {
            let id = document.id.to_string();
            if skip_invalid {
                let reason = format!("{id} is also defined in {}", first.display());
                loaded.skipped.push(Skipped { path, reason });
                continue;
            }
            return Err(Error::Twice { id, first, second: path });
        }
        loaded.documents.insert(document.id.to_string(), document);
    }
    Ok(loaded)
}

/// Every `.json` file under the paths, sorted.
pub(crate) fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Error> {
    let mut found = Vec::new();
    for path in paths {
        collect(path, &mut found)?;
    }
    found.sort();
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
