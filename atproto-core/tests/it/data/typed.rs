use std::fmt;

use atproto_core::data::cbor::CborFault;
use atproto_core::data::limits::MAX_DEPTH;
use atproto_core::data::{Bytes, CidLink, DataError, Extra, ExtraReader, Value, cbor, json};
use atproto_core::syntax::Cid;
use serde::de::{Error, IgnoredAny, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{bytes, cid, fault, value};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Post {
    text: String,
    link: CidLink,
    cid: Cid,
    key: Bytes,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply: Option<Box<Post>>,
    any: Value,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "$type")]
enum Union {
    #[serde(rename = "com.example.post")]
    Post(Post),
}

fn post() -> Post {
    Post {
        text: "hello".into(),
        link: cid().into(),
        cid: cid(),
        key: Bytes::from_static(b"key"),
        reply: None,
        any: value(r#"{"list": [1, null, {"$bytes": "AA"}]}"#),
    }
}

#[test]
fn cid_010_links_and_text_cids_differ_in_both_forms() {
    let post = Post { reply: Some(Box::new(post())), ..post() };
    let bytes = cbor::to_vec(&post).unwrap();
    let map = cbor::decode_map(&bytes).unwrap();
    assert_eq!(map.get("link"), Some(&Value::Link(cid())));
    assert_eq!(map.get("cid"), Some(&Value::from(cid().to_string())));
    assert_eq!(cbor::from_slice::<Post>(&bytes).unwrap(), post);

    let text = serde_json::to_string(&post).unwrap();
    assert_eq!(json::decode(&text).unwrap(), Value::Map(map));
    assert_eq!(serde_json::from_str::<Post>(&text).unwrap(), post);
}

#[test]
fn tagged_unions_keep_links_and_bytes() {
    let union = Union::Post(post());
    let bytes = cbor::to_vec(&union).unwrap();
    assert_eq!(cbor::from_slice::<Union>(&bytes).unwrap(), union);
    let text = serde_json::to_string(&union).unwrap();
    assert_eq!(serde_json::from_str::<Union>(&text).unwrap(), union);
}

#[test]
fn values_convert_to_types_and_back() {
    let dynamic = Value::from_typed(&post()).unwrap();
    assert_eq!(dynamic.get("link"), Some(&Value::Link(cid())));
    assert_eq!(dynamic.to_typed::<Post>().unwrap(), post());
    assert!(matches!(fault(Value::Null.to_typed::<Post>()), CborFault::Type(_)));
}

#[test]
fn ignored_fields_are_checked_too() {
    #[derive(Debug, Deserialize)]
    struct Narrow {
        #[serde(rename = "a")]
        _a: i64,
    }
    assert!(cbor::from_slice::<Narrow>(&bytes("a26161016162f6")).is_ok());
    for (hex, why) in [
        ("a2616101616281fb3ff8000000000000", CborFault::Data(DataError::Float)),
        ("a261610161629f01ff", CborFault::Indefinite),
        ("a26161016162811801", CborFault::NonMinimal),
        ("a2616101616261ff", CborFault::Utf8),
    ] {
        assert_eq!(fault(cbor::from_slice::<Narrow>(&bytes(hex))), why, "{hex}");
    }
}

#[test]
fn what_others_would_refuse_is_not_written() {
    assert_eq!(fault(cbor::to_vec(&1.5)), CborFault::Data(DataError::Float));
    assert_eq!(fault(cbor::to_vec(&u64::MAX)), CborFault::Data(DataError::IntegerRange));
}

#[test]
fn typed_links_and_bytes_are_strict_in_json() {
    let link = |text: &str| serde_json::from_str::<CidLink>(text);
    assert_eq!(link(&format!(r#"{{"$link": "{}"}}"#, cid())).unwrap(), CidLink(cid()));
    for text in [
        format!(r#""{}""#, cid()),
        format!(r#"{{"$link": "{}", "more": 1}}"#, cid()),
        r#"{"$link": "."}"#.to_owned(),
        r#"{"link": 1}"#.to_owned(),
        "{}".to_owned(),
    ] {
        assert!(link(&text).is_err(), "{text}");
    }
    for text in [r#""AA""#, "[1, 2]", r#"{"$bytes": "-_"}"#, r#"{"$bytes": "AA", "x": 1}"#, "{}"] {
        assert!(serde_json::from_str::<Bytes>(text).is_err(), "{text}");
    }
}

#[test]
fn links_are_not_bytes_in_cbor() {
    let text = cbor::encode(&Value::from(Bytes::copy_from_slice(&cid().to_bytes())));
    assert!(matches!(fault(cbor::from_slice::<CidLink>(&text)), CborFault::Unexpected { .. }));
    let link = cbor::encode(&Value::Link(cid()));
    assert!(matches!(fault(cbor::from_slice::<Bytes>(&link)), CborFault::Unexpected { .. }));
}

/// An object as generated code has it: known fields, and room for the others.
#[derive(Debug, PartialEq)]
struct Note {
    text: String,
    extra: Extra,
}

impl Serialize for Note {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1 + self.extra.len()))?;
        map.serialize_entry("text", &self.text)?;
        self.extra.serialize_into(&mut map)?;
        map.end()
    }
}

impl<'de> Deserialize<'de> for Note {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(NoteVisitor)
    }
}

struct NoteVisitor;

impl<'de> Visitor<'de> for NoteVisitor {
    type Value = Note;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a note")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Note, A::Error> {
        let (mut text, mut extra) = (None, ExtraReader::default());
        while let Some(key) = access.next_key::<String>()? {
            match key.as_str() {
                "text" => text = Some(access.next_value()?),
                _ => extra.read(key, &mut access)?,
            }
        }
        let text = text.ok_or_else(|| A::Error::missing_field("text"))?;
        Ok(Note { text, extra: extra.finish()? })
    }
}

#[test]
fn dm_041_unknown_fields_survive_in_both_forms() {
    let text = format!(r#"{{"z":{{"$link":"{}"}},"text":"x","longer":[{{"a":1}}]}}"#, cid());
    let bytes = cbor::encode(&value(&text));
    let note: Note = cbor::from_slice(&bytes).unwrap();
    assert_eq!(note.extra.len(), 2);
    assert_eq!(note.extra.get("z"), Some(&Value::Link(cid())));
    assert_eq!(cbor::to_vec(&note).unwrap(), bytes);

    let from_json: Note = serde_json::from_str(&text).unwrap();
    assert_eq!(from_json, note);
    assert_eq!(json::decode(serde_json::to_string(&note).unwrap()).unwrap(), value(&text));
}

#[test]
fn unknown_fields_follow_the_rules_too() {
    for text in
        [r#"{"text": "", "a": 1, "a": 2}"#, r#"{"text": "", "": 1}"#, r#"{"text": "", "a": 0.5}"#]
    {
        assert!(serde_json::from_str::<Note>(text).is_err(), "{text}");
    }
}

#[test]
fn a_known_name_among_the_extra_fields_is_not_written_twice() {
    let mut note = Note { text: String::new(), extra: Extra::default() };
    assert!(note.extra.is_empty());
    note.extra.insert("text", "again");
    assert_eq!(fault(cbor::to_vec(&note)), CborFault::Data(DataError::DuplicateKey));
    assert_eq!(note.extra.remove("text"), Some(Value::from("again")));
    assert_eq!(note.extra, Extra::default());
    assert_eq!(size_of::<Extra>(), size_of::<usize>());
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Choice {
    Plain,
    Number(i64),
    Pair(i64, Option<bool>),
    Named { cid: CidLink },
}

#[test]
fn what_serde_knows_comes_back() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Wrapped(String);
    type All = (Vec<Choice>, Option<Wrapped>, (u8, u64, i64), Option<()>, char);
    let choices = vec![
        Choice::Plain,
        Choice::Number(-1),
        Choice::Pair(7, None),
        Choice::Named { cid: cid().into() },
    ];
    let all: All = (choices, Some(Wrapped("x".into())), (255, 1 << 40, i64::MIN), None, 'é');
    let bytes = cbor::to_vec(&all).unwrap();
    assert_eq!(cbor::from_slice::<All>(&bytes).unwrap(), all);
    assert_eq!(Value::from_typed(&all).unwrap(), cbor::decode(&bytes).unwrap());
}

#[test]
fn what_does_not_fit_a_type_is_refused() {
    fn fault_of<T: for<'de> Deserialize<'de>>(text: &str) -> CborFault {
        let result = cbor::from_slice::<T>(&cbor::encode(&value(text))).map(drop);
        fault(result)
    }
    for refused in [
        fault_of::<(i64,)>("[1, 2]"),
        fault_of::<[i64; 3]>("[1, 2]"),
        fault_of::<u8>("256"),
        fault_of::<u8>("-1"),
        fault_of::<bool>("1"),
        fault_of::<Choice>(r#""Odd""#),
        fault_of::<Choice>(r#"{"Number": 1, "Plain": null}"#),
        fault_of::<Post>("[]"),
    ] {
        assert!(matches!(refused, CborFault::Type(_)), "{refused}");
    }
    let unexpected = |fault| matches!(fault, CborFault::Unexpected { .. });
    assert!(unexpected(fault_of::<String>("1")));
    assert!(unexpected(fault_of::<CidLink>("{}")));
    assert!(unexpected(fault_of::<Choice>("1")));
}

/// Ten thousands of encodings, nearly all of them wrong in one byte.
#[test]
fn typed_reading_accepts_what_the_check_accepts() {
    let text = format!(
        r#"{{"$type": "com.example.note", "text": "é", "list": [1, -300, null, true, [], {{}}],
            "blob": {{"$type": "blob", "ref": {{"$link": "{0}"}}, "mimeType": "a/b", "size": 7}},
            "bytes": {{"$bytes": "AQID"}}, "link": {{"$link": "{0}"}}, "long-key-of-a-field": 1}}"#,
        Cid::raw(b"")
    );
    let sound = cbor::encode(&value(&text));
    let mut wrong = 0;
    for at in 0..sound.len() {
        for byte in 0..=u8::MAX {
            let mut bytes = sound.clone();
            bytes[at] = byte;
            let is_sound = cbor::check(&bytes).is_ok();
            assert_eq!(cbor::from_slice::<Value>(&bytes).is_ok(), is_sound, "{at} {byte}");
            assert_eq!(cbor::from_slice::<IgnoredAny>(&bytes).is_ok(), is_sound, "{at} {byte}");
            wrong += usize::from(!is_sound);
        }
        assert!(cbor::from_slice::<Value>(&sound[..at]).is_err());
    }
    assert!(wrong > 10_000, "{wrong}");
    assert!(cbor::from_slice::<Value>(&[&sound[..], &[0]].concat()).is_err());
}

#[test]
fn nesting_ends_at_the_same_depth_for_typed_reading() {
    #[derive(Serialize, Deserialize)]
    struct List(Vec<List>);
    let nested = |depth: usize| [vec![0x81; depth - 1], vec![0x80]].concat();
    for depth in [1, MAX_DEPTH - 1, MAX_DEPTH, MAX_DEPTH + 1, 10_000] {
        let bytes = nested(depth);
        let is_sound = cbor::check(&bytes).is_ok();
        assert_eq!(is_sound, depth <= MAX_DEPTH, "{depth}");
        assert_eq!(cbor::from_slice::<List>(&bytes).is_ok(), is_sound, "{depth}");
        assert_eq!(cbor::from_slice::<(IgnoredAny,)>(&bytes).is_ok(), is_sound && depth > 1);
    }
}

#[test]
fn the_rules_on_maps_hold_for_typed_reading() {
    type Fields = std::collections::BTreeMap<String, IgnoredAny>;
    for map in [
        b"\xa1\x65$type\x60".as_slice(),
        b"\xa1\x65$type\x01",
        b"\xa1\x65$link\x61x",
        b"\xa1\x66$bytes\x61x",
        b"\xa1\x65$type\x64blob",
    ] {
        assert!(cbor::check(map).is_err());
        assert!(matches!(fault(cbor::from_slice::<Fields>(map).map(drop)), CborFault::Data(_)));
    }
    assert_eq!(cbor::from_slice::<Fields>(b"\xa1\x65$type\x61x").unwrap().len(), 1);
}
