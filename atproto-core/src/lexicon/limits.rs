//! Every limit on lexicon documents.
//!
//! The specification names none, so these are ours. They are several times what the largest
//! published document has, and keep what one hostile document can cost in bounds: memory is
//! a small multiple of [`MAX_DOCUMENT`], and no value meets a list that it could be compared
//! with for long.

use crate::data::limits;

/// Bytes of one document: 2 MiB. A document is published as a record, and this is the limit
/// of records as JSON.
pub const MAX_DOCUMENT: usize = limits::MAX_RECORD_JSON;

/// Containers inside one another in a document: 100, the limit of every record.
pub const MAX_DEPTH: usize = limits::MAX_DEPTH;

/// Definitions of one document: 1,024. The largest published one has 80.
pub const MAX_DEFINITIONS: usize = 1_024;

/// Properties of one object, or parameters of one endpoint: 1,024.
pub const MAX_PROPERTIES: usize = 1_024;

/// Members of one union: 1,024.
pub const MAX_MEMBERS: usize = 1_024;

/// Elements of any other list, such as `enum`, `knownValues`, `required` and `errors`: 4,096.
pub const MAX_LIST: usize = 4_096;

/// Bytes of any text, such as a `const`, a member of an `enum` or a description: 65,536.
pub const MAX_TEXT: usize = 65_536;
