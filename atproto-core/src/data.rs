//! The data model: what a record may hold, in memory, as DAG-CBOR and as JSON.
//!
//! A [`Value`] is null, a boolean, a 64-bit integer, a string, bytes, a link to a block,
//! a list or a map with string keys. There are no floats. The same value has one binary
//! form, [`cbor`], from which its CID is computed, and a JSON form, [`json`], in which
//! links are written `{"$link": "bafy…"}` and bytes `{"$bytes": "base64"}`. Between the
//! two forms nothing is lost.
//!
//! ```
//! use atproto_core::data::{cbor, json};
//!
//! let post = json::decode(r#"{"$type": "com.example.note", "text": "hello"}"#)?;
//! let bytes = cbor::encode(&post);
//! assert_eq!(cbor::decode(&bytes).unwrap(), post);
//! assert_eq!(post.get("text").and_then(|text| text.as_str()), Some("hello"));
//! # Ok::<(), atproto_core::data::JsonError>(())
//! ```
//!
//! Everything that arrives is held against the whole model at once: the one canonical
//! encoding, the [`limits`], and the shapes of links, bytes, blobs and `$type`, which are
//! decidable without a schema. A value that was accepted therefore has exactly one
//! encoding, and writing it again gives the bytes that were read.
//!
//! See the [data model specification](https://atproto.com/specs/data-model).

mod blob;
mod bytes;
pub mod cbor;
mod error;
mod extra;
mod form;
pub mod json;
pub mod limits;
mod link;
mod map;
mod text;
mod value;
mod visitor;

pub use self::blob::BlobRef;
pub use self::bytes::Bytes;
pub use self::cbor::{CborError, CborFault};
pub use self::error::DataError;
pub use self::extra::{Extra, ExtraReader};
pub use self::json::JsonError;
pub use self::link::CidLink;
pub use self::map::Map;
pub(crate) use self::map::key_order;
pub use self::text::Text;
pub use self::value::Value;
