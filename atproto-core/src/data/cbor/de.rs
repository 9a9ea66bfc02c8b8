//! Typed values out of bytes that have been checked.

use std::fmt;

use cid::serde::CID_SERDE_PRIVATE_IDENTIFIER;
use serde::{
    Deserializer,
    de::{
        DeserializeSeed, Error, MapAccess, SeqAccess, Visitor,
        value::{BorrowedStrDeserializer, BytesDeserializer, MapAccessDeserializer},
    },
    forward_to_deserialize_any,
};

use super::{CborError, CborFault, Kind, Reader};
use crate::syntax::Cid;

impl Error for CborError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(0, CborFault::Type(message.to_string()))
    }
}

/// The next item. How deep it is nested and in which order its keys are has been checked,
/// and is not looked at again.
pub(super) struct Item<'r, 'de>(pub(super) &'r mut Reader<'de>);

impl<'de> Deserializer<'de> for Item<'_, 'de> {
    type Error = CborError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CborError> {
        let Self(reader) = self;
        let head = reader.head()?;
        match head.kind {
            Kind::Null => visitor.visit_unit(),
            Kind::Bool => visitor.visit_bool(head.truth()),
            Kind::Integer => visitor.visit_i64(head.integer()?),
            Kind::Text => visitor.visit_borrowed_str(reader.text_of(&head)?),
            Kind::Bytes => visitor.visit_borrowed_bytes(reader.content(&head)?),
            Kind::Link => link(reader.target(&head)?, visitor),
            Kind::Array => {
                let remaining = reader.count(&head)?;
                Items { reader, remaining }.all(|items| visitor.visit_seq(items))
            }
            Kind::Map => {
                let remaining = reader.count(&head)?;
                Items { reader, remaining }.all(|items| visitor.visit_map(items))
            }
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CborError> {
        visitor.visit_borrowed_str(self.0.text()?)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CborError> {
        self.deserialize_str(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CborError> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CborError> {
        visitor.visit_borrowed_bytes(self.0.bytes()?)
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CborError> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CborError> {
        let Self(reader) = self;
        let remaining = reader.map_len()?;
        Items { reader, remaining }.all(|items| visitor.visit_map(items))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CborError> {
        if self.0.is_null()? { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, CborError> {
        match name {
            CID_SERDE_PRIVATE_IDENTIFIER => link(self.0.link()?, visitor),
            _ => visitor.visit_newtype_struct(self),
        }
    }

    /// A variant is a text, or a map of one variant to its content.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, CborError> {
        let Self(reader) = self;
        if reader.peek()? == Kind::Text {
            return visitor.visit_enum(BorrowedStrDeserializer::new(reader.text()?));
        }
        let remaining = reader.map_len()?;
        let items = Items { reader, remaining };
        items.all(|items| visitor.visit_enum(MapAccessDeserializer::new(items)))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CborError> {
        self.0.skip()?;
        visitor.visit_unit()
    }

    fn is_human_readable(&self) -> bool {
        false
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char
        unit unit_struct seq tuple tuple_struct struct
    }
}

/// A link as serde's CBOR crates hand it on.
fn link<'de, V: Visitor<'de>>(cid: Cid, visitor: V) -> Result<V::Value, CborError> {
    visitor.visit_newtype_struct(BytesDeserializer::new(&cid.to_bytes()))
}

/// The elements of an array, or the entries of a map.
struct Items<'r, 'de> {
    reader: &'r mut Reader<'de>,
    remaining: usize,
}

impl<'de> Items<'_, 'de> {
    /// What is made of all of them; a type that leaves some unread is not of their shape.
    fn all<T>(
        mut self,
        read: impl FnOnce(&mut Self) -> Result<T, CborError>,
    ) -> Result<T, CborError> {
        let value = read(&mut self)?;
        match self.remaining {
            0 => Ok(value),
            left => Err(CborError::invalid_length(left, &"none left over")),
        }
    }

    fn next<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, CborError> {
        match self.remaining.checked_sub(1) {
            Some(remaining) => {
                self.remaining = remaining;
                seed.deserialize(Item(self.reader)).map(Some)
            }
            None => Ok(None),
        }
    }
}

impl<'de> SeqAccess<'de> for Items<'_, 'de> {
    type Error = CborError;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, CborError> {
        self.next(seed)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.remaining)
    }
}

impl<'de> MapAccess<'de> for Items<'_, 'de> {
    type Error = CborError;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, CborError> {
        self.next(seed)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, CborError> {
        seed.deserialize(Item(self.reader))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.remaining)
    }
}
