//! A lexicon document: one file, one NSID.

mod error;

pub use self::error::{SchemaError, SchemaRule};

use super::{
    json::Json,
    limits, parse,
    schema::{Definition, Reference},
};
use crate::{
    data::{Value, json},
    syntax::{Nsid, RecordKey},
};

/// A parsed lexicon document.
///
/// ```
/// use atproto_core::lexicon::Document;
///
/// let document = Document::from_json(br#"{
///     "lexicon": 1,
///     "id": "com.example.status",
///     "defs": { "main": { "type": "record", "key": "tid", "record": {
///         "type": "object",
///         "required": ["text"],
///         "properties": { "text": { "type": "string", "maxGraphemes": 300 } }
///     } } }
/// }"#)?;
/// assert_eq!(document.id.as_str(), "com.example.status");
///
/// let error = Document::from_json(br#"{ "lexicon": 1, "id": "com.example.status", "defs": {
///     "main": { "type": "object", "properties": { "text": { "type": "float" } } }
/// } }"#).unwrap_err();
/// assert_eq!(error.to_string(), "com.example.status: defs/main/properties/text: `float` is no type (line 2, column 57)");
/// # Ok::<(), atproto_core::lexicon::SchemaError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Document {
    /// The name under which the document is published.
    pub id: Nsid,
    /// The author's own count of changes.
    pub revision: Option<i64>,
    /// What the document says about itself.
    pub description: Option<String>,
    /// The definitions by name, in the document's order; at least one.
    pub defs: Vec<(String, Definition)>,
    source: Json,
}

impl Document {
    /// Reads a document. Unknown fields are tolerated; everything the language knows is
    /// checked, references among documents excepted (see [`Catalog::link`]).
    ///
    /// [`Catalog::link`]: super::Catalog::link
    pub fn from_json(text: &[u8]) -> Result<Self, SchemaError> {
        if text.len() > limits::MAX_DOCUMENT {
            let rule = SchemaRule::TooLong { limit: limits::MAX_DOCUMENT };
            return Err(SchemaError::new(rule));
        }
        let source = Json::parse(text).map_err(SchemaError::of_json)?;
        let name = source.get("id").and_then(Json::as_str).map(str::to_owned);
        parse::document(source).map_err(|error| error.in_document(name, text))
    }

    /// Reads a document from the record that publishes it: its `$type` has to be
    /// `com.atproto.lexicon.schema`, and its record key the document's `id`.
    ///
    /// Whose repository may publish a name is not for this to say.
    pub fn from_record(rkey: &RecordKey, record: &Value) -> Result<Self, SchemaError> {
        if record.type_name() != Some(SCHEMA_RECORD) {
            return Err(SchemaError::new(SchemaRule::NotSchemaRecord));
        }
        let document = Self::from_json(json::encode(record).as_bytes())?;
        if document.id.as_str() != rkey.as_str() {
            let rule = SchemaRule::RecordKeyOther(rkey.clone());
            return Err(SchemaError::new(rule).in_record(document.id.to_string()));
        }
        Ok(document)
    }

    pub(super) fn assemble(
        id: Nsid,
        revision: Option<i64>,
        description: Option<String>,
        defs: Vec<(String, Definition)>,
        source: Json,
    ) -> Self {
        Self { id, revision, description, defs, source }
    }

    /// The definition of that name.
    pub fn definition(&self, name: &str) -> Option<&Definition> {
        self.defs.iter().find(|(known, _)| known == name).map(|(_, definition)| definition)
    }

    /// The main definition, if the document has one.
    pub fn main(&self) -> Option<&Definition> {
        self.definition("main")
    }

    /// The document as it was read, unknown fields included.
    pub fn source(&self) -> &Json {
        &self.source
    }

    /// The document as compact JSON without the texts that are for people only.
    pub fn to_compact_json(&self) -> String {
        without_texts(&self.source).to_string()
    }

    /// Every reference in the document, with the name of the definition that holds it.
    pub fn references(&self) -> Vec<(&str, &Reference)> {
        let mut found = Vec::new();
        for (name, definition) in &self.defs {
            super::link::each_reference(definition, &mut |reference, _| {
                found.push((name.as_str(), reference));
            });
        }
        found
    }
}

/// Keys whose values are texts for people, in every place where the language has them.
const TEXTS: [&str; 3] = ["description", "title", "detail"];

fn without_texts(json: &Json) -> Json {
    match json {
        Json::Array(items) => Json::Array(items.iter().map(without_texts).collect()),
        Json::Object(entries) => Json::Object(
            entries
                .iter()
                .filter(|(key, value)| !is_text(key, value))
                .map(|(key, value)| (key.clone(), without_texts(value)))
                .collect(),
        ),
        other => other.clone(),
    }
}

/// A property may be called `description` too, but its value is a schema, not a string.
fn is_text(key: &str, value: &Json) -> bool {
    match key.split_once(':') {
        None => TEXTS.contains(&key) && matches!(value, Json::String(_)),
        Some((stem, "lang")) => TEXTS.contains(&stem),
        Some(_) => false,
    }
}

/// The collection in which documents are published. Source:
/// <https://atproto.com/specs/lexicon#lexicon-publication-and-resolution>.
const SCHEMA_RECORD: &str = "com.atproto.lexicon.schema";
