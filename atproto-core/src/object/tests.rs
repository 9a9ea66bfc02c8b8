use serde::{Serialize, de::DeserializeOwned};

use super::Message;
use crate::{
    closed_union,
    data::{BlobRef, Bytes, CidLink, Extra, Value, cbor, json},
    endpoint::{Body, ErrorSet},
    error_set, messages, object, open_union, params,
};

#[derive(Debug, Clone, PartialEq)]
struct Leaf {
    r#type: String,
    number: Option<i64>,
    bytes: Option<Bytes>,
    link: Option<CidLink>,
    blob: Option<BlobRef>,
    nothing: Option<bool>,
    swap: Option<Option<String>>,
    any: Option<Value>,
    extra: Extra,
}
object!(Leaf {
    any "any" optional,
    blob "blob" optional,
    link "link" optional,
    swap "swap" optional,
    r#type "type" required,
    bytes "bytes" optional,
    number "number" optional,
    nothing "nothing" nullable,
});

#[derive(Debug, Clone, PartialEq, Default)]
struct Empty {
    extra: Extra,
}
object!(Empty {});

#[derive(Debug, Clone, PartialEq)]
enum Open {
    Leaf(Box<Leaf>),
    Empty(Box<Empty>),
    Other(Value),
}
open_union!(Open { Leaf(Leaf) "com.example.leaf", Empty(Empty) "com.example.leaf#empty" });

#[derive(Debug, Clone, PartialEq)]
enum Closed {
    Empty(Box<Empty>),
}
closed_union!(Closed { Empty(Empty) "com.example.leaf#empty" });

#[derive(Debug, Clone, PartialEq)]
struct Tree {
    children: Vec<Open>,
    extra: Extra,
}
object!(Tree = "com.example.tree" { children "children" required });

#[derive(Debug, Clone, PartialEq)]
struct Search {
    query: String,
    tags: Option<Vec<String>>,
}
params!(Search { tags "tags" optional, query "q" required });

#[derive(Debug, Clone, PartialEq)]
enum Stream {
    Leaf(Box<Leaf>),
    Other { kind: String, body: Value },
}
messages!(Stream { Leaf(Leaf) "#leaf" });

#[derive(Debug, Clone, PartialEq, Eq)]
enum Failure {
    NotFound(Option<String>),
}
error_set!(Failure { NotFound "NotFound" });

const LEAF: &str = r#"{
    "type": "t", "nothing": null, "number": 7, "bytes": {"$bytes": "AAEC"}, "swap": null,
    "link": {"$link": "bafyreih2g663toa7ul6wgbkchnrnaj67szgyghtbxqxnwoflah62z7fzqy"},
    "blob": {"$type": "blob", "mimeType": "image/png", "size": 3, "future": true,
        "ref": {"$link": "bafkreifstakm6v4s42cm25owu76opjt2cgeh4mjpq7fcvqsjnwa7gzp7oi"}},
    "any": {"$type": "com.example.any", "deep": [{"$bytes": "AA"}]},
    "unknown": {"$link": "bafyreih2g663toa7ul6wgbkchnrnaj67szgyghtbxqxnwoflah62z7fzqy"}
}"#;

