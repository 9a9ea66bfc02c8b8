//! The manifest of installed lexicons, `lexicons.json`.
//!
//! It lists what was asked for, and for each document that is installed, whether asked for
//! or needed by another, the record it came from and the hash of that record. The format is
//! that of the reference implementation's installer:
//!
//! ```json
//! {
//!   "version": 1,
//!   "lexicons": ["com.example.note"],
//!   "resolutions": {
//!     "com.example.note": {
//!       "uri": "at://did:plc:ewvi7nxzyoun6zhxrhs64oiz/com.atproto.lexicon.schema/com.example.note",
//!       "cid": "bafyreifylc5lfr4vqfzrwdtqm4pnfg7cbra7z4acbgikylqandzefwdeaq"
//!     }
//!   }
//! }
//! ```
//!
//! Documents lie below a directory at the path that their names spell:
//! `com/example/note.json`. What a file hashes to is the hash of its record, whatever its
//! white space and the order of its keys.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
};

use atproto_core::{
    lexicon::Document,
    syntax::{AtUri, Cid, Nsid},
};
use serde::{Deserialize, Serialize};

use crate::{
    error::Error,
    files,
    record::{self, RecordError},
    walk,
};

/// What is installed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    version: Version,
    /// What was asked for.
    pub lexicons: BTreeSet<Nsid>,
    /// Where each document that is installed came from.
    pub resolutions: BTreeMap<Nsid, Resolution>,
}

/// Where a document came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Resolution {
    /// The record.
    pub uri: AtUri,
    /// This version of it.
    pub cid: Cid,
}

/// What a manifest and the files beside it disagree about.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// A file could not be read or written.
    #[error(transparent)]
    File(#[from] Error),
    /// The document's file is not there.
    #[error("{}: the file is missing", .path.display())]
    Missing {
        /// Where it should be.
        path: PathBuf,
    },
    /// The document's file is not the version that is pinned.
    #[error("{}: the document hashes to {found}, and {pinned} is pinned", .path.display())]
    Modified {
        /// The file.
        path: PathBuf,
        /// What the manifest says.
        pinned: Cid,
        /// What the file hashes to.
        found: Cid,
    },
    /// The document is needed, and the manifest does not say where it comes from.
    #[error("{nsid} is needed and not installed")]
    NotInstalled {
        /// The document.
        nsid: Nsid,
    },
    /// The file holds no lexicon of that name.
    #[error("{}: {source}", .path.display())]
    Record {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: RecordError,
    },
    /// The manifest cannot be read.
    #[error("{}: {source}", .path.display())]
    Syntax {
        /// The manifest.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// The document is installed, and nothing needs it.
    #[error("{nsid} is installed and not needed")]
    Surplus {
        /// The document.
        nsid: Nsid,
    },
    /// The record that a document came from has another name than the document.
    #[error("{nsid} cannot come from {uri}")]
    Uri {
        /// The document.
        nsid: Nsid,
        /// The record.
        uri: AtUri,
    },
}

impl Resolution {
    /// A version of a record.
    pub fn new(uri: AtUri, cid: Cid) -> Self {
        Self { uri, cid }
    }
}

impl Default for Manifest {
    fn default() -> Self {
        Self { version: Version, lexicons: BTreeSet::new(), resolutions: BTreeMap::new() }
    }
}

impl Manifest {
    /// Reads a manifest; none if there is no file.
    pub fn read(path: &Path) -> Result<Option<Self>, ManifestError> {
        let text = match fs::read(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(Error::Io { path: path.to_owned(), source }.into()),
        };
        let manifest: Self = serde_json::from_slice(&text)
            .map_err(|source| ManifestError::Syntax { path: path.to_owned(), source })?;
        for (nsid, resolution) in &manifest.resolutions {
            let of_that_name = resolution
                .uri
                .rkey()
                .is_some_and(|rkey| rkey.as_str() == nsid.as_str())
                && resolution.uri.collection().is_some_and(|it| it.as_str() == record::COLLECTION);
            if !of_that_name {
                let (nsid, uri) = (nsid.clone(), resolution.uri.clone());
                return Err(ManifestError::Uri { nsid, uri });
            }
        }
        Ok(Some(manifest))
    }

    /// Writes the manifest, unless the file says the same already.
    pub fn write(&self, path: &Path) -> Result<(), ManifestError> {
        let mut text = serde_json::to_vec_pretty(self).expect("manifests can be written as JSON");
        text.push(b'\n');
        if fs::read(path).is_ok_and(|found| found == text) {
            return Ok(());
        }
        Ok(files::write(path, &text)?)
    }

    /// Checks that everything is as the manifest says: each document is there in the version
    /// that is pinned, and what is installed is what was asked for and what that needs.
    /// Asks nobody.
    pub fn verify(&self, lexicons: &Path) -> Result<(), ManifestError> {
        let mut needed: BTreeSet<Nsid> = BTreeSet::new();
        let mut open: Vec<Nsid> = self.lexicons.iter().cloned().collect();
        while let Some(nsid) = open.pop() {
            if !needed.insert(nsid.clone()) {
                continue;
            }
            let Some(Resolution { cid, .. }) = self.resolutions.get(&nsid) else {
                return Err(ManifestError::NotInstalled { nsid });
            };
            let path = path_of(lexicons, &nsid);
            let Some(installed) = Installed::read(&path, &nsid)? else {
                return Err(ManifestError::Missing { path });
            };
            if installed.cid != *cid {
                let (pinned, found) = (*cid, installed.cid);
                return Err(ManifestError::Modified { path, pinned, found });
            }
            open.extend(walk::dependencies(&installed.document));
        }
        match self.resolutions.keys().find(|nsid| !needed.contains(*nsid)) {
            Some(surplus) => Err(ManifestError::Surplus { nsid: surplus.clone() }),
            None => Ok(()),
        }
    }
}

/// A document on disk.
pub(crate) struct Installed {
    pub(crate) cid: Cid,
    pub(crate) document: Document,
}

impl Installed {
    /// Reads the document of that name; none if there is no file.
    pub(crate) fn read(path: &Path, nsid: &Nsid) -> Result<Option<Self>, ManifestError> {
        let text = match fs::read(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(Error::Io { path: path.to_owned(), source }.into()),
        };
        let invalid = |source| ManifestError::Record { path: path.to_owned(), source };
        let value = record::of_file(&text).map_err(invalid)?;
        let document = record::document(&value, nsid).map_err(invalid)?;
        Ok(Some(Self { cid: record::cid(&value), document }))
    }
}

/// `com/example/note.json` below the directory.
pub(crate) fn path_of(lexicons: &Path, nsid: &Nsid) -> PathBuf {
    let mut path = lexicons.to_owned();
    path.extend(nsid.as_str().split('.'));
    path.as_mut_os_string().push(".json");
    path
}

/// The only version of the format, 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Version;

impl Serialize for Version {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(1)
    }
}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u32::deserialize(deserializer)? {
            1 => Ok(Self),
            other => Err(serde::de::Error::custom(format_args!("version {other} is not 1"))),
        }
    }
}
