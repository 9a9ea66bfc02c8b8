//! Checks documents: what is wrong, and what their authors may come to regret.
//!
//! Errors are what the language forbids, references that lead nowhere, and documents that
//! are there twice. Warnings follow the
//! [style guide](https://atproto.com/guides/lexicon-style-guide): a published schema can
//! hardly be changed (see [`diff`](crate::diff)), so that a bound or a description that was
//! forgotten is missing for ever.
//!
//! ```
//! use atproto_lexgen::lint::{Lint, Rule, Severity};
//!
//! let folder = std::env::temp_dir().join("lexgen-lint-example");
//! std::fs::create_dir_all(&folder)?;
//! std::fs::write(folder.join("status.json"), r#"{
//!     "lexicon": 1,
//!     "id": "com.example.status",
//!     "defs": { "main": { "type": "record", "description": "How one is.", "key": "tid",
//!         "record": {
//!             "type": "object",
//!             "properties": { "text": { "type": "string" } }
//!         }
//!     } }
//! }"#)?;
//! let linted = Lint::new().lexicons(&folder).run()?;
//! let [finding] = linted.findings.as_slice() else { panic!("one finding") };
//! assert_eq!((finding.rule, finding.line), (Rule::UnlimitedString, Some(7)));
//! assert_eq!(finding.rule.severity(), Severity::Warning);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod definitions;
mod finding;
mod linter;
mod names;
mod values;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use atproto_core::{
    lexicon::{Catalog, Document, Place},
    syntax::Nsid,
};

pub use finding::{Finding, Rule, Severity};

use crate::{
    error::Error,
    load::{self, Fault, Loaded},
    roles,
};
use linter::Linter;

/// What to check.
#[derive(Debug, Clone, Default)]
pub struct Lint {
    lexicons: Vec<PathBuf>,
    known: Vec<PathBuf>,
    catalog: Vec<Document>,
}

/// What a check has found.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Linted {
    /// How many documents were read.
    pub documents: usize,
    /// What is wrong with them, file by file.
    pub findings: Vec<Finding>,
}

impl Lint {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a directory of documents, searched recursively, or a single file.
    #[must_use]
    pub fn lexicons(mut self, path: impl Into<PathBuf>) -> Self {
        self.lexicons.push(path.into());
        self
    }

    /// Adds a directory of documents that references may lead to, and that are not checked
    /// themselves. Those that are no lexicons are passed over.
    #[must_use]
    pub fn known(mut self, path: impl Into<PathBuf>) -> Self {
        self.known.push(path.into());
        self
    }

    /// Adds a document that references may lead to.
    #[must_use]
    pub fn known_document(mut self, document: Document) -> Self {
        self.catalog.push(document);
        self
    }

    /// Reads the documents and checks them. Fails only if a file cannot be read.
    pub fn run(self) -> Result<Linted, Error> {
        let Loaded { documents, files, faults } = load::load(&self.lexicons)?;
        let known = load::load(&self.known)?.documents;
        let mut findings: Vec<Finding> = faults.into_iter().map(fault).collect();
        let mut catalog = Catalog::from_documents(self.catalog);
        for document in known.values().chain(documents.values()) {
            catalog.add(document.clone());
        }
        let roles = roles::roles(catalog.documents().collect::<Vec<_>>().iter().copied());
        let groups = groups(&catalog);
        for (id, document) in &documents {
            let mut linter = Linter::new(&catalog, &roles, document);
            linter.document(groups.contains(id.as_str()));
            let found = linter.into_findings();
            findings.extend(in_file(&files, id, found));
        }
        findings.sort_by_cached_key(Finding::place);
        Ok(Linted { documents: documents.len(), findings })
    }
}

impl Linted {
    /// How many findings have that severity.
    pub fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.rule.severity() == severity).count()
    }
}

/// Adds file and lines to what was found in a document.
fn in_file(
    files: &BTreeMap<String, PathBuf>,
    id: &str,
    mut findings: Vec<Finding>,
) -> Vec<Finding> {
    let Some(file) = files.get(id) else { return findings };
    findings.extend(file_name(file, id));
    if findings.is_empty() {
        return findings;
    }
    // The text was readable a moment ago. If it is gone, the findings go without lines.
    let text = fs::read(file).ok();
    for finding in &mut findings {
        finding.line = text.as_deref().map(|text| line_of(text, &finding.path));
        finding.file = Some(file.clone());
    }
    findings
}

fn line_of(text: &[u8], path: &[String]) -> usize {
    Place::of(text, path.iter().map(String::as_str)).line
}

/// A document lies in `name.json`, or in a file called after the whole NSID.
fn file_name(file: &Path, id: &str) -> Option<Finding> {
    let stem = file.file_stem()?.to_str()?;
    let name = id.rsplit('.').next()?;
    (stem != name && stem != id).then(|| {
        let message = format!("{id} is expected in a file {name}.json");
        Finding::new(Rule::FileName, Some(id.to_owned()), vec!["id".to_owned()], message)
    })
}

fn fault(fault: Fault) -> Finding {
    let mut finding = match &fault.reason {
        load::Reason::Schema(error) => {
            let path = error.path().split('/').map(str::to_owned).collect();
            let document = error.document().map(str::to_owned);
            let rule = error.rule().to_string();
            let line = error.place().map(|place| place.line);
            Finding { line, ..Finding::new(Rule::LexiconSchema, document, path, rule) }
        }
        load::Reason::Twice { id, .. } => {
            let path = vec!["id".to_owned()];
            let line = fs::read(&fault.path).ok().map(|text| line_of(&text, &path));
            let message = fault.reason.to_string();
            Finding { line, ..Finding::new(Rule::DefinedTwice, Some(id.clone()), path, message) }
        }
    };
    finding.file = Some(fault.path);
    finding
}

/// The names that are groups of other names: `com.example.feed` of `com.example.feed.post`.
fn groups(catalog: &Catalog) -> BTreeSet<&str> {
    let group = |nsid: &'_ Nsid| nsid.as_str().len() - nsid.name().len() - 1;
    catalog.documents().map(|document| &document.id.as_str()[..group(&document.id)]).collect()
}
