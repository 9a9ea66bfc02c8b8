use std::cell::Cell;
use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use smol_str::SmolStr;

use super::form::{self, MapForm, Seen};
use super::{Bytes, CidLink, DataError, Map, Value, json, limits, link};

/// Elements reserved ahead on the word of a length header; more are added as they arrive.
const RESERVE: usize = 64;

/// Reads any value out of any self-describing format.
///
/// Links and bytes are recognised in both their forms, whatever the format says of
/// itself: serde buffers tagged values in a form that always claims to be readable by
/// people. A DAG-CBOR map that looks like a JSON link does not get here, because the
/// checker refuses it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ValueSeed<'c> {
    /// How many containers are open around the value.
    depth: usize,
    /// Where a caller wants the reason of a refusal, which serde flattens to text.
    why: Option<&'c Cell<Option<DataError>>>,
}

impl<'c> ValueSeed<'c> {
    pub(super) fn reporting_to(why: &'c Cell<Option<DataError>>) -> Self {
        Self { depth: 0, why: Some(why) }
    }

    fn refuse<E: Error>(self, error: DataError) -> E {
        if let Some(why) = self.why {
            why.set(Some(error));
        }
        E::custom(error)
    }

    fn inner(self) -> Self {
        Self { depth: self.depth + 1, ..self }
    }

    fn entries<'de, A: MapAccess<'de>>(
        self,
        mut access: A,
    ) -> Result<Vec<(SmolStr, Value)>, A::Error> {
        let mut entries = Vec::with_capacity(access.size_hint().unwrap_or(0).min(RESERVE));
        while let Some(key) = access.next_key::<SmolStr>()? {
            form::key(key.as_bytes()).map_err(|error| self.refuse(error))?;
            if entries.len() == limits::MAX_ELEMENTS {
                return Err(self.refuse(DataError::TooManyElements));
            }
            entries.push((key, access.next_value_seed(self.inner())?));
        }
        Ok(entries)
    }
}

impl<'de> DeserializeSeed<'de> for ValueSeed<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ValueSeed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value of the data model")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.deserialize(deserializer)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Integer(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        let value = i64::try_from(value).map_err(|_| self.refuse(DataError::IntegerRange))?;
        Ok(Value::Integer(value))
    }

    fn visit_i128<E: Error>(self, value: i128) -> Result<Value, E> {
        let value = i64::try_from(value).map_err(|_| self.refuse(DataError::IntegerRange))?;
        Ok(Value::Integer(value))
    }

    fn visit_f64<E: Error>(self, _value: f64) -> Result<Value, E> {
        Err(self.refuse(DataError::Float))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_bytes<E: Error>(self, value: &[u8]) -> Result<Value, E> {
        Ok(Value::Bytes(Bytes::copy_from_slice(value)))
    }

    fn visit_byte_buf<E: Error>(self, value: Vec<u8>) -> Result<Value, E> {
        Ok(Value::Bytes(Bytes::from(value)))
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> Result<Value, D::Error> {
        link::from_cid_bytes(deserializer).map(|CidLink(cid)| Value::Link(cid))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        if self.depth >= limits::MAX_DEPTH {
            return Err(self.refuse(DataError::TooDeep));
        }
        let mut list = Vec::with_capacity(access.size_hint().unwrap_or(0).min(RESERVE));
        while let Some(value) = access.next_element_seed(self.inner())? {
            if list.len() == limits::MAX_ELEMENTS {
                return Err(self.refuse(DataError::TooManyElements));
            }
            list.push(value);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, access: A) -> Result<Value, A::Error> {
        // One deeper than the limit may still turn out to be a link or bytes.
        if self.depth > limits::MAX_DEPTH {
            return Err(self.refuse(DataError::TooDeep));
        }
        let entries = self.entries(access)?;
        let map = Map::from_entries(entries).map_err(|error| self.refuse(error))?;
        match resolve(map).map_err(|error| self.refuse(error))? {
            Value::Map(_) if self.depth == limits::MAX_DEPTH => {
                Err(self.refuse(DataError::TooDeep))
            }
            value => Ok(value),
        }
    }
}

/// Turns the JSON forms of links and bytes into what they stand for, and holds any other
/// map against the rules that need no schema.
fn resolve(map: Map) -> Result<Value, DataError> {
    if let Some(link) = map.get("$link") {
        let cid = link.as_str().filter(|_| map.len() == 1).and_then(|text| text.parse().ok());
        return cid.map(Value::Link).ok_or(DataError::LinkShape);
    }
    if let Some(bytes) = map.get("$bytes") {
        let bytes = bytes.as_str().filter(|_| map.len() == 1).and_then(json::decode_base64);
        return bytes.map(|bytes| Value::Bytes(bytes.into())).ok_or(DataError::BytesShape);
    }
    let mut form = MapForm::default();
    for (key, value) in map.iter() {
        form.note(key.as_bytes(), Seen::from(value));
    }
    form.judge()?;
    Ok(Value::Map(map))
}
