//! The schema language as data.
//!
//! The types follow the [specification](https://atproto.com/specs/lexicon) kind by kind.
//! References are absolute already: `#view` in the document `app.bsky.embed.images` is
//! held as `app.bsky.embed.images#view`.

use std::fmt;

use super::json::Json;
use crate::syntax::{Nsid, RecordKey, Tid};

/// What a name in a document's `defs` stands for.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Definition {
    /// A value that lives in a repository.
    Record(RecordDefinition),
    /// An HTTP GET.
    Query(QueryDefinition),
    /// An HTTP POST.
    Procedure(Box<ProcedureDefinition>),
    /// A WebSocket of event-stream frames.
    Subscription(SubscriptionDefinition),
    /// Permissions that are asked for together.
    PermissionSet(PermissionSet),
    /// A name without data, for use as a string value.
    Token(TokenDefinition),
    /// A named value type: an object, an array, a string …
    Value(ValueDefinition),
}

impl Definition {
    /// What the document says about the definition.
    pub fn description(&self) -> Option<&str> {
        match self {
            Self::Record(it) => it.description.as_deref(),
            Self::Query(it) => it.description.as_deref(),
            Self::Procedure(it) => it.description.as_deref(),
            Self::Subscription(it) => it.description.as_deref(),
            Self::PermissionSet(it) => it.description.as_deref(),
            Self::Token(it) => it.description.as_deref(),
            Self::Value(it) => it.description.as_deref(),
        }
    }

    /// The object schema of a record or of an object definition.
    pub fn as_object(&self) -> Option<&ObjectSchema> {
        match self {
            Self::Record(record) => Some(&record.record),
            Self::Value(ValueDefinition { schema: Schema::Object(object), .. }) => Some(object),
            _ => None,
        }
    }

    /// Whether only `main` may be a definition of this kind.
    pub fn is_primary(&self) -> bool {
        !matches!(self, Self::Token(_) | Self::Value(_))
    }
}

/// `type: record`
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct RecordDefinition {
    /// What the document says about it.
    pub description: Option<String>,
    /// Which record keys the collection admits.
    pub key: RecordKeyRule,
    /// The record itself.
    pub record: ObjectSchema,
}

/// The `key` of a record definition.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecordKeyRule {
    /// `tid`
    Tid,
    /// `nsid`
    Nsid,
    /// `literal:…`
    Literal(String),
    /// `any`
    Any,
}

impl RecordKeyRule {
    /// Whether a record may have this key. Source:
    /// <https://atproto.com/specs/record-key#record-key-types>.
    pub fn admits(&self, key: &RecordKey) -> bool {
        match self {
            Self::Tid => Tid::new(key).is_ok(),
            Self::Nsid => Nsid::new(key).is_ok(),
            Self::Literal(literal) => key == literal.as_str(),
            Self::Any => true,
        }
    }
}

/// As a lexicon writes it.
impl fmt::Display for RecordKeyRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tid => f.write_str("tid"),
            Self::Nsid => f.write_str("nsid"),
            Self::Literal(literal) => write!(f, "literal:{literal}"),
            Self::Any => f.write_str("any"),
        }
    }
}

/// `type: query`
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct QueryDefinition {
    /// What the document says about it.
    pub description: Option<String>,
    /// The query parameters.
    pub parameters: Option<ObjectSchema>,
    /// The answer.
    pub output: Option<BodySchema>,
    /// The declared errors.
    pub errors: Vec<ErrorDefinition>,
}

/// `type: procedure`
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ProcedureDefinition {
    /// What the document says about it.
    pub description: Option<String>,
    /// The query parameters.
    pub parameters: Option<ObjectSchema>,
    /// The request body.
    pub input: Option<BodySchema>,
    /// The answer.
    pub output: Option<BodySchema>,
    /// The declared errors.
    pub errors: Vec<ErrorDefinition>,
}

/// `type: subscription`
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct SubscriptionDefinition {
    /// What the document says about it.
    pub description: Option<String>,
    /// The query parameters.
    pub parameters: Option<ObjectSchema>,
    /// The union of messages.
    pub message: Option<UnionSchema>,
    /// The declared errors.
    pub errors: Vec<ErrorDefinition>,
}

/// An `input` or `output`.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct BodySchema {
    /// What the document says about it.
    pub description: Option<String>,
    /// The media type, or a pattern such as `*/*`.
    pub encoding: String,
    /// An object, a reference or a union; absent where the body is not JSON.
    pub schema: Option<Schema>,
}

/// One entry of `errors`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ErrorDefinition {
    /// The name as it goes over the wire.
    pub name: String,
    /// What the document says about it.
    pub description: Option<String>,
}

/// `type: permission-set`
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct PermissionSet {
    /// What the document says about it.
    pub description: Option<String>,
    /// The heading that a consent page shows.
    pub title: Option<String>,
    /// The explanation that a consent page shows.
    pub detail: Option<String>,
    /// The permissions.
    pub permissions: Vec<Permission>,
}

/// One permission of a set.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Permission {
    /// Writing to collections.
    Repo {
        /// The collections, at least one.
        collection: Vec<Nsid>,
        /// `create`, `update`, `delete`; empty means all.
        action: Vec<String>,
    },
    /// Calling methods of other services.
    Rpc {
        /// The methods, at least one.
        lxm: Vec<Nsid>,
        /// The audience, where one is fixed.
        aud: Option<String>,
        /// Whether the audience comes from the set's `include`.
        inherit_aud: bool,
    },
    /// A permission of an unknown resource, with unknown fields, or with a wildcard: the
    /// specification has it ignored as a whole, so that it grants nothing.
    Ignored(Json),
}

/// `type: token`
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TokenDefinition {
    /// What the document says about it.
    pub description: Option<String>,
}

/// A named value type.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ValueDefinition {
    /// What the document says about it.
    pub description: Option<String>,
    /// The type.
    pub schema: Schema,
}

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
    /// Media types admitted: exact, `type/*` or `*/*`. Empty means any.
    pub accept: Vec<String>,
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
