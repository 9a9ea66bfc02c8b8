//! What generated types are made of.
//!
//! A lexicon becomes plain structs and enums, each followed by one line that calls a macro
//! of this module: [`object!`](crate::object!) for a map with known keys,
//! [`open_union!`](crate::open_union!) and [`closed_union!`](crate::closed_union!) for
//! types told apart by `$type`, [`open_enum!`](crate::open_enum!) and
//! [`closed_enum!`](crate::closed_enum!) for strings that are listed,
//! [`messages!`](crate::messages!) for the frames of a subscription, [`error_set!`](crate::error_set!) for declared errors. The work is done
//! here, once, by code that is generic over the type; what is emitted is a table of keys.
//! That keeps the generated code short and quick to compile.
//!
//! Keys that a lexicon does not know are kept in the object's `extra` and written back,
//! members that a union does not know are kept whole, and an absent key stays absent: a
//! value that was read is written as it was.
//!
//! ```
//! use atproto_core::{data::Extra, object, syntax::Datetime};
//!
//! #[derive(Debug, Clone, PartialEq)]
//! pub struct Status {
//!     pub text: String,
//!     pub created_at: Datetime,
//!     pub mood: Option<String>,
//!     pub extra: Extra,
//! }
//! object!(Status = "com.example.status" {
//!     mood "mood" optional, text "text" required, created_at "createdAt" required
//! });
//!
//! let json = r#"{"$type":"com.example.status","text":"hi","createdAt":"2026-01-01T00:00:00Z","new":1}"#;
//! let status: Status = serde_json::from_str(json)?;
//! assert_eq!(status.text, "hi");
//! assert_eq!(serde_json::to_string(&status)?, json);
//! # Ok::<(), serde_json::Error>(())
//! ```

mod buffered;
mod enumeration;
mod macros;
mod message;
mod reader;
mod union;
mod writer;

use std::{fmt, marker::PhantomData};

use bytes::Bytes;
use serde::{
    Deserializer, Serialize, Serializer,
    de::{DeserializeOwned, Error, MapAccess, Visitor},
    ser::SerializeMap,
};

pub use enumeration::{Enumeration, NotListed, deserialize_enumeration};
pub use message::{Message, MessageError, decode_body};
pub use reader::{Keys, ObjectReader, TypeTag};
pub use union::{MemberReader, Union, deserialize_union, serialize_member};
pub use writer::ObjectWriter;

use crate::data::json;
use crate::endpoint::{Body, BodyError, JSON};

/// A map with known keys, as [`object!`](crate::object!) implements it.
pub trait Object: Serialize + DeserializeOwned {
    /// The `$type` that the object always carries, if it is a record.
    const RECORD: Option<&'static str>;
    /// The keys that the lexicon declares.
    const KEYS: Keys;

    /// Reads the fields.
    fn read<'de, A: MapAccess<'de>>(reader: &mut ObjectReader<'de, A>) -> Result<Self, A::Error>;
    /// Writes the fields, `$type` apart.
    fn write<M: SerializeMap>(&self, writer: &mut ObjectWriter<'_, M>);
}

/// Writes an object; the macro's `Serialize` calls it.
pub fn serialize<T: Object, S: Serializer>(object: &T, serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(None)?;
    if let Some(type_name) = T::RECORD {
        map.serialize_entry("$type", type_name)?;
    }
    ObjectWriter::write(&mut map, object)?;
    map.end()
}

/// Reads an object; the macro's `Deserialize` calls it.
pub fn deserialize<'de, T: Object, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    deserializer.deserialize_map(ObjectVisitor(PhantomData))
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Object> Visitor<'de> for ObjectVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match T::RECORD {
            Some(type_name) => write!(f, "a record of type {type_name}"),
            None => f.write_str("an object"),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        let tag = T::RECORD.map_or(TypeTag::Plain, TypeTag::Expected);
        let mut reader = ObjectReader::new(map, T::KEYS, tag);
        let object = T::read(&mut reader)?;
        reader.check_type()?;
        Ok(object)
    }
}

/// Every object may be a JSON body.
impl<T: Object + Send + Sync + 'static> Body for T {
    const ENCODING: Option<&'static str> = Some(JSON);

    fn from_bytes(_content_type: &str, bytes: Bytes) -> Result<Self, BodyError> {
        Ok(json::from_slice(&bytes)?)
    }

    fn to_bytes(&self) -> Result<(String, Bytes), BodyError> {
        Ok((JSON.to_owned(), serde_json::to_vec(self)?.into()))
    }
}

/// The value of a field that has to be there; the macro's `read` calls it.
pub fn required<T, E: Error>(slot: Option<T>, key: &'static str) -> Result<T, E> {
    slot.ok_or_else(|| E::missing_field(key))
}

#[cfg(test)]
mod tests;
