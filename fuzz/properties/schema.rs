//! Documents and values built from the input: the verdict on a value is that on its bytes.
//! Half of what is built for a type is made to fit it, so that the walk gets deep.

use atproto_core::{
    data::{Bytes, Map, Value, cbor},
    lexicon::{Catalog, Document},
    syntax::{Cid, Codec},
};

use super::{entropy::Entropy, validation::agree};

pub(crate) fn check(data: &[u8]) {
    let mut entropy = Entropy::new(data);
    let definitions: Vec<String> = (0..NAMES.len()).map(|_| object(&mut entropy, 0)).collect();
    let mut text = format!(
        r#"{{"lexicon":1,"id":"{NSID}","defs":{{"main":{{"type":"record","key":"any","record":{}}}"#,
        definitions[0]
    );
    for (name, definition) in NAMES.iter().zip(&definitions).skip(1) {
        text.push_str(&format!(r#","{name}":{definition}"#));
    }
    text.push_str("}}");
    let document = Document::from_json(text.as_bytes())
        .unwrap_or_else(|error| panic!("made to be sound: {error}: {text}"));
    let again = Document::from_json(document.to_compact_json().as_bytes());
    assert_eq!(again.expect("what was written can be read").defs, document.defs);

    let nsid = document.id.clone();
    let catalog = Catalog::from_documents([document]);
    let _ = catalog.link();
    while !entropy.is_empty() {
        let mut value = value(&mut entropy, 0);
        if let (Value::Map(map), true) = (&mut value, entropy.byte() < 240) {
            map.insert("$type", NSID);
        }
        agree(&catalog, &nsid, &cbor::encode(&value));
    }
}

fn object(entropy: &mut Entropy<'_>, depth: usize) -> String {
    let mut fields: Vec<&str> = (0..entropy.below(5)).map(|_| key(entropy)).collect();
    fields.sort_unstable();
    fields.dedup();
    let properties: Vec<String> =
        fields.iter().map(|name| format!(r#""{name}":{}"#, schema(entropy, depth + 1))).collect();
    let list = |entropy: &mut Entropy<'_>| {
        let chosen: Vec<String> =
            fields.iter().filter(|_| entropy.byte() < 64).map(|name| format!("{name:?}")).collect();
        chosen.join(",")
    };
    let (required, nullable) = (list(entropy), list(entropy));
    format!(
        r#"{{"type":"object","required":[{required}],"nullable":[{nullable}],"properties":{{{}}}}}"#,
        properties.join(",")
    )
}

fn schema(entropy: &mut Entropy<'_>, depth: usize) -> String {
    let kinds = if depth < 4 { 14 } else { 11 };
    let small = entropy.below(4);
    match entropy.below(kinds) {
        0 => r#"{"type":"boolean"}"#.to_owned(),
        1 => format!(r#"{{"type":"boolean","const":{}}}"#, small > 1),
        2 => format!(r#"{{"type":"integer","minimum":{small},"maximum":{}}}"#, small + 2),
        3 => format!(r#"{{"type":"integer","enum":[{},{small}]}}"#, small + 3),
        4 => format!(r#"{{"type":"string","minLength":{small},"maxLength":{}}}"#, small + 3),
        5 => format!(r#"{{"type":"string","minGraphemes":{small},"maxGraphemes":{}}}"#, small + 2),
        6 => format!(r#"{{"type":"string","format":"{}"}}"#, FORMATS[entropy.below(11)]),
        7 => r#"{"type":"string","enum":["b","a","at://a.example"]}"#.to_owned(),
        8 => ["cid-link", "unknown", "bytes", "blob"].map(|kind| format!(r#"{{"type":"{kind}"}}"#))
            [small]
            .clone(),
        9 => format!(r##"{{"type":"ref","ref":"{}"}}"##, reference(entropy)),
        10 => {
            let refs: Vec<String> =
                (0..=small).map(|_| format!("{:?}", reference(entropy))).collect();
            let closed = entropy.byte() & 1 == 1;
            format!(r#"{{"type":"union","closed":{closed},"refs":[{}]}}"#, refs.join(","))
        }
        11 => object(entropy, depth),
        12 => r#"{"type":"blob","accept":["image/*","a/b"],"maxSize":7}"#.to_owned(),
        _ => format!(
            r#"{{"type":"array","maxLength":{},"items":{}}}"#,
            small + 1,
            schema(entropy, depth + 1)
        ),
    }
}

fn reference(entropy: &mut Entropy<'_>) -> String {
    match entropy.below(6) {
        0 => NSID.to_owned(),
        5 => "com.example.absent#a".to_owned(),
        index => format!("#{}", NAMES[index.min(NAMES.len() - 1)]),
    }
}

fn value(entropy: &mut Entropy<'_>, depth: usize) -> Value {
    let kinds = if depth == 0 {
        1
    } else if depth < 12 {
        10
    } else {
        7
    };
    match (kinds, entropy.below(kinds)) {
        (1, _) | (10, 9) => map(entropy, depth),
        (_, 0) => Value::Null,
        (_, 1) => Value::Bool(entropy.byte() & 1 == 1),
        (_, 2) => Value::Integer(entropy.below(9) as i64 - 1),
        (_, 3) => Value::from(TEXTS[entropy.below(TEXTS.len())]),
        (_, 4) => {
            let len = entropy.below(9);
            Value::from(String::from_utf8_lossy(entropy.bytes(len)).into_owned())
        }
        (_, 5) => Value::Link(cid(entropy)),
        (_, 6) => Value::Bytes(Bytes::copy_from_slice(entropy.bytes(2))),
        (_, 7) => Value::List((0..entropy.below(4)).map(|_| value(entropy, depth + 1)).collect()),
        _ => blob(entropy),
    }
}

fn map(entropy: &mut Entropy<'_>, depth: usize) -> Value {
    let mut map = Map::new();
    for _ in 0..entropy.below(6) {
        map.insert(key(entropy), value(entropy, depth + 1));
    }
    match entropy.below(8) {
        0 => _ = map.insert("$type", TEXTS[entropy.below(TEXTS.len())]),
        1 => _ = map.insert("$type", NSID),
        2..6 => _ = map.insert("$type", format!("{NSID}#{}", NAMES[entropy.below(NAMES.len())])),
        _ => {}
    }
    Value::Map(map)
}

/// Today's form or the old one, now and then with something amiss.
fn blob(entropy: &mut Entropy<'_>) -> Value {
    let mut map = Map::new();
    let mime = ["image/png", "a/b", "text/plain", "image", ""][entropy.below(5)];
    map.insert("mimeType", mime);
    if entropy.byte() & 3 == 0 {
        map.insert("cid", cid(entropy).to_string());
    } else {
        map.insert("$type", "blob");
        map.insert("size", entropy.below(10) as i64);
        map.insert("ref", Value::Link(cid(entropy)));
    }
    if entropy.byte() > 240 {
        map.insert(key(entropy), Value::Null);
    }
    Value::Map(map)
}

fn cid(entropy: &mut Entropy<'_>) -> Cid {
    let codec = if entropy.byte() & 7 == 0 { Codec::DagCbor } else { Codec::Raw };
    Cid::from_digest(codec, [entropy.byte(); 32])
}

/// Shorter than `$type`, as long, and longer; before it and after it.
fn key(entropy: &mut Entropy<'_>) -> &'static str {
    ["a", "b", "cid", "#abcd", "$aaaa", "$zzzz", "items", "longer", "much-longer"][entropy.below(9)]
}

const NSID: &str = "com.example.made";

/// The definitions; the first is the record.
const NAMES: [&str; 4] = ["main", "a", "b", "c"];

const FORMATS: [&str; 11] = [
    "at-identifier",
    "at-uri",
    "cid",
    "datetime",
    "did",
    "handle",
    "language",
    "nsid",
    "record-key",
    "tid",
    "uri",
];

/// Of every format, and what is of none or only leniently of one.
const TEXTS: [&str; 24] = [
    "",
    "a",
    "b",
    "abc",
    "abcdefgh",
    "a.example",
    "did:web:a.example",
    "at://a.example",
    "at://a.example/com.example.made/self",
    "at://a.example/com.example.made/self/?q#/f",
    "https://a.example",
    "com.example.made",
    "com.example.made#main",
    "#a",
    "1985-04-12T23:20:50Z",
    "1985-04-12T23:20",
    "1985-04-12T23:20:50-0000",
    "en",
    "JA",
    "de-1901-1901",
    "3jqfcqzm3fo2j",
    "self",
    "\u{1f98b}\u{200d}\u{1f98b}",
    "bafkreibme22gw2h7y2h7tg2fhqotaqjucnbc24deqo72b6mkl2egezxhvy",
];
