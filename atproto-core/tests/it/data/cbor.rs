use std::cmp::Ordering;

use atproto_core::data::cbor::{self, CborFault, Kind, Reader, Writer};
use atproto_core::data::{DataError, Map, Value, limits};

use super::{bytes, cid, fault};

/// What both the checker and the decoder say of some bytes.
#[track_caller]
fn refused(hex: &str) -> CborFault {
    let bytes = bytes(hex);
    let fault = fault(cbor::check(&bytes));
    assert_eq!(super::fault(cbor::decode(&bytes)), fault, "checker and decoder disagree");
    fault
}

#[track_caller]
fn accepted(hex: &str) -> Value {
    let bytes = bytes(hex);
    let value = cbor::decode(&bytes).unwrap();
    assert_eq!(cbor::encode(&value), bytes, "one value has one encoding");
    value
}

#[test]
fn dm_001_scalars_and_containers_have_one_encoding() {
    assert_eq!(accepted("f6"), Value::Null);
    assert_eq!(accepted("f4"), Value::Bool(false));
    assert_eq!(accepted("f5"), Value::Bool(true));
    assert_eq!(accepted("17"), Value::Integer(23));
    assert_eq!(accepted("1818"), Value::Integer(24));
    assert_eq!(accepted("1a00010000"), Value::Integer(65_536));
    assert_eq!(accepted("3863"), Value::Integer(-100));
    assert_eq!(accepted("63e6b0b4"), Value::from("水"));
    assert_eq!(accepted("4401020304").as_bytes().map(|bytes| &bytes[..]), Some(&[1, 2, 3, 4][..]));
    assert_eq!(accepted("8301f680").as_list().map(<[_]>::len), Some(3));
    assert_eq!(accepted("a2616100626262f5").get("bb"), Some(&Value::Bool(true)));
}

#[test]
fn dm_002_longer_heads_than_needed_are_refused() {
    for hex in ["1817", "1900ff", "1a0000ffff", "1b00000000ffffffff", "3817", "7801 61"] {
        assert_eq!(refused(&hex.replace(' ', "")), CborFault::NonMinimal, "{hex}");
    }
    for hex in ["580100", "980100", "b801616100", "d9002a"] {
        assert_eq!(refused(hex), CborFault::NonMinimal, "{hex}");
    }
}

#[test]
fn dm_003_indefinite_lengths_are_refused() {
    for hex in ["5f4100ff", "7f6161ff", "9f01ff", "bf616101ff", "ff", "81ff"] {
        assert_eq!(refused(hex), CborFault::Indefinite, "{hex}");
    }
}

#[test]
fn dm_004_map_keys_are_text() {
    assert_eq!(refused("a10001"), CborFault::KeyKind);
    assert_eq!(refused("a1416101"), CborFault::KeyKind);
    assert_eq!(refused("a1f601"), CborFault::KeyKind);
}

#[test]
fn dm_005_map_keys_are_sorted_by_length_then_bytes() {
    assert_eq!(refused("a2626161006162 01".replace(' ', "").as_str()), CborFault::Unsorted);
    assert_eq!(refused("a2616200616101"), CborFault::Unsorted);
    let map = Map::from([("aa", 1), ("b", 2), ("a", 3)]);
    assert_eq!(map.keys().collect::<Vec<_>>(), ["a", "b", "aa"]);
    assert_eq!(
        cbor::encode(&map.into()),
        bytes("a3616103616202626161 01".replace(' ', "").as_str())
    );
}

#[test]
fn dm_006_duplicate_keys_are_refused() {
    assert_eq!(refused("a2616100616101"), CborFault::Data(DataError::DuplicateKey));
}

/// Well-known keys are read by another path than others, as are those near the end of the
/// input.
#[test]
fn dm_005_and_006_all_keys_have_one_order() {
    let keys: [&[u8]; 14] = [
        b"\0text",
        b"a",
        b"embed",
        b"cid",
        b"created_at",
        b"createdAt",
        b"description",
        b"languages",
        b"tex\0",
        b"text",
        b"updatedAt",
        b"uri",
        b"sixteen long key",
        b"a key of 25 bytes, or more",
    ];
    let order = |key: &[u8]| (key.len(), key.to_vec());
    for (first, second) in keys.iter().flat_map(|a| keys.iter().map(move |b| (*a, *b))) {
        for value in [Value::from(1), Value::from("some text that a word does not hold")] {
            let mut writer = Writer::new();
            writer.map(2);
            for key in [first, second] {
                writer.text(str::from_utf8(key).unwrap()).value(&value);
            }
            let bytes = writer.into_bytes();
            let read = cbor::decode(&bytes);
            assert_eq!(read.as_ref().map(drop), cbor::check(&bytes).as_ref().map(drop));
            match order(first).cmp(&order(second)) {
                Ordering::Less => assert_eq!(cbor::encode(&read.unwrap()), bytes),
                Ordering::Equal => {
                    assert_eq!(fault(read), CborFault::Data(DataError::DuplicateKey));
                }
                Ordering::Greater => assert_eq!(fault(read), CborFault::Unsorted),
            }
        }
    }
}

