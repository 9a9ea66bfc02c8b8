//! Lexicons: the schema language as data, and values held against it.
//!
//! A [`Document`] is one lexicon file: parsed strictly, with an error that names the document,
//! the path and the line. A [`Catalog`] holds documents by name, follows references among
//! them, validates records, parameters, bodies and messages, and decodes records in two
//! tiers: into a generated type where the program has one, else into a
//! [`Value`](crate::data::Value) that the schema approves, else into a value of which only
//! the data model is known.
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
//! # The language
//!
//! A document has an NSID and definitions by name. The one called `main` is what the NSID
//! itself means; the others are `nsid#name`, or `#name` within the document.
//!
//! | `type` of a definition | describes |
//! |---|---|
//! | `record` | an object in a collection of a repository, and the keys that it may have |
//! | `query`, `procedure`, `subscription` | an endpoint: `parameters`, `input`, `output`, `message`, `errors` |
//! | `permission-set` | permissions that are asked for together |
//! | `object`, `array`, and every type below but `ref`, `union` and `unknown` | a value, to be referred to |
//! | `token` | a name without data |
//!
//! The first three rows have to be called `main`. Properties, elements and bodies have types:
//!
//! | `type` of a value | constraints |
//! |---|---|
//! | `boolean` | `const`, `default` |
//! | `integer` | `minimum`, `maximum`, `enum`, `const`, `default` |
//! | `string` | `minLength`, `maxLength` in bytes of UTF-8, `minGraphemes`, `maxGraphemes`, `format`, `knownValues` (open), `enum` (closed), `const`, `default` |
//! | `bytes` | `minLength`, `maxLength` |
//! | `cid-link` | |
//! | `blob` | `accept`, `maxSize` |
//! | `array` | `items`, `minLength`, `maxLength` |
//! | `object` | `properties`, of them those `required` and those `nullable` |
//! | `ref` | the definition that it means: any but an endpoint or a token |
//! | `union` | `refs` to objects and records, told apart by `$type`; others too unless `closed` |
//! | `unknown` | any object but a blob |
//!
//! Fields that the language does not have are tolerated and kept in [`Document::source`]:
//! documents are written for later versions too. A `type` that the language does not have is
//! an error, because what it admits cannot be guessed, and that goes for `space` as long as
//! it has no specification: a document with one is refused with its place, and
//! [`Definition`] and [`Schema`] are `non_exhaustive` so that it can be added. Whoever reads
//! foreign documents leaves out those that do not parse; records of their collections are
//! then [`Decoded::Unknown`], not invalid.
//!
//! A named definition is never a `ref` or a `union`, so that following references always
//! comes to a type that takes part of the value: a cycle of references may be endless, the
//! values that it is held against are not. What a hostile document can cost is bounded by
//! [`limits`].
//!
//! # Values
//!
//! Values are validated as they are held: a [`Value`](crate::data::Value), or bytes that were
//! [`Checked`](crate::data::cbor::Checked), of which none is made for that. There is one set
//! of rules for both, and success allocates nothing. The default is strict;
//! [`ValidationOptions`] say what the lenient form lets through.
//!
//! Where the specification and the reference implementation differ, this follows the
//! specification: `unknown` admits no blob, and `#main` or a fragment alone is no `$type`
//! (lenient reading of open unions excepted). An integer may use all of its 64 bits.
//! Objects may stand inside objects and arrays without a name.
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
