use atproto_core::data::cbor::{self, Reader};
use atproto_core::data::{Bytes, Map, Value, json};
use atproto_core::syntax::{Cid, Codec};
use proptest::collection::vec;
use proptest::prelude::*;

/// Any value of the data model. Keys with a meaning of their own are left out.
fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Integer),
        (-300i64..300).prop_map(Value::Integer),
        ".{0,30}".prop_map(Value::from),
        vec(any::<u8>(), 0..300).prop_map(|bytes| Value::Bytes(Bytes::from(bytes))),
        (any::<[u8; 32]>(), any::<bool>()).prop_map(|(digest, raw)| {
            Value::Link(Cid::from_digest(if raw { Codec::Raw } else { Codec::DagCbor }, digest))
        }),
    ];
    leaf.prop_recursive(6, 80, 8, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..8).prop_map(Value::List),
            vec(("[^$].{0,30}", inner), 0..8)
                .prop_map(|entries| Value::Map(entries.into_iter().collect::<Map>())),
        ]
    })
}

proptest! {
    #[test]
    fn dm_001_decoding_undoes_encoding(value in values()) {
        let bytes = cbor::encode(&value);
        prop_assert_eq!(&cbor::decode(&bytes).unwrap(), &value);
        prop_assert_eq!(&cbor::to_vec(&value).unwrap(), &bytes);
        prop_assert_eq!(&cbor::from_slice::<Value>(&bytes).unwrap(), &value);
        let mut reader = Reader::new(&bytes);
        prop_assert_eq!(reader.raw().unwrap(), &bytes[..]);
    }

    #[test]
    fn json_to_cbor_to_json_is_the_identity(value in values()) {
        let text = json::encode(&value);
        let bytes = cbor::encode(&json::decode(&text).unwrap());
        prop_assert_eq!(json::encode(&cbor::decode(&bytes).unwrap()), text);
    }

    #[test]
    fn nothing_is_lost_between_json_and_cbor(value in values()) {
        let text = json::encode(&value);
        prop_assert_eq!(&json::decode(&text).unwrap(), &value);
        prop_assert_eq!(&json::from_json(json::to_json(&value)).unwrap(), &value);
        prop_assert_eq!(&serde_json::from_str::<Value>(&text).unwrap(), &value);
    }

    #[test]
    fn every_accepted_byte_string_is_its_own_encoding(
        value in values(),
        edits in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = cbor::encode(&value);
        for (index, byte) in edits {
            let at = index.index(bytes.len());
            bytes[at] = byte;
        }
        agree(&bytes)?;
    }

    #[test]
    fn t18_replaced_ranges_are_refused_or_another_value(
        value in values(),
        at in any::<prop::sample::Index>(),
        gone in 0usize..6,
        new in vec(any::<u8>(), 0..6),
    ) {
        let bytes = cbor::encode(&value);
        let start = at.index(bytes.len());
        let end = bytes.len().min(start + gone);
        let mutant = [&bytes[..start], &new, &bytes[end..]].concat();
        refused_or_different(&value, &bytes, &mutant)?;
    }

    #[test]
    fn arbitrary_bytes_are_judged_without_panic(bytes in vec(any::<u8>(), 0..80)) {
        agree(&bytes)?;
        let _ = json::decode(&bytes);
    }

    #[test]
    fn truncation_is_always_seen(value in values(), index in any::<prop::sample::Index>()) {
        let bytes = cbor::encode(&value);
        prop_assert!(cbor::check(&bytes[..index.index(bytes.len())]).is_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn t18_every_changed_byte_is_refused_or_another_value(value in values()) {
        let bytes = cbor::encode(&value);
        for at in 0..bytes.len().min(200) {
            for byte in 0..=u8::MAX {
                let mut mutant = bytes.clone();
                mutant[at] = byte;
                refused_or_different(&value, &bytes, &mutant)?;
            }
        }
    }
}

/// Two encodings of one value would be two CIDs of one record.
fn refused_or_different(value: &Value, bytes: &[u8], mutant: &[u8]) -> Result<(), TestCaseError> {
    let decoded = cbor::decode(mutant);
    prop_assert_eq!(cbor::check(mutant).err(), decoded.as_ref().err().cloned());
    if let Ok(decoded) = decoded {
        prop_assert_eq!(&cbor::encode(&decoded), mutant);
        prop_assert_eq!(&decoded == value, bytes == mutant);
    }
    Ok(())
}

/// The checker, the decoder and the typed reader accept the same bytes, and what they
/// accept encodes to the same bytes again.
fn agree(bytes: &[u8]) -> Result<(), TestCaseError> {
    match (cbor::check(bytes), cbor::decode(bytes)) {
        (Ok(()), Ok(value)) => {
            prop_assert_eq!(cbor::encode(&value), bytes);
            prop_assert_eq!(&cbor::from_slice::<Value>(bytes).unwrap(), &value);
            prop_assert_eq!(json::decode(json::encode(&value)).unwrap(), value);
        }
        (Err(checked), Err(decoded)) => prop_assert_eq!(checked, decoded),
        (checked, decoded) => prop_assert!(false, "{:?} but {:?}", checked, decoded),
    }
    Ok(())
}
