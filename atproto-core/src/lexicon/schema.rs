//! The schema language as data.
//!
//! The types follow the [specification](https://atproto.com/specs/lexicon) kind by kind.
//! References are absolute already: `#view` in the document `app.bsky.embed.images` is
//! held as `app.bsky.embed.images#view`.

mod definition;

use std::fmt;

use crate::syntax::Nsid;

pub use definition::*;

/// The type of a value.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Schema {
    /// `true` or `false`
    Boolean(BooleanSchema),
    /// A 64-bit integer.
    Integer(IntegerSchema),
    /// Text.
    String(StringSchema),
    /// A byte string.
    Bytes(BytesSchema),
    /// A link to a block.
    CidLink,
    /// A reference to a blob.
    Blob(BlobSchema),
    /// A list.
    Array(ArraySchema),
    /// A map with known keys.
    Object(ObjectSchema),
    /// A type defined elsewhere.
    Ref(Reference),
    /// One of several types, told apart by `$type`.
    Union(UnionSchema),
    /// Any object.
    Unknown,
}

impl Schema {
    /// The name of the kind as documents write it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Boolean(_) => "boolean",
            Self::Integer(_) => "integer",
            Self::String(_) => "string",
            Self::Bytes(_) => "bytes",
            Self::CidLink => "cid-link",
            Self::Blob(_) => "blob",
            Self::Array(_) => "array",
            Self::Object(_) => "object",
            Self::Ref(_) => "ref",
            Self::Union(_) => "union",
            Self::Unknown => "unknown",
        }
    }
}

/// `type: boolean`
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BooleanSchema {
    /// The only value admitted.
    pub constant: Option<bool>,
    /// The value that stands for absence.
    pub default: Option<bool>,
}

/// `type: integer`
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct IntegerSchema {
    /// The least value.
    pub minimum: Option<i64>,
    /// The greatest value.
    pub maximum: Option<i64>,
    /// The only values admitted, if there is such a list.
    pub enumeration: Option<Vec<i64>>,
    /// The only value admitted.
    pub constant: Option<i64>,
    /// The value that stands for absence.
    pub default: Option<i64>,
}

/// `type: string`
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StringSchema {
    /// The syntax.
    pub format: Option<StringFormat>,
    /// The least length, in UTF-8 bytes.
    pub min_length: Option<usize>,
    /// The greatest length, in UTF-8 bytes.
    pub max_length: Option<usize>,
    /// The least number of grapheme clusters.
    pub min_graphemes: Option<usize>,
    /// The greatest number of grapheme clusters.
    pub max_graphemes: Option<usize>,
    /// Values that mean something today; others are admitted.
    pub known_values: Vec<String>,
    /// The only values admitted, if there is such a list.
    pub enumeration: Option<Vec<String>>,
    /// The only value admitted.
    pub constant: Option<String>,
    /// The value that stands for absence.
    pub default: Option<String>,
}

/// The `format` of a string.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StringFormat {
    /// `at-identifier`: a DID or a handle.
    AtIdentifier,
    /// `at-uri`
    AtUri,
    /// `cid`
    Cid,
    /// `datetime`
    Datetime,
    /// `did`
    Did,
    /// `handle`
    Handle,
    /// `language`
    Language,
    /// `nsid`
    Nsid,
    /// `record-key`
    RecordKey,
    /// `tid`
    Tid,
    /// `uri`
    Uri,
}

impl StringFormat {
    /// Every format of the specification, by name.
    pub const ALL: [(&'static str, StringFormat); 11] = [
        ("at-identifier", Self::AtIdentifier),
        ("at-uri", Self::AtUri),
        ("cid", Self::Cid),
        ("datetime", Self::Datetime),
        ("did", Self::Did),
        ("handle", Self::Handle),
        ("language", Self::Language),
        ("nsid", Self::Nsid),
        ("record-key", Self::RecordKey),
        ("tid", Self::Tid),
        ("uri", Self::Uri),
    ];

    /// The format of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, format)| *format)
    }

    /// The name as documents write it.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, format)| *format == self).map_or("", |(name, _)| name)
    }
}

/// `type: bytes`
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BytesSchema {
    /// The least length.
    pub min_length: Option<usize>,
    /// The greatest length.
    pub max_length: Option<usize>,
}

/// `type: blob`
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BlobSchema {
    /// Media types admitted, if there is such a list: exact, `type/*` or `*/*`.
    pub accept: Option<Vec<String>>,
    /// The greatest size in bytes.
    pub max_size: Option<u64>,
}

/// `type: array`
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ArraySchema {
    /// The type of the elements.
    pub items: Box<Schema>,
    /// The least number of elements.
    pub min_length: Option<usize>,
    /// The greatest number of elements.
    pub max_length: Option<usize>,
}

/// `type: object`, and `type: params`, which admits fewer kinds of property.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct ObjectSchema {
    /// What the document says about it.
    pub description: Option<String>,
    /// The properties, in the document's order.
    pub properties: Vec<Property>,
    /// The names of the required properties, in the document's order.
    pub required: Vec<String>,
}

impl ObjectSchema {
    /// The property of that name.
    pub fn property(&self, name: &str) -> Option<&Property> {
        self.properties.iter().find(|property| property.name == name)
    }
}

/// A property of an object.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Property {
    /// The key.
    pub name: String,
    /// What the document says about it.
    pub description: Option<String>,
    /// Its type.
    pub schema: Schema,
    /// Whether it has to be there.
    pub required: bool,
    /// Whether it may be null.
    pub nullable: bool,
}

/// `type: union`
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnionSchema {
    /// The types it may be.
    pub refs: Vec<Reference>,
    /// Whether other types are refused.
    pub closed: bool,
}

/// A reference to a definition, absolute.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Reference {
    /// The document.
    pub nsid: Nsid,
    /// The name in its `defs`; `main` for the document itself.
    pub name: String,
}

impl Reference {
    /// A reference to a definition of a document.
    pub fn new(nsid: Nsid, name: impl Into<String>) -> Self {
        Self { nsid, name: name.into() }
    }

    /// Whether it means the document's main definition.
    pub fn is_main(&self) -> bool {
        self.name == "main"
    }

    /// Whether a `$type` names this definition. `#main` is never written out.
    pub fn matches_type(&self, type_name: &str) -> bool {
        let Some(rest) = type_name.strip_prefix(self.nsid.as_str()) else { return false };
        if self.is_main() {
            rest.is_empty()
        } else {
            rest.strip_prefix('#') == Some(self.name.as_str())
        }
    }
}

/// The `$type` of the definition: `nsid` for main, else `nsid#name`.
impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_main() {
            write!(f, "{}", self.nsid.as_str())
        } else {
            write!(f, "{}#{}", self.nsid.as_str(), self.name)
        }
    }
}
