use atproto_core::data::{DataError, JsonError, Map, Value, cbor, json, limits};

use super::{cid, json_error, value};

#[test]
fn dm_010_floats_are_refused_even_if_whole() {
    for text in ["1.5", "1.0", "1e3", "-0.0", "1E2", "{\"a\": [0.1]}", "1e999"] {
        match json::decode(text) {
            Err(JsonError::Data { why: DataError::Float, .. } | JsonError::Syntax(_)) => {}
            other => panic!("{text}: {other:?}"),
        }
    }
    assert_eq!(json_error("1.0"), DataError::Float);
    assert_eq!(json_error("1e3"), DataError::Float);
}

#[test]
fn dm_011_integers_have_64_bits_with_sign() {
    assert_eq!(value("9223372036854775807"), Value::Integer(i64::MAX));
    assert_eq!(value("-9223372036854775808"), Value::Integer(i64::MIN));
    assert_eq!(json_error("9223372036854775808"), DataError::IntegerRange);
    // Beyond 64 bits the parser below knows only floats.
    assert_eq!(json_error("-9223372036854775809"), DataError::Float);
    assert_eq!(json_error("18446744073709551616"), DataError::Float);
}

#[test]
fn dm_006_duplicate_keys_are_refused() {
    assert_eq!(json_error(r#"{"a": 1, "b": 2, "a": 1}"#), DataError::DuplicateKey);
    assert_eq!(json_error(r#"{"a": 1, "\u0061": 1}"#), DataError::DuplicateKey);
    assert_eq!(json_error(r#"{"x": {"$type": "blob", "$type": "blob"}}"#), DataError::DuplicateKey);
}

#[test]
fn dm_015_nothing_follows_the_value() {
    assert!(matches!(json::decode("{} {}"), Err(JsonError::Syntax(_))));
    assert!(matches!(json::decode(""), Err(JsonError::Syntax(_))));
}

#[test]
fn dm_018_reserved_keys_mean_what_the_specification_says_or_nothing() {
    let reserved = ["$future", "$", "$Type", "$links", "$byte"];
    for key in reserved {
        let text = format!(r#"{{"{key}":{{"{key}":"AA"}}}}"#);
        assert_eq!(json::encode(&value(&text)), text, "kept without a meaning");
    }
    for key in ["$type", "$link", "$bytes"] {
        assert!(json::decode(format!(r#"{{"{key}":true}}"#)).is_err(), "{key} has a meaning");
    }
}

#[test]
fn dm_019_unknown_dollar_keys_are_kept() {
    let text = r#"{"$future":1,"$type":"com.example.note"}"#;
    assert_eq!(value(text).get("$future"), Some(&Value::Integer(1)));
    assert_eq!(json::decode(json::encode(&value(text))).unwrap(), value(text));
}

#[test]
fn dm_020_links() {
    let text = format!(r#"{{"$link":"{}"}}"#, cid());
    assert_eq!(value(&text), Value::Link(cid()));
    assert_eq!(json::encode(&value(&text)), text);
    let with = |cid: String| json_error(&format!(r#"{{"$link": "{cid}"}}"#));
    assert_eq!(with(cid().to_string().to_uppercase()), DataError::LinkShape);
    assert_eq!(with("QmRgutAxd8t7oGkSm4wmeuByG6M51wcTso6cubDdQtuEfL".into()), DataError::LinkShape);
    assert_eq!(with(".".into()), DataError::LinkShape);
    assert_eq!(json_error(r#"{"$link": 1}"#), DataError::LinkShape);
    assert_eq!(json_error(&text.replace('}', r#","other":1}"#)), DataError::LinkShape);
}

#[test]
fn dm_021_and_022_bytes_are_standard_base64_with_or_without_padding() {
    let bytes = |text: &str| value(&format!(r#"{{"$bytes": "{text}"}}"#));
    assert_eq!(bytes("+/8"), bytes("+/8="));
    assert_eq!(bytes("+/8").as_bytes().map(|bytes| &bytes[..]), Some(&[0xfb, 0xff][..]));
    assert_eq!(json::encode(&bytes("+/8=")), r#"{"$bytes":"+/8"}"#);
    assert!(bytes("").as_bytes().unwrap().is_empty());
    assert_eq!(bytes("123"), bytes("120"));
    for text in ["-_8", "+/8==", "+/8=\\n", "+ /8", "A"] {
        let text = format!(r#"{{"$bytes": "{text}"}}"#);
        assert_eq!(json_error(&text), DataError::BytesShape, "{text}");
    }
}

#[test]
fn dm_024_the_order_of_keys_in_json_means_nothing() {
    let (one, other) = (value(r#"{"b":1,"aa":2,"a":3}"#), value(r#"{"a":3,"aa":2,"b":1}"#));
    assert_eq!(one, other);
    assert_eq!(cbor::encode(&one), cbor::encode(&other));
}

#[test]
fn dm_023_wrong_shapes_are_never_data() {
    assert_eq!(json_error(r#"{"$bytes": [1, 2]}"#), DataError::BytesShape);
    assert_eq!(json_error(r#"{"$bytes": "AA", "other": 1}"#), DataError::BytesShape);
    assert_eq!(json_error(r#"{"$type": null}"#), DataError::TypeShape);
    assert_eq!(json_error(r#"{"$type": ""}"#), DataError::TypeShape);
    assert_eq!(json_error(r#"[{"$type": "blob"}]"#), DataError::BlobShape);
}

#[test]
fn errors_say_where() {
    let error = json::decode("{\n  \"a\": 1.5\n}").unwrap_err();
    assert_eq!(error.to_string(), "float (line 2, column 10)");
}

#[test]
fn dm_034_nesting_is_limited() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(value(&nested(limits::MAX_DEPTH)).depth(), limits::MAX_DEPTH);
    assert_eq!(json_error(&nested(limits::MAX_DEPTH + 1)), DataError::TooDeep);
    assert_eq!(json_error(&nested(100_000)), DataError::TooDeep);

    let around = |inner: &str| {
        format!("{}{inner}{}", "[".repeat(limits::MAX_DEPTH), "]".repeat(limits::MAX_DEPTH))
    };
    let link = format!(r#"{{"$link": "{}"}}"#, cid());
    assert!(json::decode(around(&link)).is_ok(), "a link is no container");
    assert_eq!(json_error(&around("{}")), DataError::TooDeep);
}

#[test]
fn dm_036_and_037_key_lengths_are_limited() {
    assert_eq!(json_error(r#"{"": 1}"#), DataError::EmptyKey);
    let long = format!(r#"{{"{}": 1}}"#, "k".repeat(limits::MAX_KEY + 1));
    assert_eq!(json_error(&long), DataError::KeyLength);
}

#[test]
fn text_must_be_utf8() {
    assert!(matches!(json::decode(b"\"\xff\""), Err(JsonError::Syntax(_))));
    assert!(matches!(json::decode(r#""\ud800""#), Err(JsonError::Syntax(_))));
}

#[test]
fn parsed_json_converts_both_ways() {
    let text = format!(r#"{{"a":[1,null,{{"$link":"{}"}},{{"$bytes":"AA"}}]}}"#, cid());
    let parsed: serde_json::Value = serde_json::from_str(&text).unwrap();
    let value = json::from_json(parsed.clone()).unwrap();
    assert_eq!(value, super::value(&text));
    assert_eq!(json::to_json(&value), parsed);
    let float = json::from_json(serde_json::json!({ "a": 0.5 })).unwrap_err();
    assert_eq!(float.data_error(), Some(DataError::Float));
}

#[test]
fn the_last_of_equal_keys_stays_in_a_collected_map() {
    let map: Map = [("a", 1), ("b", 2), ("a", 3)].into_iter().collect();
    assert_eq!((map.len(), map.get("a")), (2, Some(&Value::Integer(3))));
}
