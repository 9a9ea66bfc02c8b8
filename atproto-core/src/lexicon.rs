//! Lexicons: the schema language as data, and values held against it.
//!
//! A [`Document`] is one lexicon file: parsed strictly, with an error that names the place.
//! A [`Catalog`] holds documents by name, follows references among them, validates records,
//! parameters, bodies and messages, and decodes records in two tiers: into a generated type
//! where the program has one, else into a [`Value`](crate::data::Value) that the schema
//! approves, else into a value of which only the data model is known.
//!
//! ```
//! use atproto_core::{data::json, lexicon::{Catalog, Document}, syntax::Nsid};
//!
//! let catalog = Catalog::from_documents([Document::from_json(br#"{
//!     "lexicon": 1,
//!     "id": "com.example.status",
//!     "defs": { "main": { "type": "record", "key": "tid", "record": {
//!         "type": "object",
//!         "required": ["text"],
//!         "properties": { "text": { "type": "string", "maxGraphemes": 5 } }
//!     } } }
//! }"#)?]);
//! let nsid = Nsid::new("com.example.status").unwrap();
//! let good = json::decode(r#"{"$type": "com.example.status", "text": "hello"}"#).unwrap();
//! let bad = json::decode(r#"{"$type": "com.example.status", "text": "hello!"}"#).unwrap();
//!
//! assert!(catalog.validate_record(&nsid, &good).is_ok());
//! let error = catalog.validate_record(&nsid, &bad).unwrap_err();
//! assert_eq!(error.to_string(), "text: 6 graphemes are more than 5");
//! # Ok::<(), atproto_core::lexicon::SchemaError>(())
//! ```
//!
//! See the [lexicon specification](https://atproto.com/specs/lexicon).

mod catalog;
mod cursor;
mod decode;
mod document;
mod json;
pub mod limits;
mod link;
mod linked;
mod options;
mod parse;
mod place;
mod record_type;
mod rule;
mod schema;
mod stats;
mod validate;

pub use catalog::{Catalog, DirError};
pub use cursor::Subject;
pub use decode::{Decoded, InvalidRecord};
pub use document::{Document, SchemaError, SchemaRule};
pub use json::Json;
pub use link::{LinkError, LinkErrors, LinkFault};
pub use options::ValidationOptions;
pub use place::Place;
pub use record_type::{RecordType, TypedRecord};
pub use rule::{Rule, ValidationError};
pub use schema::*;
pub use stats::DecodeStats;
