//! What a document can have wrong.

use std::fmt;

use crate::{
    lexicon::place::Place,
    syntax::{RecordKey, SyntaxError},
};

/// Why a document is not a lexicon: which document, where in it, and which rule.
#[derive(Debug)]
pub struct SchemaError(Box<Inner>);

/// Errors are rare, and results that might be one are moved often.
#[derive(Debug)]
struct Inner {
    document: Option<String>,
    /// Innermost segment first: the path is put together only when an error is on its way out.
    segments: Vec<String>,
    place: Option<Place>,
    rule: SchemaRule,
}

impl SchemaError {
    pub(in crate::lexicon) fn new(rule: SchemaRule) -> Self {
        Self(Box::new(Inner { document: None, segments: Vec::new(), place: None, rule }))
    }

    pub(in crate::lexicon) fn at(mut self, segment: impl Into<String>) -> Self {
        self.0.segments.push(segment.into());
        self
    }

    pub(super) fn of_json(error: serde_json::Error) -> Self {
        let place = Place::new(error.line(), error.column());
        let mut this = Self::new(SchemaRule::Json(error));
        this.0.place = Some(place);
        this
    }

    /// Says which document it is, and looks for the place in its text.
    pub(super) fn in_document(mut self, document: Option<String>, text: &[u8]) -> Self {
        let path = self.0.segments.iter().rev().map(String::as_str);
        self.0.place = Some(Place::of(text, path));
        self.0.document = document;
        self
    }

    pub(super) fn in_record(mut self, document: String) -> Self {
        self.0.document = Some(document);
        self
    }

    /// The `id` that the document gives itself, valid or not.
    pub fn document(&self) -> Option<&str> {
        self.0.document.as_deref()
    }

    /// Where in the document, for example `defs/main/properties/text`.
    pub fn path(&self) -> String {
        if self.0.segments.is_empty() {
            return String::from("document");
        }
        self.0.segments.iter().rev().map(String::as_str).collect::<Vec<_>>().join("/")
    }

    /// Where in the text, if it is one that was read: the place of the value at
    /// [`path`](Self::path), or where reading JSON ended.
    pub fn place(&self) -> Option<Place> {
        self.0.place
    }

    /// What is wrong there.
    pub fn rule(&self) -> &SchemaRule {
        &self.0.rule
    }
}

impl fmt::Display for SchemaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(document) = &self.0.document {
            write!(f, "{document}: ")?;
        }
        write!(f, "{}: {}", self.path(), self.0.rule)?;
        match self.0.place {
            // What reads JSON says the place by itself.
            Some(place) if !matches!(self.0.rule, SchemaRule::Json(_)) => write!(f, " ({place})"),
            _ => Ok(()),
        }
    }
}

impl std::error::Error for SchemaError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0.rule)
    }
}

/// A rule of the schema language that a document breaks.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SchemaRule {
    /// A closed union must list at least one type.
    #[error("a closed union without types admits nothing")]
    ClosedUnionEmpty,
    /// `const` has to be within the bounds, and in `enum` if there is one.
    #[error("the constant is not among the values admitted")]
    ConstOutside,
    /// `const` and `default` exclude each other.
    #[error("`const` and `default` exclude each other")]
    ConstAndDefault,
    /// The default has to be one of the values admitted.
    #[error("the default is not among the values admitted")]
    DefaultOutside,
    /// Names of definitions are letters, digits, `_` and `-`, not beginning with a digit.
    #[error("`{0}` cannot name a definition")]
    DefinitionName(String),
    /// Every value of `enum` has to be within the bounds.
    #[error("a value listed is not among the values admitted")]
    EnumOutside,
    /// Names of errors are not empty and have no white space.
    #[error("`{0}` cannot name an error")]
    ErrorName(String),
    /// The JSON could not be read.
    #[error("{0}")]
    Json(#[source] serde_json::Error),
    /// `encoding` is one media type, or a pattern of them, without parameters.
    #[error("`{0}` is no single media type")]
    MediaType(String),
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
    /// A record that publishes a document has this `$type`.
    #[error("`$type` has to be `com.atproto.lexicon.schema`")]
    NotSchemaRecord,
    /// A lower bound above the upper bound.
    #[error("the minimum is greater than the maximum")]
    Range,
    /// The `key` of a record.
    #[error("`{0}` is no record key rule")]
    RecordKey(String),
    /// A document is published under its `id`.
    #[error("published under the record key `{0}`")]
    RecordKeyOther(RecordKey),
    /// A reference is `nsid`, `nsid#name` or `#name`.
    #[error("`{0}` is no reference")]
    Reference(String),
    /// `required` names a property that is not defined.
    #[error("`{0}` is required but not defined")]
    RequiredUndefined(String),
    /// An identifier that is none.
    #[error("{0}")]
    Syntax(#[source] SyntaxError),
    /// Containers inside one another: see [`limits`](crate::lexicon::limits).
    #[error("nested deeper than {limit} levels")]
    TooDeep {
        /// The greatest depth.
        limit: usize,
    },
    /// The document, a name or a text: see [`limits`](crate::lexicon::limits).
    #[error("longer than {limit} bytes")]
    TooLong {
        /// The greatest length in bytes.
        limit: usize,
    },
    /// Definitions, properties, or elements of a list: see [`limits`](crate::lexicon::limits).
    #[error("more than {limit} entries")]
    TooMany {
        /// The greatest number.
        limit: usize,
    },
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
