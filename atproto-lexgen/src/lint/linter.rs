use std::collections::HashMap;

use atproto_core::lexicon::{Catalog, Definition, Document, Reference};

use super::{Finding, Rule};
use crate::roles::Roles;

/// Walks through one document.
pub(super) struct Linter<'a> {
    pub(super) catalog: &'a Catalog,
    pub(super) document: &'a Document,
    roles: &'a HashMap<Reference, Roles>,
    /// Where the walk is.
    path: Vec<String>,
    findings: Vec<Finding>,
}

impl<'a> Linter<'a> {
    pub(super) fn new(
        catalog: &'a Catalog,
        roles: &'a HashMap<Reference, Roles>,
        document: &'a Document,
    ) -> Self {
        Self { catalog, document, roles, path: Vec::new(), findings: Vec::new() }
    }

    pub(super) fn into_findings(self) -> Vec<Finding> {
        self.findings
    }

    /// Walks on below a key.
    pub(super) fn at(&mut self, key: &str, walk: impl FnOnce(&mut Self)) {
        self.path.push(key.to_owned());
        walk(self);
        self.path.pop();
    }

    pub(super) fn report(&mut self, rule: Rule, message: impl Into<String>) {
        let document = Some(self.document.id.to_string());
        self.findings.push(Finding::new(rule, document, self.path.clone(), message.into()));
    }

    /// Whether values of the definition are found in records, as far as is known.
    pub(super) fn is_in_records(&self, name: &str) -> bool {
        let reference = Reference::new(self.document.id.clone(), name);
        self.roles.get(&reference).is_some_and(|roles| roles.record)
    }

    pub(super) fn reference(&mut self, target: &Reference) {
        match self.catalog.resolve(target) {
            Some(Definition::Record(_) | Definition::Value(_)) => {}
            Some(_) => {
                let message = format!("{target} cannot be referred to: it is no type of values");
                self.report(Rule::UnresolvedReference, message);
            }
            None => {
                self.report(Rule::UnresolvedReference, format!("{target} is not defined"));
            }
        }
    }
}
