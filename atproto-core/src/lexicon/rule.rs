//! What a value can have wrong.

use super::schema::{Reference, StringFormat};
use crate::syntax::{Nsid, SyntaxError};

/// Why a value does not match its schema: where, and which rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{rule}", if path.is_empty() { String::new() } else { format!("{path}: ") })]
#[non_exhaustive]
pub struct ValidationError {
    /// The place, for example `embed/images/0/alt`; empty for the value itself.
    pub path: String,
    /// The rule that it breaks there.
    pub rule: Rule,
}

/// A rule that a value breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Rule {
    /// `accept` of a blob.
    #[error("a blob of media type `{0}` is not accepted")]
    BlobAccept(String),
    /// A field that no blob has.
    #[error("a blob has no `{0}`")]
    BlobField(String),
    /// The form that blobs had before they had a `$type`.
    #[error("the old form of blobs is not accepted")]
    BlobLegacy,
    /// `maxSize` of a blob.
    #[error("the blob has {found} bytes, at most {limit} are allowed")]
    BlobSize {
        /// The greatest size.
        limit: u64,
        /// The size that the reference claims.
        found: u64,
    },
    /// `const`
    #[error("the value is not the only one allowed")]
    Const,
    /// More containers around the value than the data model allows.
    #[error("nested too deeply")]
    Depth,
    /// `enum`
    #[error("the value is not one of those allowed")]
    Enum,
    /// `format`
    #[error("not of format `{}`: {why}", .format.name())]
    Format {
        /// The format.
        format: StringFormat,
        /// What is wrong.
        why: SyntaxError,
    },
    /// A value of another kind.
    #[error("{expected} is expected, {found} found")]
    Kind {
        /// The kind that the schema asks for.
        expected: &'static str,
        /// The kind of the value.
        found: &'static str,
    },
    /// `maximum`
    #[error("{found} is greater than {limit}")]
    Maximum {
        /// The greatest value.
        limit: i64,
        /// The value.
        found: i64,
    },
    /// `maxGraphemes`
    #[error("{found} graphemes are more than {limit}")]
    MaxGraphemes {
        /// The greatest number.
        limit: usize,
        /// The number found.
        found: usize,
    },
    /// `maxLength`, in bytes or elements.
    #[error("length {found} is greater than {limit}")]
    MaxLength {
        /// The greatest length.
        limit: usize,
        /// The length found.
        found: usize,
    },
    /// `minimum`
    #[error("{found} is less than {limit}")]
    Minimum {
        /// The least value.
        limit: i64,
        /// The value.
        found: i64,
    },
    /// `minGraphemes`
    #[error("{found} graphemes are fewer than {limit}")]
    MinGraphemes {
        /// The least number.
        limit: usize,
        /// The number found.
        found: usize,
    },
    /// `minLength`, in bytes or elements.
    #[error("length {found} is less than {limit}")]
    MinLength {
        /// The least length.
        limit: usize,
        /// The length found.
        found: usize,
    },
    /// A required property that is absent.
    #[error("`{0}` is required")]
    Missing(String),
    /// There is no document of that name, or its main definition is of another kind.
    #[error("no schema for this use of `{0}` is known")]
    NoSchema(Nsid),
    /// A token that is not the one referred to.
    #[error("the token `{0}` is expected")]
    Token(Reference),
    /// `$type` of a record, or of an object that has a name.
    #[error("`$type` has to be `{0}`")]
    Type(String),
    /// A `$type` that could not be the name of any definition.
    #[error("`{0}` names no type")]
    TypeName(String),
    /// A member of a union without `$type`.
    #[error("the member of a union needs a `$type`")]
    UnionType,
    /// A member that a closed union does not list.
    #[error("the closed union has no member `{0}`")]
    UnionMember(String),
}
