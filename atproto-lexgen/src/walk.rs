//! All types inside a type.

use std::collections::BTreeSet;

use atproto_core::{
    lexicon::{Definition, Document, ObjectSchema, Permission, Schema},
    syntax::Nsid,
};

/// Calls a function with a schema and all that are written inside it; references are not
/// followed. Nesting is bounded because the document's JSON was.
pub(crate) fn each_schema<'a>(schema: &'a Schema, visit: &mut impl FnMut(&'a Schema)) {
    visit(schema);
    match schema {
        Schema::Array(array) => each_schema(&array.items, visit),
        Schema::Object(object) => each_in_object(object, visit),
        _ => {}
    }
}

/// As [`each_schema`], for the properties of an object.
pub(crate) fn each_in_object<'a>(object: &'a ObjectSchema, visit: &mut impl FnMut(&'a Schema)) {
    for property in &object.properties {
        each_schema(&property.schema, visit);
    }
}

/// As [`each_schema`], for a definition. Messages are references only, and left out.
fn each_in_definition<'a>(definition: &'a Definition, visit: &mut impl FnMut(&'a Schema)) {
    let (parameters, bodies) = match definition {
        Definition::Record(record) => return each_in_object(&record.record, visit),
        Definition::Value(value) => return each_schema(&value.schema, visit),
        Definition::Query(query) => (&query.parameters, [&None, &query.output]),
        Definition::Procedure(procedure) => {
            (&procedure.parameters, [&procedure.input, &procedure.output])
        }
        Definition::Subscription(subscription) => (&subscription.parameters, [&None, &None]),
        _ => return,
    };
    parameters.iter().for_each(|parameters| each_in_object(parameters, visit));
    let bodies = bodies.into_iter().flatten();
    bodies.filter_map(|body| body.schema.as_ref()).for_each(|it| each_schema(it, visit));
}

/// The other documents that a document needs: those it refers to, those whose tokens it
/// knows, and those that its permissions are for.
pub(crate) fn dependencies(document: &Document) -> BTreeSet<Nsid> {
    let mut found: BTreeSet<Nsid> =
        document.references().into_iter().map(|(_, target)| target.nsid.clone()).collect();
    for (_, definition) in &document.defs {
        each_in_definition(definition, &mut |schema| {
            if let Schema::String(string) = schema {
                found.extend(string.known_values.iter().filter_map(|value| token(value)));
            }
        });
        if let Definition::PermissionSet(set) = definition {
            for permission in &set.permissions {
                match permission {
                    Permission::Repo { collection, .. } => found.extend(collection.iter().cloned()),
                    Permission::Rpc { lxm, .. } => found.extend(lxm.iter().cloned()),
                    _ => {}
                }
            }
        }
    }
    found.remove(&document.id);
    found
}

/// The document of a token, if a known value has the form of one.
fn token(value: &str) -> Option<Nsid> {
    let (nsid, name) = value.split_once('#')?;
    (!name.is_empty() && !name.contains('#')).then(|| Nsid::new(nsid).ok())?
}
