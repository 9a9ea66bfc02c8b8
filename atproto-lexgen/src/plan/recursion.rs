//! Which references have to be boxed for a type to be finite.

use std::collections::{BTreeMap, BTreeSet};

use atproto_core::lexicon::{Definition, Document, ObjectSchema, Reference, Schema};

/// Who holds whom directly, that is, neither in a list nor in a union: both of these
/// allocate already.
#[derive(Debug, Default)]
pub(super) struct Recursion {
    objects: Graph,
    aliases: Graph,
}

type Graph = BTreeMap<String, BTreeSet<String>>;

impl Recursion {
    pub(super) fn of(documents: &BTreeMap<String, Document>) -> Self {
        let mut recursion = Self::default();
        for document in documents.values() {
            for (name, definition) in &document.defs {
                let holder = Reference::new(document.id.clone(), name.as_str()).to_string();
                if let Some(object) = definition.as_object() {
                    held_by_object(object, recursion.objects.entry(holder).or_default());
                } else if let Definition::Value(value) = definition {
                    held_by_alias(&value.schema, recursion.aliases.entry(holder).or_default());
                }
            }
        }
        recursion
    }

    /// Whether a struct that holds the target directly would be infinitely large.
    pub(super) fn needs_box(&self, holder: &str, target: &str) -> bool {
        reaches(&self.objects, target, holder)
    }

    /// Whether an alias for a type made of the target would be made of itself.
    pub(super) fn is_endless(&self, holder: &str, target: &str) -> bool {
        self.aliases.contains_key(holder) && reaches(&self.aliases, target, holder)
    }
}

fn reaches(graph: &Graph, from: &str, to: &str) -> bool {
    let mut seen = BTreeSet::new();
    let mut open = vec![from];
    while let Some(node) = open.pop() {
        if node == to {
            return true;
        }
        if seen.insert(node) {
            open.extend(graph.get(node).into_iter().flatten().map(String::as_str));
        }
    }
    false
}

fn held_by_object(object: &ObjectSchema, held: &mut BTreeSet<String>) {
    for property in &object.properties {
        match &property.schema {
            Schema::Ref(reference) => {
                held.insert(reference.to_string());
            }
            Schema::Object(inner) => held_by_object(inner, held),
            _ => {}
        }
    }
}

fn held_by_alias(schema: &Schema, held: &mut BTreeSet<String>) {
    match schema {
        Schema::Array(array) => held_by_alias(&array.items, held),
        Schema::Ref(reference) => {
            held.insert(reference.to_string());
        }
        _ => {}
    }
}