#[test]
fn dm_007_no_tag_but_42() {
    assert_eq!(refused("c000"), CborFault::Tag(0));
    assert_eq!(refused("c24101"), CborFault::Tag(2));
    assert_eq!(refused("d9d9f700"), CborFault::Tag(55_799));
}

#[test]
fn dm_008_links_hold_a_zero_and_a_cid() {
    let link = cbor::encode(&Value::Link(cid()));
    assert_eq!(&link[..5], [0xd8, 42, 0x58, 37, 0]);
    assert_eq!(&link[5..], cid().to_bytes());
    assert_eq!(cbor::decode(&link).unwrap(), Value::Link(cid()));

    let wrap = |content: &[u8]| {
        let mut writer = Writer::new();
        writer.raw(&[0xd8, 42]).bytes(content);
        fault(cbor::check(&writer.into_bytes()))
    };
    let good = &link[4..];
    assert_eq!(wrap(&good[1..]), CborFault::Link, "no zero");
    assert_eq!(wrap(&[b"b", &good[1..]].concat()), CborFault::Link, "another prefix");
    assert_eq!(wrap(&[good, b"\0"].concat()), CborFault::Link, "bytes after the CID");
    assert_eq!(wrap(&good[..36]), CborFault::Link, "cut short");
    assert_eq!(wrap(b""), CborFault::Link, "empty");
    for (at, byte, what) in [(1, 0, "CIDv0"), (2, 0x70, "dag-pb"), (3, 0x13, "SHA-512")] {
        let mut content = good.to_vec();
        content[at] = byte;
        assert_eq!(wrap(&content), CborFault::Link, "{what}");
    }
    assert_eq!(refused("d82a6161"), CborFault::Link, "text");
    assert_eq!(refused("d82ad82a4100"), CborFault::Link, "a link");
}

#[test]
fn dm_009_simple_values_are_false_true_null() {
    for hex in ["f7", "e0", "f0", "f814", "f820"] {
        assert_eq!(refused(hex), CborFault::Simple, "{hex}");
    }
    for hex in ["1c", "5d", "9e", "fc"] {
        assert_eq!(refused(hex), CborFault::Reserved, "{hex}");
    }
}

#[test]
fn dm_010_floats_are_refused() {
    for hex in ["f93e00", "fa47c35000", "fb3ff8000000000000", "fb4045000000000000", "f97e00"] {
        assert_eq!(refused(hex), CborFault::Data(DataError::Float), "{hex}");
    }
}

#[test]
fn dm_011_integers_have_64_bits_with_sign() {
    assert_eq!(accepted("1b7fffffffffffffff"), Value::Integer(i64::MAX));
    assert_eq!(accepted("3b7fffffffffffffff"), Value::Integer(i64::MIN));
    for hex in ["1b8000000000000000", "1bffffffffffffffff", "3b8000000000000000"] {
        assert_eq!(refused(hex), CborFault::Data(DataError::IntegerRange), "{hex}");
    }
}

#[test]
fn dm_012_and_031_to_033_sizes_are_the_documented_ones() {
    assert_eq!(limits::MAX_SAFE_INTEGER, (1 << 53) - 1);
    assert_eq!((limits::MAX_RECORD_CBOR, limits::MAX_RECORD_JSON), (1 << 20, 2 << 20));
    assert_eq!(limits::MAX_FRAME, 5_000_000);
}

#[test]
fn dm_013_text_is_utf8_and_not_normalised() {
    for hex in ["62c328", "63eda080", "61ff", "64f4908080"] {
        assert_eq!(refused(hex), CborFault::Utf8, "{hex}");
    }
    assert_eq!(accepted("6365cc81"), Value::from("e\u{301}"));
}

