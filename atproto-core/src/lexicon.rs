//! Lexicons: the schema language as data.

mod document;
mod json;
mod link;
mod parse;
mod schema;

pub use document::{Document, SchemaError, SchemaRule};
pub use json::Json;
pub use schema::*;