/// A leaf as the member of a union: `$type` comes after every shorter key.
fn member() -> String {
    LEAF.replacen('{', r#"{"$type": "com.example.leaf", "#, 1)
}

/// Through the type and back, in both formats and from one to the other.
#[track_caller]
fn round_trip<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(text: &str) -> T {
    let value = json::decode(text).unwrap();
    let bytes = cbor::encode(&value);
    let from_json: T = serde_json::from_str(text).unwrap();
    let from_cbor: T = cbor::from_slice(&bytes).unwrap();
    assert_eq!(from_json, from_cbor);
    assert_eq!(cbor::to_vec(&from_json).unwrap(), bytes);
    assert_eq!(json::decode(serde_json::to_string(&from_cbor).unwrap()).unwrap(), value);
    from_json
}

#[test]
fn dm_041_unknown_fields_survive() {
    let leaf: Leaf = round_trip(LEAF);
    assert_eq!(leaf.extra.len(), 1);
    assert_eq!(leaf.swap, Some(None));
    assert_eq!(leaf.nothing, None);
}

#[test]
fn lx_034_unknown_members_of_unions_survive() {
    let text = format!(
        r#"{{"$type": "com.example.tree", "more": 1, "children": [
            {}, {{"$type": "com.example.leaf#empty", "a": 1}}, {{"a": 2, "$type": "com.example.new"}}
        ]}}"#,
        member()
    );
    let tree: Tree = round_trip(&text);
    assert!(matches!(&tree.children[0], Open::Leaf(leaf) if leaf.r#type == "t"));
    assert!(matches!(&tree.children[1], Open::Empty(empty) if empty.extra.len() == 1));
    assert!(matches!(&tree.children[2], Open::Other(value) if value.get("a").is_some()));
}

#[test]
fn the_place_of_the_type_among_the_keys_does_not_matter() {
    let last =
        LEAF.trim_end().trim_end_matches('}').to_owned() + r#", "$type": "com.example.leaf"}"#;
    let first: Open = serde_json::from_str(&member()).unwrap();
    assert_eq!(serde_json::from_str::<Open>(&last).unwrap(), first);
}

#[test]
fn a_type_that_a_plain_object_carries_is_kept() {
    let leaf: Leaf = round_trip(&member());
    assert_eq!(leaf.extra.get("$type").and_then(Value::as_str), Some("com.example.leaf"));
}

#[track_caller]
fn refuses<T: DeserializeOwned + std::fmt::Debug>(text: &str, message: &str) {
    let error = serde_json::from_str::<T>(text).unwrap_err().to_string();
    assert!(error.starts_with(message), "{error}");
}

#[test]
fn what_is_wrong_is_said() {
    refuses::<Tree>(r#"{"children": []}"#, "missing field `$type`");
    refuses::<Tree>(r#"{"$type": "com.example.tree"}"#, "missing field `children`");
    refuses::<Tree>(
        r#"{"$type": "com.example.bush", "children": []}"#,
        "`$type` is `com.example.bush`, not `com.example.tree`",
    );
    refuses::<Leaf>(r#"{"type": "a", "type": "b"}"#, "a key occurs twice");
    refuses::<Leaf>(r#"{"type": "a", "nothing": null, "number": null}"#, "invalid type: null");
    refuses::<Leaf>(r#"{"type": "a"}"#, "missing field `nothing`");
    refuses::<Open>(r#"{"a": 1}"#, "missing field `$type`");
    refuses::<Open>(
        r#"{"$type": "com.example.leaf#empty", "$type": "com.example.leaf"}"#,
        "`$type` occurs twice",
    );
    refuses::<Closed>(
        r#"{"$type": "com.example.leaf"}"#,
        "the closed union has no member `com.example.leaf`",
    );
    refuses::<Open>(r#"{"b": 1, "b": 2, "$type": "com.example.leaf#empty"}"#, "");
    refuses::<Open>(r#"{"b": 1, "b": 2, "$type": "com.example.new"}"#, "a key occurs twice");
}

#[test]
fn parameters_drop_what_is_unknown() {
    let search: Search =
        serde_json::from_str(r#"{"q": "a", "tags": ["b"], "x": {"y": 1}}"#).unwrap();
    assert_eq!(serde_json::to_string(&search).unwrap(), r#"{"tags":["b"],"q":"a"}"#);
    assert_eq!(Search { query: "a".into(), tags: None }.query, search.query);
}

#[test]
fn an_object_is_a_body() {
    let body = Empty::from_bytes("application/json", r#"{"a":1}"#.into()).unwrap();
    assert_eq!(body.to_bytes().unwrap().1, r#"{"a":1}"#);
}

#[test]
fn messages_are_told_apart_by_the_header() {
    let body = cbor::encode(&json::decode(LEAF).unwrap());
    let known = Stream::decode("#leaf", &body).unwrap();
    let other = Stream::decode("#tree", &body).unwrap();
    assert!(matches!(known, Stream::Leaf(_)));
    assert!(matches!(other, Stream::Other { .. }));
    for (message, kind) in [(known, "#leaf"), (other, "#tree")] {
        assert_eq!(message.kind(), kind);
        assert_eq!(message.encode_body().unwrap(), body);
    }
}

#[test]
fn errors_are_found_by_name() {
    let error = Failure::from_name("NotFound", Some("no such leaf".into())).unwrap();
    assert_eq!(error.to_string(), "NotFound: no such leaf");
    assert_eq!(Failure::from_name("Gone", None), None);
}
