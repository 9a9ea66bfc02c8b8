//! Typed values out of bytes.

use std::fmt;

use cid::serde::CID_SERDE_PRIVATE_IDENTIFIER;
use serde::{
    Deserialize, Deserializer,
    de::{
        DeserializeSeed, Error, MapAccess, SeqAccess, Visitor,
        value::{BorrowedStrDeserializer, BytesDeserializer, MapAccessDeserializer},
    },
    forward_to_deserialize_any,
};

use super::{CborError, CborFault, Head, Kind, MapReader, Reader};
use crate::{
    data::{
        DataError,
        form::{MapForm, Seen},
        limits,
    },
    syntax::Cid,
};

impl Error for CborError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(0, CborFault::Type(message.to_string()))
    }
}

/// The next item, around which `depth` containers are open. What is read of it is held to
/// the same rules as by [`check`](super::check).
pub(super) struct Item<'r, 'de> {
    reader: &'r mut Reader<'de>,
    depth: usize,
}

/// Reads one value, which must be all there is.
pub(super) fn typed<'de, T: Deserialize<'de>>(bytes: &'de [u8]) -> Result<T, CborError> {
    let mut reader = Reader::new(bytes);
    let value = T::deserialize(Item { reader: &mut reader, depth: 0 })?;
    reader.finish()?;
    Ok(value)
}

impl<'r, 'de> Item<'r, 'de> {
    /// The elements of an array, after its head.
    fn elements(self, head: &Head) -> Result<Elements<'r, 'de>, CborError> {
        let depth = self.inner_depth(head)?;
        let remaining = self.reader.count(head)?;
        Ok(Elements { reader: self.reader, depth, remaining })
    }

    /// The entries of a map, after its head.
    fn entries(self, head: &Head) -> Result<Entries<'r, 'de>, CborError> {
        let depth = self.inner_depth(head)?;
        let keys = self.reader.entries(head)?;
        let form = MapForm::default();
        Ok(Entries { reader: self.reader, depth, at: head.at, keys, form })
    }

    fn inner_depth(&self, head: &Head) -> Result<usize, CborError> {
        match self.depth < limits::MAX_DEPTH {
            true => Ok(self.depth + 1),
            false => Err(CborError::new(head.at, DataError::TooDeep)),
        }
    }
}

impl<'de> Deserializer<'de> for Item<'_, 'de> {
    type Error = CborError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CborError> {
        let head = self.reader.head()?;
        match head.kind {
            Kind::Null => visitor.visit_unit(),
            Kind::Bool => visitor.visit_bool(head.truth()),
            Kind::Integer => visitor.visit_i64(head.integer()?),
            Kind::Text => visitor.visit_borrowed_str(self.reader.text_of(&head)?),
            Kind::Bytes => visitor.visit_borrowed_bytes(self.reader.content(&head)?),
            Kind::Link => link(self.reader.target(&head)?, visitor),
            Kind::Array => self.elements(&head)?.all(|elements| visitor.visit_seq(elements)),
            Kind::Map => self.entries(&head)?.all(|entries| visitor.visit_map(entries)),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CborError> {
        visitor.visit_borrowed_str(self.reader.text()?)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CborError> {
        self.deserialize_str(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CborError> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CborError> {
        visitor.visit_borrowed_bytes(self.reader.bytes()?)
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CborError> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CborError> {
        let head = self.reader.expect(Kind::Map)?;
        self.entries(&head)?.all(|entries| visitor.visit_map(entries))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CborError> {
        if self.reader.is_null()? { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, CborError> {
        match name {
            CID_SERDE_PRIVATE_IDENTIFIER => link(self.reader.link()?, visitor),
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
        if self.reader.peek()? == Kind::Text {
            return visitor.visit_enum(BorrowedStrDeserializer::new(self.reader.text()?));
        }
        let head = self.reader.expect(Kind::Map)?;
        let entries = self.entries(&head)?;
        entries.all(|entries| visitor.visit_enum(MapAccessDeserializer::new(entries)))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CborError> {
        self.reader.skip_at(self.depth)?;
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

/// The elements of an array.
struct Elements<'r, 'de> {
    reader: &'r mut Reader<'de>,
    depth: usize,
    remaining: usize,
}

impl Elements<'_, '_> {
    /// What is made of all of them; a type that leaves some unread has another shape.
    fn all<T>(
        mut self,
        read: impl FnOnce(&mut Self) -> Result<T, CborError>,
    ) -> Result<T, CborError> {
        let value = read(&mut self)?;
        nothing_left(self.remaining)?;
        Ok(value)
    }
}

impl<'de> SeqAccess<'de> for Elements<'_, 'de> {
    type Error = CborError;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, CborError> {
        let Some(remaining) = self.remaining.checked_sub(1) else { return Ok(None) };
        self.remaining = remaining;
        seed.deserialize(Item { reader: self.reader, depth: self.depth }).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.remaining)
    }
}

/// The entries of a map.
struct Entries<'r, 'de> {
    reader: &'r mut Reader<'de>,
    depth: usize,
    /// The offset of the map.
    at: usize,
    keys: MapReader<'de>,
    form: MapForm,
}

impl<'de> Entries<'_, 'de> {
    fn all<T>(
        mut self,
        read: impl FnOnce(&mut Self) -> Result<T, CborError>,
    ) -> Result<T, CborError> {
        let value = read(&mut self)?;
        nothing_left(self.keys.remaining())?;
        self.form.judge().map_err(|error| CborError::new(self.at, error))?;
        Ok(value)
    }

    /// Looks ahead at a value that the rules on maps look at; of containers they only know
    /// that they are there.
    fn note(&mut self) {
        let mut ahead = self.reader.clone();
        let seen = match ahead.peek() {
            Ok(Kind::Text) => ahead.text().map(|text| Seen::Text(text.as_bytes())),
            Ok(Kind::Integer) => ahead.int().map(Seen::Integer),
            Ok(Kind::Link) => ahead.link().map(|cid| Seen::Link(cid.codec())),
            _ => Ok(Seen::Other),
        };
        // What cannot be read is refused when its turn comes.
        self.form.note(self.keys.last_key().bytes, seen.unwrap_or(Seen::Other));
    }
}

impl<'de> MapAccess<'de> for Entries<'_, 'de> {
    type Error = CborError;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, CborError> {
        let Some(key) = self.keys.next_key(self.reader)? else { return Ok(None) };
        if self.keys.last_key().matters() {
            self.note();
        }
        seed.deserialize(BorrowedStrDeserializer::new(key)).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, CborError> {
        seed.deserialize(Item { reader: self.reader, depth: self.depth })
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.keys.remaining())
    }
}

fn nothing_left(remaining: usize) -> Result<(), CborError> {
    match remaining {
        0 => Ok(()),
        left => Err(CborError::invalid_length(left, &"none left over")),
    }
}
