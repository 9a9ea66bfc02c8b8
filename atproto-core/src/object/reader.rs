//! Reading a map key by key against a table of keys.

use std::fmt;

use serde::{
    Deserialize,
    de::{DeserializeSeed, Error, MapAccess, Visitor},
};
use smol_str::SmolStr;

use super::buffered::{Buffered, Early};
use crate::data::{Extra, ExtraReader, Value};

/// The keys of an object, in the order of DAG-CBOR: shorter ones first.
///
/// In that order the key that follows in canonical input is usually the one that follows
/// in the table, so that a lookup compares one string.
pub type Keys = &'static [&'static str];

/// What becomes of `$type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TypeTag {
    /// The object needs none; one that is there is kept with the unknown fields.
    Plain,
    /// It has to be there and be this.
    Expected(&'static str),
    /// It has been read.
    Read,
}

/// Reads the fields of one object.
#[derive(Debug)]
pub struct ObjectReader<'de, A> {
    early: Early<'de>,
    map: A,
    keys: Keys,
    next: usize,
    tag: TypeTag,
    extra: ExtraReader,
}

impl<'de, A: MapAccess<'de>> ObjectReader<'de, A> {
    /// A reader of the entries of a map.
    pub fn new(map: A, keys: Keys, tag: TypeTag) -> Self {
        Self::after(Early::default(), map, keys, tag)
    }

    /// A reader that begins with entries that had to be read before.
    pub(super) fn after(early: Early<'de>, map: A, keys: Keys, tag: TypeTag) -> Self {
        Self { early, map, keys, next: 0, tag, extra: ExtraReader::default() }
    }

    /// Advances to the next declared key and returns its place in the table. Undeclared
    /// keys on the way are kept.
    pub fn next_field(&mut self) -> Result<Option<usize>, A::Error> {
        loop {
            let seed = KeySeed { keys: self.keys, next: self.next };
            let key = match self.early.next_key() {
                Some(key) => Some(seed.find(&key)),
                None => self.map.next_key_seed(seed)?,
            };
            match key {
                None => return Ok(None),
                Some(Key::Declared(place)) => {
                    self.next = place + 1;
                    return Ok(Some(place));
                }
                Some(Key::Type) => self.type_tag()?,
                Some(Key::Other(key)) => self.undeclared(key)?,
            }
        }
    }

    /// Reads the value of the key just found into its slot.
    pub fn set<T: Deserialize<'de>>(&mut self, slot: &mut Option<T>) -> Result<(), A::Error> {
        if slot.is_some() {
            return Err(A::Error::custom("a key occurs twice"));
        }
        *slot = Some(self.value()?);
        Ok(())
    }

    /// The fields that the lexicon does not declare.
    pub fn extra(&mut self) -> Result<Extra, A::Error> {
        std::mem::take(&mut self.extra).finish()
    }

    pub(super) fn check_type(&self) -> Result<(), A::Error> {
        match self.tag {
            TypeTag::Expected(_) => Err(A::Error::missing_field("$type")),
            TypeTag::Plain | TypeTag::Read => Ok(()),
        }
    }

    fn value<T: Deserialize<'de>>(&mut self) -> Result<T, A::Error> {
        match self.early.next_value() {
            Some(value) => T::deserialize(Buffered::new(value)),
            None => self.map.next_value(),
        }
    }

    fn type_tag(&mut self) -> Result<(), A::Error> {
        match self.tag {
            TypeTag::Plain => self.undeclared(SmolStr::new_static(TYPE)),
            TypeTag::Expected(expected) => {
                let found: SmolStr = self.value()?;
                if found != expected {
                    let text = format_args!("`$type` is `{found}`, not `{expected}`");
                    return Err(A::Error::custom(text));
                }
                self.tag = TypeTag::Read;
                Ok(())
            }
            TypeTag::Read => Err(A::Error::custom("`$type` occurs twice")),
        }
    }

    fn undeclared(&mut self, key: SmolStr) -> Result<(), A::Error> {
        match self.early.next_value() {
            Some(value) => self.extra.read(key, &mut OneValue::<A::Error>::new(value)),
            None => self.extra.read(key, &mut self.map),
        }
    }
}

enum Key {
    Declared(usize),
    Type,
    Other(SmolStr),
}

struct KeySeed {
    keys: Keys,
    next: usize,
}

impl KeySeed {
    fn find(&self, key: &str) -> Key {
        // No lexicon declares it.
        if key == TYPE {
            return Key::Type;
        }
        let (before, after) = self.keys.split_at(self.next.min(self.keys.len()));
        if let Some(place) = after.iter().position(|known| *known == key) {
            return Key::Declared(before.len() + place);
        }
        match before.iter().position(|known| *known == key) {
            Some(place) => Key::Declared(place),
            None => Key::Other(SmolStr::new(key)),
        }
    }
}

impl<'de> DeserializeSeed<'de> for KeySeed {
    type Value = Key;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Key, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for KeySeed {
    type Value = Key;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Key, E> {
        Ok(self.find(key))
    }
}

/// A map access that has nothing but one value left.
struct OneValue<E> {
    value: Option<Value>,
    error: std::marker::PhantomData<E>,
}

impl<E> OneValue<E> {
    fn new(value: Value) -> Self {
        Self { value: Some(value), error: std::marker::PhantomData }
    }
}

impl<'de, E: Error> MapAccess<'de> for OneValue<E> {
    type Error = E;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, _seed: K) -> Result<Option<K::Value>, E> {
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, E> {
        let value = self.value.take().unwrap_or_default();
        seed.deserialize(Buffered::new(value))
    }
}

/// The key that names an object's type.
const TYPE: &str = "$type";