#[test]
fn dm_015_nothing_follows_the_value() {
    assert_eq!(refused("0000"), CborFault::Trailing);
    assert_eq!(refused("a0ff"), CborFault::Trailing);
    assert_eq!(cbor::check(&bytes("a0ff")).unwrap_err().at(), 1);
}

#[test]
fn dm_014_one_object_is_one_object() {
    let object = bytes("a1616101");
    let mut two = object.clone();
    two.extend_from_slice(&object);
    assert_eq!(fault(cbor::decode(&two)), CborFault::Trailing);
    assert_eq!(fault(cbor::from_slice::<Value>(&two)), CborFault::Trailing);
    // Frames are two objects in a row; whoever expects that reads them one by one.
    let mut reader = Reader::new(&two);
    assert_eq!((reader.raw(), reader.raw()), (Ok(&object[..]), Ok(&object[..])));
    assert_eq!(reader.finish(), Ok(()));
}

#[test]
fn dm_016_null_is_not_absent() {
    let map = cbor::decode_map(&bytes("a16161f6")).unwrap();
    assert!(map.contains_key("a") && !map.contains_key("b"));
    assert_eq!((map.get("a"), map.get("b")), (Some(&Value::Null), None));
}

#[test]
fn dm_017_nothing_else_is_null_or_absent() {
    let map = accepted("a6616100616280 6163a0 6164f4 6165f6 616660".replace(' ', "").as_str());
    let alike = [Value::Integer(0), Value::List(vec![]), Map::new().into(), false.into()];
    for (key, value) in ["a", "b", "c", "d"].into_iter().zip(&alike) {
        assert_eq!(map.get(key), Some(value));
    }
    assert!(map.get("e").unwrap().is_null() && map.get("g").is_none());
    let all: Vec<_> = map.as_map().unwrap().values().collect();
    for (at, value) in all.iter().enumerate() {
        assert!(all[..at].iter().all(|other| other != value), "{value:?}");
    }
}

#[test]
fn dm_023_maps_that_read_as_something_else_in_json_are_refused() {
    let map = |key: &str| cbor::encode(&Map::from([(key, "x")]).into());
    let fault_of = |key| fault(cbor::check(&map(key)));
    assert_eq!(fault_of("$link"), CborFault::Data(DataError::LinkShape));
    assert_eq!(fault_of("$bytes"), CborFault::Data(DataError::BytesShape));
    let typed = cbor::encode(&Map::from([("$type", 1)]).into());
    assert_eq!(fault(cbor::check(&typed)), CborFault::Data(DataError::TypeShape));
    assert!(cbor::check(&map("$other")).is_ok(), "other reserved names are let through");
}

#[test]
fn dm_034_nesting_is_limited() {
    let nested = |depth: usize| [vec![0x81; depth - 1], vec![0x80]].concat();
    assert!(cbor::check(&nested(limits::MAX_DEPTH)).is_ok());
    let deepest = cbor::decode(&nested(limits::MAX_DEPTH)).unwrap();
    assert_eq!(deepest.depth(), limits::MAX_DEPTH);
    for depth in [limits::MAX_DEPTH + 1, 100_000] {
        assert_eq!(fault(cbor::decode(&nested(depth))), CborFault::Data(DataError::TooDeep));
    }
    let typed: Value = cbor::from_slice(&nested(limits::MAX_DEPTH)).unwrap();
    assert_eq!(typed, deepest, "what the checker lets through, serde can read");
}

#[test]
fn dm_034_records_that_are_written_nest_less_than_what_is_read() {
    const { assert!(limits::MAX_RECORD_DEPTH == 32 && limits::MAX_RECORD_DEPTH < limits::MAX_DEPTH) }
    assert_eq!(Value::Null.depth(), 0);
    assert_eq!(Value::from(Map::new()).depth(), 1);
    assert_eq!(accepted("82808180").depth(), 3);
}

#[test]
fn dm_035_element_counts_are_limited() {
    let list = |len: usize| cbor::encode(&Value::List(vec![Value::Null; len]));
    assert!(cbor::check(&list(limits::MAX_ELEMENTS)).is_ok());
    let error = fault(cbor::check(&list(limits::MAX_ELEMENTS + 1)));
    assert_eq!(error, CborFault::Data(DataError::TooManyElements));
}

#[test]
fn dm_036_and_037_key_lengths_are_limited() {
    let map = |len: usize| cbor::encode(&Map::from([("k".repeat(len), 0)]).into());
    assert!(cbor::check(&map(1)).is_ok() && cbor::check(&map(limits::MAX_KEY)).is_ok());
    assert_eq!(fault(cbor::check(&map(0))), CborFault::Data(DataError::EmptyKey));
    let error = fault(cbor::check(&map(limits::MAX_KEY + 1)));
    assert_eq!(error, CborFault::Data(DataError::KeyLength));
}

