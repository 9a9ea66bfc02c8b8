use std::fmt;

use serde::de::{Error, MapAccess};
use serde::ser::SerializeMap;
use smol_str::SmolStr;

use super::{DataError, Map, Value, form, limits};

/// The fields of a generated object that its lexicon does not know.
///
/// They survive from decoding to encoding, so that a program with an older lexicon does
/// not destroy what a newer one wrote. An object without any costs one null pointer.
///
/// A generated `Deserialize` gives every unknown key to an [`ExtraReader`]; a generated
/// `Serialize` opens one map, writes its own fields and then calls
/// [`serialize_into`](Self::serialize_into). The order does not matter: DAG-CBOR sorts
/// the entries of a map, and JSON has no order.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Extra(Option<Box<Map>>);

impl Extra {
    /// The value of a field.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.0.as_ref()?.get(key)
    }

    /// Sets a field and returns what it held before.
    ///
    /// A name that the lexicon declares must not be set here: the object would have the
    /// key twice and be refused when it is encoded.
    pub fn insert(&mut self, key: impl Into<SmolStr>, value: impl Into<Value>) -> Option<Value> {
        self.0.get_or_insert_default().insert(key, value)
    }

    /// Takes a field out.
    pub fn remove(&mut self, key: &str) -> Option<Value> {
        let removed = self.0.as_mut()?.remove(key);
        self.0.take_if(|map| map.is_empty());
        removed
    }

    /// The fields in canonical order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().flat_map(|map| map.iter())
    }

    /// The number of fields.
    pub fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |map| map.len())
    }

    /// Whether every field was known.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Writes the fields into the map of the object they belong to.
    pub fn serialize_into<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        self.iter().try_for_each(|(key, value)| map.serialize_entry(key, value))
    }
}

impl fmt::Debug for Extra {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl From<Map> for Extra {
    fn from(map: Map) -> Self {
        Self((!map.is_empty()).then(|| Box::new(map)))
    }
}

impl From<Extra> for Map {
    fn from(extra: Extra) -> Self {
        extra.0.map_or_else(Map::new, |map| *map)
    }
}

impl<K: Into<SmolStr>, V: Into<Value>> FromIterator<(K, V)> for Extra {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(fields: I) -> Self {
        fields.into_iter().collect::<Map>().into()
    }
}

/// Gathers unknown fields while an object is read.
///
/// ```
/// use std::fmt;
///
/// use atproto_core::data::{Extra, ExtraReader, json};
/// use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
///
/// struct Note {
///     text: String,
///     extra: Extra,
/// }
///
/// impl<'de> Deserialize<'de> for Note {
///     fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
///         struct NoteVisitor;
///         impl<'de> Visitor<'de> for NoteVisitor {
///             type Value = Note;
///
///             fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
///                 f.write_str("a note")
///             }
///
///             fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Note, A::Error> {
///                 let mut text = None;
///                 let mut extra = ExtraReader::default();
///                 while let Some(key) = access.next_key::<String>()? {
///                     match key.as_str() {
///                         "text" => text = Some(access.next_value()?),
///                         _ => extra.read(key, &mut access)?,
///                     }
///                 }
///                 let text = text.ok_or_else(|| A::Error::missing_field("text"))?;
///                 Ok(Note { text, extra: extra.finish()? })
///             }
///         }
///         deserializer.deserialize_map(NoteVisitor)
///     }
/// }
///
/// let note: Note = serde_json::from_str(r#"{"text": "hello", "mood": "calm"}"#)?;
/// assert_eq!(note.text, "hello");
/// assert_eq!(note.extra.get("mood").and_then(|mood| mood.as_str()), Some("calm"));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Default)]
pub struct ExtraReader {
    fields: Vec<(SmolStr, Value)>,
}

impl ExtraReader {
    /// Reads the value that belongs to the unknown key just read.
    pub fn read<'de, A: MapAccess<'de>>(
        &mut self,
        key: impl Into<SmolStr>,
        access: &mut A,
    ) -> Result<(), A::Error> {
        let key = key.into();
        form::key(key.as_bytes()).map_err(A::Error::custom)?;
        if self.fields.len() == limits::MAX_ELEMENTS {
            return Err(A::Error::custom(DataError::TooManyElements));
        }
        self.fields.push((key, access.next_value()?));
        Ok(())
    }

    /// The fields read, refused if one came twice. They are sorted only now, because one
    /// insertion at a time would let a hostile order of keys cost quadratic time.
    pub fn finish<E: Error>(self) -> Result<Extra, E> {
        if self.fields.is_empty() {
            return Ok(Extra::default());
        }
        Map::from_entries(self.fields).map(Extra::from).map_err(E::custom)
    }
}
