//! A lexicon document: one file, one NSID.

use super::{
    json::Json,
    parse,
    schema::{Definition, Reference},
};
use crate::syntax::Nsid;

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
/// assert_eq!(error.to_string(), "com.example.status: defs/main/properties/text: `float` is no type");
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
        let source =
            Json::parse(text).map_err(|error| SchemaError::new(SchemaRule::Json(error)))?;
        let name = source.get("id").and_then(Json::as_str).map(str::to_owned);
        parse::document(source).map_err(|error| SchemaError { document: name, ..error })
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
            super::link::each_reference(definition, &mut |reference| {
                found.push((name.as_str(), reference));
            });
        }
        found
    }
}

/// Why a document is not a lexicon.
#[derive(Debug, thiserror::Error)]
#[error("{}{}: {rule}", .document.as_ref().map(|id| format!("{id}: ")).unwrap_or_default(), self.path())]
pub struct SchemaError {
    document: Option<String>,
    /// Innermost segment first: the path is put together only when an error is on its way out.
    segments: Vec<String>,
    rule: SchemaRule,
}

impl SchemaError {
    pub(super) fn new(rule: SchemaRule) -> Self {
        Self { document: None, segments: Vec::new(), rule }
    }

    pub(super) fn at(mut self, segment: impl Into<String>) -> Self {
        self.segments.push(segment.into());
        self
    }

    /// The `id` that the document gives itself, valid or not.
    pub fn document(&self) -> Option<&str> {
        self.document.as_deref()
    }

    /// Where in the document, for example `defs/main/properties/text`.
    pub fn path(&self) -> String {
        if self.segments.is_empty() {
            return String::from("document");
        }
        self.segments.iter().rev().map(String::as_str).collect::<Vec<_>>().join("/")
    }

    /// What is wrong there.
    pub fn rule(&self) -> &SchemaRule {
        &self.rule
    }
}

/// A rule of the schema language that a document breaks.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SchemaRule {
    /// A closed union must list at least one type.
    #[error("a closed union without types admits nothing")]
    ClosedUnionEmpty,
    /// `const` and `default` exclude each other.
    #[error("`const` and `default` exclude each other")]
    ConstAndDefault,
    /// The default has to be one of the values admitted.
    #[error("the default is not among the values admitted")]
    DefaultOutside,
    /// Names of definitions are letters, digits, `_` and `-`, not beginning with a digit.
    #[error("`{0}` cannot name a definition")]
    DefinitionName(String),
    /// The JSON could not be read.
    #[error("{0}")]
    Json(#[source] serde_json::Error),
    /// A field that has to be there is not.
    #[error("`{0}` is missing")]
    Missing(&'static str),
    /// At least one definition is needed.
    #[error("there is no definition")]
    NoDefinitions,
    /// Records, endpoints and permission sets must be called `main`.
    #[error("a {0} must be named `main`")]
    NotMain(&'static str),
    /// The type cannot stand in this place.
    #[error("a {0} cannot stand here")]
    NotHere(&'static str),
    /// A lower bound above the upper bound.
    #[error("the minimum is greater than the maximum")]
    Range,
    /// The `key` of a record.
    #[error("`{0}` is no record key rule")]
    RecordKey(String),
    /// A reference is `nsid`, `nsid#name` or `#name`.
    #[error("`{0}` is no reference")]
    Reference(String),
    /// `required` names a property that is not defined.
    #[error("`{0}` is required but not defined")]
    RequiredUndefined(String),
    /// An identifier that is none.
    #[error("{0}")]
    Syntax(#[source] crate::syntax::SyntaxError),
    /// A type name that the language does not know.
    #[error("`{0}` is no type")]
    UnknownType(String),
    /// A string format that the language does not know.
    #[error("`{0}` is no format")]
    UnknownFormat(String),
    /// Only version 1 of the language exists.
    #[error("language version {0} is not 1")]
    Version(i64),
    /// JSON of the wrong kind.
    #[error("{expected} is expected, {found} found")]
    WrongKind {
        /// What the language asks for.
        expected: &'static str,
        /// What is there.
        found: &'static str,
    },
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
