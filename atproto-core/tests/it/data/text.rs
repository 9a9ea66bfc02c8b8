use atproto_core::data::cbor::{self, CborFault, Writer};
use atproto_core::data::{Text, Value};

use super::fault;

#[test]
fn text_of_any_length_and_script_is_kept() {
    for letter in ["a", "é", "水", "🦋"] {
        for count in (0..40).chain([64, 300]) {
            for text in [letter.repeat(count), format!("{}{letter}", "a".repeat(count))] {
                let value = Value::from(text.as_str());
                assert_eq!(cbor::decode(&cbor::encode(&value)), Ok(value.clone()));
                assert_eq!(value.as_str(), Some(text.as_str()));
                assert_eq!(Value::from(text), value);
            }
        }
    }
}

#[test]
fn text_that_is_not_utf8_is_refused_at_any_length() {
    for count in (0..40).chain([64, 300]) {
        // A letter that is cut short, and a byte that begins none.
        for end in [&b"\xc3"[..], b"\xff"] {
            let text = [&b"a".repeat(count)[..], end].concat();
            let mut writer = Writer::new();
            writer.text(&"a".repeat(text.len()));
            let mut bytes = writer.into_bytes();
            let start = bytes.len() - text.len();
            bytes[start..].copy_from_slice(&text);
            assert_eq!(fault(cbor::decode(&bytes)), CborFault::Utf8);
            assert_eq!(fault(cbor::check(&bytes)), CborFault::Utf8);
        }
    }
}

#[test]
fn text_is_its_str() {
    let text = Text::from("waffles");
    assert_eq!(text, "waffles");
    assert_eq!(text.as_str(), "waffles");
    assert_eq!(text.to_string(), "waffles");
    assert_eq!(format!("{text:?}"), "\"waffles\"");
    assert_eq!(String::from(text.clone()), "waffles");
}
