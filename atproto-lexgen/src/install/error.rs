use std::path::PathBuf;

use atproto_core::syntax::{Cid, Nsid};

use crate::{error::Error, manifest::ManifestError, resolve::LexiconError};

/// Why nothing was installed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InstallError {
    /// Two documents have names that differ by case alone.
    #[error("{first} and {second} differ by case alone")]
    Case {
        /// The document that was there first.
        first: Nsid,
        /// The other one.
        second: Nsid,
    },
    /// A file could not be written.
    #[error(transparent)]
    File(#[from] Error),
    /// A document would take the place of a file that was not installed.
    #[error("{}: this file was not installed, or was edited since; move it away", .path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The manifest, or a file that it lists, is not as it should be.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The version that is pinned is not to be had any more.
    #[error("{nsid}: {pinned} is pinned, and {found} is published now; update to go over to it")]
    Replaced {
        /// The document.
        nsid: Nsid,
        /// The version in the manifest.
        pinned: Cid,
        /// The version that is published.
        found: Cid,
    },
    /// A document could not be had from the network.
    #[error("{nsid}: {source}")]
    Resolve {
        /// The document.
        nsid: Nsid,
        /// Why not.
        source: Box<LexiconError>,
    },
    /// The documents refer to more and more others.
    #[error("more than {limit} documents")]
    TooMany {
        /// The limit.
        limit: usize,
    },
}

impl InstallError {
    pub(super) fn resolve(nsid: &Nsid, error: LexiconError) -> Self {
        Self::Resolve { nsid: nsid.clone(), source: Box::new(error) }
    }
}
