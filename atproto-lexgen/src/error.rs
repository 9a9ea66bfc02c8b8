//! What can go wrong, and what was left out.

use std::{fmt, io, path::PathBuf};

use atproto_core::lexicon::SchemaError;

use crate::load::Fault;

/// Why nothing was generated.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file differs from what would be generated.
    #[error("{} file(s) differ from what the lexicons give, first {}", .0.len(), .0[0].display())]
    Drift(Vec<PathBuf>),
    /// The generated tokens are no Rust: a defect of the generator.
    #[error("cannot print {path}: {message}")]
    Emit {
        /// The file.
        path: PathBuf,
        /// What the parser says.
        message: String,
    },
    /// A document is not a lexicon.
    #[error("{}: {source}", .path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: Box<SchemaError>,
    },
    /// A file could not be read or written.
    #[error("{}: {source}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// No output directory was named and `OUT_DIR` is not set.
    #[error("no output directory is named, and OUT_DIR is not set")]
    NoOutput,
    /// Two files define the same document.
    #[error("{id} is defined in {} and in {}", .first.display(), .second.display())]
    Twice {
        /// The document.
        id: String,
        /// The file read first.
        first: PathBuf,
        /// The other file.
        second: PathBuf,
    },
}

/// What was generated and what was left out.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Report {
    /// How many documents were read.
    pub documents: usize,
    /// How many files were generated.
    pub files: usize,
    /// Documents left out because they are invalid.
    pub skipped: Vec<Skipped>,
    /// References whose target does not exist or cannot be referred to. They were
    /// generated as untyped values.
    pub unresolved: Vec<Unresolved>,
}

/// A document left out.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Skipped {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub reason: String,
}

impl From<Fault> for Skipped {
    fn from(Fault { path, reason }: Fault) -> Self {
        Self { path, reason: reason.to_string() }
    }
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.reason)
    }
}

/// A reference without a usable target.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Unresolved {
    /// The definition that holds it, for example `com.example.post#main`.
    pub holder: String,
    /// What it refers to.
    pub target: String,
}

impl fmt::Display for Unresolved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} refers to {}, which is no type here", self.holder, self.target)
    }
}
