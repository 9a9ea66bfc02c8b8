//! JSON of the data model: what is decoded survives both encodings, and is what a general
//! JSON parser reads.

use std::{collections::HashSet, fmt};

use atproto_core::data::{cbor, json};
use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, SeqAccess, Visitor},
};

pub(crate) fn check(data: &[u8]) {
    let decoded = json::decode(data);
    let general = serde_json::from_slice::<serde_json::Value>(data).ok();
    let has_float = general.as_ref().is_some_and(has_float);
    let general = general.map(json::from_json);
    let value = match (decoded, general) {
        (Ok(value), Some(Ok(general))) => {
            assert_eq!(value, general);
            assert!(!has_float, "a float in the data model");
            value
        }
        (Ok(_), _) => panic!("not JSON, or no value of the data model"),
        (Err(error), Some(Ok(_))) => {
            // The general parser takes the last of several entries with one key.
            assert!(serde_json::from_slice::<Unique>(data).is_err(), "too strict: {error}");
            return;
        }
        (Err(_), _) => return,
    };
    let text = json::encode(&value);
    let again = json::decode(&text).expect("what was written can be read");
    assert_eq!(again, value);
    assert_eq!(json::encode(&again), text);
    assert_eq!(json::from_json(json::to_json(&value)).expect("it is a value"), value);
    let bytes = cbor::encode(&value);
    assert_eq!(cbor::decode(&bytes).expect("a value has a DAG-CBOR form"), value);
}

fn has_float(json: &serde_json::Value) -> bool {
    match json {
        serde_json::Value::Number(number) => number.is_f64(),
        serde_json::Value::Array(items) => items.iter().any(has_float),
        serde_json::Value::Object(fields) => fields.values().any(has_float),
        _ => false,
    }
}

/// Any JSON in which no map has a key twice.
struct Unique;

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for Unique {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON without duplicate keys")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self, A::Error> {
        let mut seen = HashSet::new();
        while let Some((key, Self)) = access.next_entry::<String, Self>()? {
            if !seen.insert(key) {
                return Err(A::Error::custom("duplicate key"));
            }
        }
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Self, A::Error> {
        while access.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_unit<E: Error>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }
}
