//! Lexicons: the schema language as data.

mod catalog;
mod document;
mod json;
mod link;
mod parse;
mod record_type;
mod schema;

pub use catalog::{Catalog, DirError, LinkError};
pub use document::{Document, SchemaError, SchemaRule};
pub use json::Json;
pub use record_type::{RecordType, TypedRecord};
pub use schema::*;
