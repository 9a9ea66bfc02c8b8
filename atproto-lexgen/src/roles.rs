//! Which way the values of a definition travel.

use std::collections::HashMap;

use atproto_core::lexicon::{BodySchema, Definition, Document, Reference, Schema};

use crate::walk::{each_in_object, each_schema};

/// What a definition is used for, as far as the documents at hand show.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(crate) struct Roles {
    /// In repositories, where values stay.
    pub(crate) record: bool,
    /// From callers to servers.
    pub(crate) input: bool,
    /// From servers to callers: answers and messages.
    pub(crate) output: bool,
}

impl Roles {
    pub(crate) const RECORD: Self = Self { record: true, input: false, output: false };
    pub(crate) const INPUT: Self = Self { record: false, input: true, output: false };
    pub(crate) const OUTPUT: Self = Self { record: false, input: false, output: true };
    /// Of a definition that nothing here uses: somebody else may, for anything.
    pub(crate) const ANY: Self = Self { record: true, input: true, output: true };

    fn and(self, other: Self) -> Self {
        Self {
            record: self.record || other.record,
            input: self.input || other.input,
            output: self.output || other.output,
        }
    }
}

/// The roles of every definition that is reached from a record or an endpoint.
pub(crate) fn roles<'a>(
    documents: impl IntoIterator<Item = &'a Document> + Clone,
) -> HashMap<Reference, Roles> {
    let mut inner: HashMap<Reference, &Definition> = HashMap::new();
    let mut open: Vec<(Reference, Roles)> = Vec::new();
    for document in documents {
        for (name, definition) in &document.defs {
            let reference = Reference::new(document.id.clone(), name.as_str());
            match definition {
                Definition::Record(_) => open.push((reference.clone(), Roles::RECORD)),
                Definition::Query(query) => in_body(&query.output, Roles::OUTPUT, &mut open),
                Definition::Procedure(procedure) => {
                    in_body(&procedure.input, Roles::INPUT, &mut open);
                    in_body(&procedure.output, Roles::OUTPUT, &mut open);
                }
                Definition::Subscription(subscription) => {
                    let messages = subscription.message.refs.iter();
                    open.extend(messages.map(|message| (message.clone(), Roles::OUTPUT)));
                }
                _ => {}
            }
            inner.insert(reference, definition);
        }
    }
    let mut found: HashMap<Reference, Roles> = HashMap::new();
    while let Some((reference, roles)) = open.pop() {
        let known = found.get(&reference).copied().unwrap_or_default();
        let now = known.and(roles);
        if now == known {
            continue;
        }
        found.insert(reference.clone(), now);
        let mut reach = |schema: &Schema| {
            open.extend(targets(schema).iter().map(|target| (target.clone(), now)));
        };
        match inner.get(&reference) {
            Some(Definition::Record(record)) => each_in_object(&record.record, &mut reach),
            Some(Definition::Value(value)) => each_schema(&value.schema, &mut reach),
            _ => {}
        }
    }
    found
}

fn in_body(body: &Option<BodySchema>, roles: Roles, open: &mut Vec<(Reference, Roles)>) {
    if let Some(schema) = body.as_ref().and_then(|body| body.schema.as_ref()) {
        each_schema(schema, &mut |schema| {
            open.extend(targets(schema).iter().map(|target| (target.clone(), roles)));
        });
    }
}

/// What a type refers to by itself.
fn targets(schema: &Schema) -> &[Reference] {
    match schema {
        Schema::Ref(reference) => std::slice::from_ref(reference),
        Schema::Union(union) => &union.refs,
        _ => &[],
    }
}
