//! Values that had to be read before their type was known.

use std::marker::PhantomData;

use cid::serde::CID_SERDE_PRIVATE_IDENTIFIER;
use serde::{
    Deserializer,
    de::{
        Error, IntoDeserializer, Visitor,
        value::{BytesDeserializer, MapDeserializer, SeqDeserializer},
    },
    forward_to_deserialize_any,
};
use smol_str::SmolStr;

use crate::data::Value;

/// The entries of a map that came before its `$type`.
#[derive(Debug, Default)]
pub(super) struct Early<'de> {
    entries: std::vec::IntoIter<(SmolStr, Value)>,
    value: Option<Value>,
    lifetime: PhantomData<&'de ()>,
}

impl Early<'_> {
    pub(super) fn new(entries: Vec<(SmolStr, Value)>) -> Self {
        Self { entries: entries.into_iter(), value: None, lifetime: PhantomData }
    }

    pub(super) fn next_key(&mut self) -> Option<SmolStr> {
        let (key, value) = self.entries.next()?;
        self.value = Some(value);
        Some(key)
    }

    pub(super) fn next_value(&mut self) -> Option<Value> {
        self.value.take()
    }
}

/// A value as serde input. It speaks as DAG-CBOR does, whichever format it came from.
pub(super) struct Buffered<E> {
    value: Value,
    error: PhantomData<E>,
}

impl<E> Buffered<E> {
    pub(super) fn new(value: Value) -> Self {
        Self { value, error: PhantomData }
    }
}

impl<'de, E: Error> Deserializer<'de> for Buffered<E> {
    type Error = E;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
        match self.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(value),
            Value::Integer(value) => visitor.visit_i64(value),
            Value::String(value) => visitor.visit_str(&value),
            Value::Bytes(value) => visitor.visit_bytes(&value),
            Value::Link(cid) => {
                visitor.visit_newtype_struct(BytesDeserializer::new(&cid.to_bytes()))
            }
            Value::List(list) => {
                SeqDeserializer::new(list.into_iter().map(Self::new)).deserialize_any(visitor)
            }
            Value::Map(map) => {
                let entries = map.into_iter().map(|(key, value)| (Key(key), Self::new(value)));
                MapDeserializer::new(entries).deserialize_any(visitor)
            }
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
        match self.value {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, E> {
        match self.value {
            Value::Link(_) => self.deserialize_any(visitor),
            _ if name == CID_SERDE_PRIVATE_IDENTIFIER => Err(E::custom("not a link")),
            _ => visitor.visit_newtype_struct(self),
        }
    }

    fn is_human_readable(&self) -> bool {
        false
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
        unit unit_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

impl<'de, E: Error> IntoDeserializer<'de, E> for Buffered<E> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

struct Key(SmolStr);

impl<'de, E: Error> IntoDeserializer<'de, E> for Key {
    type Deserializer = serde::de::value::StringDeserializer<E>;

    fn into_deserializer(self) -> Self::Deserializer {
        String::from(self.0).into_deserializer()
    }
}
