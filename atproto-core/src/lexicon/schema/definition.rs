use std::fmt;

use super::{ObjectSchema, Schema, UnionSchema};
use crate::lexicon::json::Json;
use crate::syntax::{Language, Nsid, RecordKey, Tid};

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
    pub message: UnionSchema,
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
    /// The heading in other languages.
    pub titles: Vec<(Language, String)>,
    /// The explanation that a consent page shows.
    pub detail: Option<String>,
    /// The explanation in other languages.
    pub details: Vec<(Language, String)>,
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
        /// Of `create`, `update`, `delete`; empty means all.
        action: Vec<String>,
    },
    /// Calling methods of other services.
    Rpc {
        /// The methods, at least one.
        lxm: Vec<Nsid>,
        /// `*`, where any audience will do.
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
