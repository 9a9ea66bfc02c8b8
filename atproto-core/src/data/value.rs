use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::visitor::ValueSeed;
use super::{BlobRef, Bytes, CborError, CidLink, Map, Text, cbor};
use crate::syntax::Cid;

/// Any value of the data model.
///
/// Through serde it reads and writes DAG-CBOR and JSON; [`cbor`](super::cbor) and
/// [`json`](super::json) do so without intermediaries and with named errors.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub enum Value {
    /// Null, which is not the same as an absent key.
    #[default]
    Null,
    /// True or false.
    Bool(bool),
    /// A signed 64-bit integer; see [`MAX_SAFE_INTEGER`](super::limits::MAX_SAFE_INTEGER).
    Integer(i64),
    /// Unicode text, never normalised.
    String(Text),
    /// Bytes.
    Bytes(Bytes),
    /// A link to a block.
    Link(Cid),
    /// An ordered list.
    List(Vec<Value>),
    /// A map with string keys. Blobs are maps too.
    Map(Map),
}

impl Value {
    /// The value of a key, if this is a map that has it.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.as_map()?.get(key)
    }

    /// The value of `$type`, if this is a map that has a string there.
    pub fn type_name(&self) -> Option<&str> {
        self.as_map()?.type_name()
    }

    /// Whether this is null.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The boolean, if this is one.
    pub fn as_bool(&self) -> Option<bool> {
        if let Self::Bool(value) = self { Some(*value) } else { None }
    }

    /// The integer, if this is one.
    pub fn as_i64(&self) -> Option<i64> {
        if let Self::Integer(value) = self { Some(*value) } else { None }
    }

    /// The text, if this is a string.
    pub fn as_str(&self) -> Option<&str> {
        if let Self::String(value) = self { Some(value) } else { None }
    }

    /// The bytes, if these are some.
    pub fn as_bytes(&self) -> Option<&Bytes> {
        if let Self::Bytes(value) = self { Some(value) } else { None }
    }

    /// The target, if this is a link.
    pub fn as_link(&self) -> Option<Cid> {
        if let Self::Link(value) = self { Some(*value) } else { None }
    }

    /// The elements, if this is a list.
    pub fn as_list(&self) -> Option<&[Value]> {
        if let Self::List(value) = self { Some(value) } else { None }
    }

    /// The map, if this is one.
    pub fn as_map(&self) -> Option<&Map> {
        if let Self::Map(value) = self { Some(value) } else { None }
    }

    /// The map for changing it, if this is one.
    pub fn as_map_mut(&mut self) -> Option<&mut Map> {
        if let Self::Map(value) = self { Some(value) } else { None }
    }

    /// The blob, if this is one in either of its forms.
    pub fn as_blob(&self) -> Option<BlobRef> {
        self.as_map().and_then(|map| BlobRef::from_map(map).ok())
    }

    /// Every blob in this value at any depth, in the order of the encoding. No schema is
    /// needed: a blob is recognised by its form.
    pub fn blobs(&self) -> Vec<BlobRef> {
        let mut found = Vec::new();
        let mut open = vec![self];
        while let Some(value) = open.pop() {
            match value {
                Self::List(list) => open.extend(list.iter().rev()),
                Self::Map(map) => match BlobRef::from_map(map) {
                    Ok(blob) => found.push(blob),
                    Err(_) => open.extend(map.values().rev()),
                },
                _ => {}
            }
        }
        found
    }

    /// How many containers nest at the deepest place: 0 for a scalar, 1 for an empty list.
    pub fn depth(&self) -> usize {
        let mut deepest = 0;
        let mut open = vec![(self, 1)];
        while let Some((value, depth)) = open.pop() {
            match value {
                Self::List(list) => open.extend(list.iter().map(|value| (value, depth + 1))),
                Self::Map(map) => open.extend(map.values().map(|value| (value, depth + 1))),
                _ => continue,
            }
            deepest = deepest.max(depth);
        }
        deepest
    }

    /// The name of the value's kind, as the specification has it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "boolean",
            Self::Integer(_) => "integer",
            Self::String(_) => "string",
            Self::Bytes(_) => "bytes",
            Self::Link(_) => "cid-link",
            Self::List(_) => "array",
            Self::Map(_) => "object",
        }
    }

    /// Turns a typed value into a dynamic one.
    pub fn from_typed<T: Serialize + ?Sized>(typed: &T) -> Result<Self, CborError> {
        cbor::decode(&cbor::to_vec(typed)?)
    }

    /// Reads this value as a type.
    pub fn to_typed<T: serde::de::DeserializeOwned>(&self) -> Result<T, CborError> {
        cbor::from_slice(&cbor::encode(self))
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Integer(value) => serializer.serialize_i64(*value),
            Self::String(value) => serializer.serialize_str(value),
            Self::Bytes(value) => value.serialize(serializer),
            Self::Link(value) => CidLink(*value).serialize(serializer),
            Self::List(value) => value.serialize(serializer),
            Self::Map(value) => value.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serde::de::DeserializeSeed::deserialize(ValueSeed::default(), deserializer)
    }
}

macro_rules! from {
    ($($type:ty => |$value:ident| $make:expr;)+) => {$(
        impl From<$type> for Value {
            fn from($value: $type) -> Self {
                $make
            }
        }
    )+};
}

from! {
    bool => |value| Self::Bool(value);
    i32 => |value| Self::Integer(value.into());
    u32 => |value| Self::Integer(value.into());
    i64 => |value| Self::Integer(value);
    &str => |value| Self::String(value.into());
    String => |value| Self::String(value.into());
    Text => |value| Self::String(value);
    Bytes => |value| Self::Bytes(value);
    Cid => |value| Self::Link(value);
    CidLink => |value| Self::Link(value.0);
    Vec<Value> => |value| Self::List(value);
    Map => |value| Self::Map(value);
    BlobRef => |value| Self::Map(value.into());
}
