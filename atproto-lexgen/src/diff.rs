//! What changed between two versions of a set of lexicons, and whom each change breaks.
//!
//! The specification's rule is that data written before must stay valid, and that what is
//! written from now on must be valid for those who have not heard of the change
//! ([lexicon evolution](https://atproto.com/specs/lexicon#lexicon-evolution)). A change
//! that *narrows* what a place admits breaks the first half, one that *widens* it the
//! second. Who suffers depends on which way the values travel: records stay in
//! repositories for ever, parameters and inputs go from callers to servers, outputs and
//! messages come back.
//!
//! ```
//! use atproto_core::lexicon::Document;
//! use atproto_lexgen::diff::{self, Party};
//!
//! let status = |max: u32| Document::from_json(format!(r#"{{
//!     "lexicon": 1,
//!     "id": "com.example.status",
//!     "defs": {{ "main": {{ "type": "record", "key": "tid", "record": {{
//!         "type": "object",
//!         "properties": {{ "text": {{ "type": "string", "maxLength": {max} }} }}
//!     }} }} }}
//! }}"#).as_bytes());
//! let changes = diff::diff(&[status(300)?], &[status(100)?]);
//! assert_eq!(changes[0].message, "the greatest length was 300 and is 100");
//! assert_eq!(changes[0].breaks, [Party::ReadersOfOldRecords, Party::OldWriters]);
//! # Ok::<(), atproto_core::lexicon::SchemaError>(())
//! ```

mod change;
mod definition;
mod effect;
mod object;
mod place;
mod value;

use std::{
    collections::{BTreeMap, HashMap, HashSet, VecDeque},
    path::Path,
};

use atproto_core::lexicon::{Definition, Document, Reference};

pub use change::{Change, Party, Rule};

use crate::{
    error::Error,
    load,
    roles::{self, Roles},
};
use effect::Effect;
use place::Place;
use value::Shape;

/// Compares two versions of a set of documents. The changes are in the order of the
/// documents' names, those that break nobody among them.
pub fn diff<'a>(
    old: impl IntoIterator<Item = &'a Document>,
    new: impl IntoIterator<Item = &'a Document>,
) -> Vec<Change> {
    let (old, new) = (Set::new(old), Set::new(new));
    let roles = roles::roles(old.documents.values().chain(new.documents.values()).copied());
    let mut differ = Differ {
        old: &old,
        new: &new,
        roles,
        followed: HashSet::new(),
        pending: VecDeque::new(),
        changes: Vec::new(),
    };
    for (id, before) in &old.documents {
        match new.documents.get(id) {
            Some(after) => differ.documents(before, after),
            None => differ.document_removed(before),
        }
    }
    let is_new = |(id, _): &(&&str, &&Document)| !old.documents.contains_key(*id);
    for (_, added) in new.documents.iter().filter(is_new) {
        let place = Place::document(added.id.clone());
        differ.report(&place, Rule::DocumentAdded, Effect::None, "the document is new");
    }
    let mut changes = differ.changes;
    // A stable sort: what belongs to one document stays in its order.
    changes.sort_by(|a, b| a.document.cmp(&b.document));
    changes
}

/// Compares two versions on disk: directories of documents or single files.
pub fn diff_paths(old: &Path, new: &Path) -> Result<Vec<Change>, Error> {
    let old = load::load_valid(&[old.to_owned()])?.documents;
    let new = load::load_valid(&[new.to_owned()])?.documents;
    Ok(diff(old.values(), new.values()))
}

/// One of the two versions.
struct Set<'a> {
    documents: BTreeMap<&'a str, &'a Document>,
    /// By document and name: a document may have very many.
    definitions: HashMap<(&'a str, &'a str), &'a Definition>,
}

impl<'a> Set<'a> {
    fn new(documents: impl IntoIterator<Item = &'a Document>) -> Self {
        let documents: BTreeMap<_, _> =
            documents.into_iter().map(|document| (document.id.as_str(), document)).collect();
        let definitions = documents
            .iter()
            .flat_map(|(id, document)| {
                let key = move |(name, it): &'a (String, _)| ((*id, name.as_str()), it);
                document.defs.iter().map(key)
            })
            .collect();
        Self { documents, definitions }
    }

    fn definition(&self, document: &str, name: &str) -> Option<&'a Definition> {
        self.definitions.get(&(document, name)).copied()
    }
}

/// The two sets, and what has been found so far.
struct Differ<'a> {
    old: &'a Set<'a>,
    new: &'a Set<'a>,
    roles: HashMap<Reference, Roles>,
    /// Pairs of types that references have led to, by address, with their roles.
    followed: HashSet<(usize, usize, Roles)>,
    /// Those of them that are still to be compared: a chain of references can be longer
    /// than the stack is deep.
    pending: VecDeque<(Place, Shape<'a>, Shape<'a>)>,
    changes: Vec<Change>,
}

impl<'a> Differ<'a> {
    fn documents(&mut self, old: &'a Document, new: &'a Document) {
        for (name, before) in &old.defs {
            let place = self.definition_place(old, name);
            match self.new.definition(new.id.as_str(), name) {
                Some(after) => self.definition(&place, before, after),
                None => {
                    let parties = definition::removal(before);
                    self.push(&place, Rule::DefinitionRemoved, parties, "the definition is gone");
                }
            }
        }
        let before = self.old;
        let is_new = |name: &str| before.definition(old.id.as_str(), name).is_none();
        for (name, _) in new.defs.iter().filter(|(name, _)| is_new(name)) {
            let place = self.definition_place(new, name);
            self.report(&place, Rule::DefinitionAdded, Effect::None, "the definition is new");
        }
        while let Some((place, old, new)) = self.pending.pop_front() {
            self.shapes(&place, old, new);
        }
    }

    fn document_removed(&mut self, old: &Document) {
        let mut parties: Vec<_> =
            old.defs.iter().flat_map(|(_, gone)| definition::removal(gone)).collect();
        parties.sort_unstable();
        parties.dedup();
        let place = Place::document(old.id.clone());
        self.push(&place, Rule::DocumentRemoved, parties, "the document is gone");
    }

    fn definition_place(&self, document: &Document, name: &str) -> Place {
        let reference = Reference::new(document.id.clone(), name);
        let roles = self.roles.get(&reference).copied().unwrap_or(Roles::ANY);
        Place::definition(&reference).with_roles(roles)
    }

    /// Notes a change by what it does to the values that a place admits.
    fn report(&mut self, place: &Place, rule: Rule, effect: Effect, message: impl Into<String>) {
        self.push(place, rule, effect.parties(place.roles()), message);
    }

    fn push(&mut self, place: &Place, rule: Rule, breaks: Vec<Party>, message: impl Into<String>) {
        let (document, path) = (place.nsid().clone(), place.path());
        self.changes.push(Change { document, path, rule, breaks, message: message.into() });
    }
}