#[test]
fn dm_038_a_cid_is_never_longer_than_36_bytes() {
    for len in [37, 100, 101, 10_000] {
        let mut content = vec![0];
        content.extend_from_slice(&cid().to_bytes());
        content.resize(len + 1, 0);
        let mut writer = Writer::new();
        writer.raw(&[0xd8, 42]).bytes(&content);
        assert_eq!(fault(cbor::decode(&writer.into_bytes())), CborFault::Link, "{len}");
    }
}

#[test]
fn cid_006_version_0_is_no_link() {
    let mut content = vec![0, 0x12, 0x20];
    content.extend_from_slice(cid().digest());
    let mut writer = Writer::new();
    writer.raw(&[0xd8, 42]).bytes(&content);
    assert_eq!(fault(cbor::decode(&writer.into_bytes())), CborFault::Link);
    let text = r#"{"$link": "QmRgutAxd8t7oGkSm4wmeuByG6M51wcTso6cubDdQtuEfL"}"#;
    assert_eq!(super::json_error(text), DataError::LinkShape);
}

#[test]
fn it_004_size_depth_and_memory_are_bounded() {
    // Memory is measured in a test binary of its own; frames are bounded where they are split.
    let nested = [vec![0x81; 100_000], vec![0xf6]].concat();
    assert_eq!(fault(cbor::decode(&nested)), CborFault::Data(DataError::TooDeep));
    let frame = vec![0; limits::MAX_FRAME + 1];
    assert!(atproto_core::frame::decode(&frame).is_err());
    const { assert!(limits::RESERVED_PER_BYTE < 4) }
}

#[test]
fn dm_039_bytes_may_be_empty() {
    assert!(accepted("40").as_bytes().unwrap().is_empty());
}

#[test]
fn dm_040_lengths_beyond_the_input_are_refused_unread() {
    for hex in
        ["5b7fffffffffffffff", "7affffffff61", "41", "8200", "a1", "a16161", "d82a5825", "18"]
    {
        assert_eq!(refused(hex), CborFault::Truncated, "{hex}");
    }
    for hex in ["9b7fffffffffffffff", "bbffffffffffffffff"] {
        assert_eq!(refused(hex), CborFault::Data(DataError::TooManyElements), "{hex}");
    }
    assert_eq!(refused(""), CborFault::Truncated);
}

#[test]
fn a_record_is_a_map() {
    assert_eq!(fault(cbor::decode_map(&[0x80])), CborFault::Data(DataError::NotMap));
}

#[test]
fn reader_names_what_it_found() {
    let error = Reader::new(&[0x80]).text().unwrap_err();
    assert_eq!(error.to_string(), "an array where a text string is due at byte 0");
    let expected = CborFault::Unexpected { expected: Kind::Text, found: Kind::Array };
    assert_eq!(error.fault(), &expected);
}

#[test]
fn reader_and_writer_agree() {
    let mut writer = Writer::with_capacity(64);
    writer.array(7).int(-1).bool(true).null().bytes(b"raw").text("text");
    writer.link(&cid()).nullable_link(None);
    let bytes = writer.into_bytes();

    let mut reader = Reader::new(&bytes);
    assert_eq!(reader.array_len(), Ok(7));
    assert_eq!(reader.int(), Ok(-1));
    assert_eq!(reader.bool(), Ok(true));
    assert_eq!(reader.is_null(), Ok(true));
    assert_eq!(reader.is_null(), Ok(false));
    assert_eq!(reader.bytes(), Ok(&b"raw"[..]));
    assert_eq!(reader.raw(), Ok(&b"\x64text"[..]));
    assert_eq!(reader.nullable_link(), Ok(Some(cid())));
    assert_eq!(reader.nullable_link(), Ok(None));
    assert_eq!(reader.position(), bytes.len());
    assert_eq!(reader.finish(), Ok(()));
}

#[test]
fn skipping_checks_what_is_skipped() {
    let bytes = bytes("82a1616180fb3ff8000000000000");
    let mut reader = Reader::new(&bytes);
    assert_eq!(reader.array_len(), Ok(2));
    assert_eq!(reader.skip(), Ok(()));
    assert_eq!(fault(reader.skip()), CborFault::Data(DataError::Float));
}
