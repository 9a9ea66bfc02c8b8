//! Documents by name, and the generated types that go with them.

use std::{
    collections::HashMap,
    sync::{Arc, OnceLock},
};

use super::{
    document::{Document, SchemaError},
    linked::Linked,
    options::ValidationOptions,
    record_type::RecordType,
    schema::{Definition, Reference},
    stats::Counts,
};
use crate::syntax::Nsid;

/// A set of lexicon documents, with the generated record types that the program has.
///
/// A document that refers to one that is absent is no error: [`Catalog::link`] lists what
/// is missing, and validation treats a value whose schema is not there as unconstrained.
///
/// Clones share the documents, so that one program can hold new data to them strictly and
/// old data leniently.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    documents: HashMap<Nsid, Arc<Document>>,
    records: HashMap<&'static str, RecordType>,
    options: ValidationOptions,
    /// Made of the documents when it is first needed.
    linked: OnceLock<Arc<Linked>>,
    counts: Arc<Counts>,
}

impl Catalog {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The generated record types of a crate.
    pub fn of(records: &[RecordType]) -> Self {
        let records = records.iter().map(|record| (record.nsid(), *record)).collect();
        Self { records, ..Self::default() }
    }

    /// A catalog of documents.
    pub fn from_documents(documents: impl IntoIterator<Item = Document>) -> Self {
        let mut catalog = Self::new();
        for document in documents {
            catalog.add(document);
        }
        catalog
    }

    /// Adds the schemas of a generated crate: pairs of NSID and JSON.
    ///
    /// The generator has parsed each of them. One that does not parse, because it was
    /// generated for a later version of the language, is left out.
    #[must_use]
    pub fn with_generated(mut self, schemas: &[(&str, &str)]) -> Self {
        for (_, json) in schemas {
            if let Ok(document) = Document::from_json(json.as_bytes()) {
                self.add(document);
            }
        }
        self
    }

    /// Adds every `.json` document under a directory.
    pub fn with_dir(mut self, path: impl AsRef<std::path::Path>) -> Result<Self, DirError> {
        let mut open = vec![path.as_ref().to_owned()];
        while let Some(path) = open.pop() {
            let failed = |source| DirError::Io { path: path.clone(), source };
            for entry in std::fs::read_dir(&path).map_err(failed)? {
                let entry = entry.map_err(failed)?.path();
                if entry.is_dir() {
                    open.push(entry);
                } else if entry.extension().is_some_and(|extension| extension == "json") {
                    let text = std::fs::read(&entry)
                        .map_err(|source| DirError::Io { path: entry.clone(), source })?;
                    let document = Document::from_json(&text)
                        .map_err(|source| DirError::Schema { path: entry, source })?;
                    self.add(document);
                }
            }
        }
        Ok(self)
    }

    /// Adds a document and returns the one it replaces.
    pub fn add(&mut self, document: Document) -> Option<Document> {
        self.linked = OnceLock::new();
        let replaced = self.documents.insert(document.id.clone(), Arc::new(document));
        replaced.map(Arc::unwrap_or_clone)
    }

    /// Sets how closely values are held to their schemas. The default is strict.
    #[must_use]
    pub fn options(mut self, options: ValidationOptions) -> Self {
        self.options = options;
        self
    }

    /// The document of that name.
    pub fn get(&self, nsid: &Nsid) -> Option<&Document> {
        self.documents.get(nsid).map(Arc::as_ref)
    }

    /// The definition that a reference points to.
    pub fn resolve(&self, reference: &Reference) -> Option<&Definition> {
        self.documents.get(&reference.nsid)?.definition(&reference.name)
    }

    /// The generated type of a collection's records.
    pub fn record_type(&self, collection: &Nsid) -> Option<&RecordType> {
        self.records.get(collection.as_str())
    }

    /// The documents, in no particular order.
    pub fn documents(&self) -> impl Iterator<Item = &Document> {
        self.documents.values().map(Arc::as_ref)
    }

    /// The number of documents.
    pub fn len(&self) -> usize {
        self.documents.len()
    }

    /// Whether there is no document.
    pub fn is_empty(&self) -> bool {
        self.documents.is_empty()
    }

    pub(super) fn linked(&self) -> &Linked {
        self.linked.get_or_init(|| Arc::new(Linked::of(self.documents())))
    }

    pub(super) const fn validation(&self) -> ValidationOptions {
        self.options
    }

    pub(super) fn counts(&self) -> &Counts {
        &self.counts
    }
}

/// Why a directory could not be added.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DirError {
    /// A file could not be read.
    #[error("{}: {source}", .path.display())]
    Io {
        /// The file or directory.
        path: std::path::PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A file is not a lexicon.
    #[error("{}: {source}", .path.display())]
    Schema {
        /// The file.
        path: std::path::PathBuf,
        /// What is wrong with it.
        source: SchemaError,
    },
}
