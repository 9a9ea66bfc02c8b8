//! From JSON to the schema types.

mod definition;
mod field;
mod permission;
mod schema;

use self::field::{Result, integer, named, nsid, object, optional, required, string};
use super::{
    document::{Document, SchemaError, SchemaRule},
    json::Json,
    limits,
    schema::{Definition, Reference},
};
use crate::syntax::Nsid;

/// Reads a document.
pub(super) fn document(source: Json) -> Result<Document> {
    if source.depth() > limits::MAX_DEPTH {
        return Err(SchemaError::new(SchemaRule::TooDeep { limit: limits::MAX_DEPTH }));
    }
    let entries = object(&source)?;
    let version = required(entries, "lexicon", integer)?;
    if version != 1 {
        return Err(SchemaError::new(SchemaRule::Version(version)).at("lexicon"));
    }
    let id = required(entries, "id", nsid)?;
    let revision = optional(entries, "revision", integer)?;
    let description = optional(entries, "description", string)?;
    let defs =
        required(entries, "defs", |defs| definitions(&id, named(defs, limits::MAX_DEFINITIONS)?))?;
    Ok(Document::assemble(id, revision, description, defs, source))
}

fn definitions(id: &Nsid, entries: &[(String, Json)]) -> Result<Vec<(String, Definition)>> {
    if entries.is_empty() {
        return Err(SchemaError::new(SchemaRule::NoDefinitions));
    }
    let mut defs = Vec::with_capacity(entries.len());
    for (name, json) in entries {
        check_name(name).map_err(|error| error.at(name))?;
        let definition = definition::definition(id, json).map_err(|error| error.at(name))?;
        if definition.is_primary() && name != "main" {
            let kind = primary_kind(&definition);
            return Err(SchemaError::new(SchemaRule::NotMain(kind)).at(name));
        }
        defs.push((name.clone(), definition));
    }
    Ok(defs)
}

fn check_name(name: &str) -> Result<()> {
    let mut bytes = name.bytes();
    let starts = bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    if starts && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-') {
        Ok(())
    } else {
        Err(SchemaError::new(SchemaRule::DefinitionName(name.to_owned())))
    }
}

fn primary_kind(definition: &Definition) -> &'static str {
    match definition {
        Definition::Record(_) => "record",
        Definition::Query(_) => "query",
        Definition::Procedure(_) => "procedure",
        Definition::Subscription(_) => "subscription",
        _ => "permission-set",
    }
}

/// A reference, absolute or within its document.
fn reference(id: &Nsid, json: &Json) -> Result<Reference> {
    let text = string(json)?;
    let (document, name) = text.split_once('#').unwrap_or((&text, "main"));
    let nsid = if document.is_empty() { Ok(id.clone()) } else { Nsid::new(document) };
    match nsid {
        Ok(nsid) if !text.is_empty() && check_name(name).is_ok() => Ok(Reference::new(nsid, name)),
        _ => Err(SchemaError::new(SchemaRule::Reference(text))),
    }
}
