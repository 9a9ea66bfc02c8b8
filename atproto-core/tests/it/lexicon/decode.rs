//! What a record turns out to be.

use atproto_core::{
    data::{CborFault, Value, cbor, json},
    endpoint::{KeyKind, Record},
    lexicon::{Catalog, Decoded, Document, InvalidRecord, RecordType, ValidationOptions},
    syntax::{Datetime, Nsid},
};
use serde::{Deserialize, Serialize};

/// What a generator would make of [`SCHEMA`], had it been run before `mood` was required.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Status {
    #[serde(rename = "$type")]
    name: String,
    at: Datetime,
}

impl Record for Status {
    const NSID: &'static str = "com.example.status";
    const KEY: KeyKind = KeyKind::Tid;
}

const SCHEMA: &str = r#"{"lexicon": 1, "id": "com.example.status", "defs": {"main":
    {"type": "record", "key": "tid", "record": {"type": "object", "required": ["at"],
        "properties": {"at": {"type": "string", "format": "datetime"}}}}}}"#;

fn nsid() -> Nsid {
    Nsid::new("com.example.status").unwrap()
}

fn with_schema(catalog: Catalog) -> Catalog {
    catalog.with_generated(&[("com.example.status", SCHEMA)])
}

fn bytes(json: &str) -> Vec<u8> {
    cbor::encode(&json::decode(json).unwrap())
}

const GOOD: &str = r#"{"$type": "com.example.status", "at": "1985-04-12T23:20:50Z"}"#;
const OLD: &str = r#"{"$type": "com.example.status", "at": "1985-04-12T23:20"}"#;

#[test]
fn lx_026_decoding_drops_nothing() {
    let typed = with_schema(Catalog::of(&[RecordType::of::<Status>()]));
    let Decoded::Typed(record) = typed.decode(&nsid(), &bytes(GOOD)) else { panic!("typed") };
    assert_eq!(record.downcast_ref::<Status>().unwrap().at, "1985-04-12T23:20:50Z");
    assert_eq!(record.to_cbor().unwrap(), bytes(GOOD));

    let dynamic = with_schema(Catalog::new());
    let good = json::decode(GOOD).unwrap();
    assert!(matches!(dynamic.decode(&nsid(), &bytes(GOOD)), Decoded::Dynamic(v) if v == good));
    let unknown = Catalog::new();
    assert!(matches!(unknown.decode(&nsid(), &bytes(GOOD)), Decoded::Unknown(v) if v == good));

    match typed.decode(&nsid(), &bytes(OLD)) {
        Decoded::Invalid(kept, InvalidRecord::Schema(error)) => {
            assert_eq!(kept, bytes(OLD));
            assert_eq!(error.path, "at");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_a_type_cannot_take_stays_a_value() {
    let lenient =
        with_schema(Catalog::of(&[RecordType::of::<Status>()])).options(ValidationOptions::LENIENT);
    assert!(matches!(lenient.decode(&nsid(), &bytes(OLD)), Decoded::Dynamic(_)));
    // Without a schema the type is all there is to say what a record may be.
    let untaught = Catalog::of(&[RecordType::of::<Status>()]);
    let refused = untaught.decode(&nsid(), &bytes(OLD));
    assert!(
        matches!(&refused, Decoded::Invalid(_, InvalidRecord::Data(error))
            if matches!(error.fault(), CborFault::Type(_))),
        "{refused:?}"
    );
}

#[test]
fn lx_028_the_data_model_holds_where_no_schema_does() {
    let catalog = Catalog::new();
    let blob = |size: i64| {
        let text = r#"{"$type": "com.example.status", "a": [{"$type": "blob", "mimeType": "a/b",
            "ref": {"$link": "bafkreifstakm6v4s42cm25owu76opjt2cgeh4mjpq7fcvqsjnwa7gzp7oi"},
            "size": 7}]}"#;
        let mut bytes = bytes(text);
        let size_at = bytes.windows(4).position(|at| at == b"size").unwrap() + 4;
        bytes[size_at] = size as u8;
        bytes
    };
    assert!(matches!(catalog.decode(&nsid(), &blob(7)), Decoded::Unknown(_)));
    for garbage in [&blob(0)[..], b"\xff", b"\xa1\x61a\xfb\0\0\0\0\0\0\0\0", b""] {
        let decoded = catalog.decode(&nsid(), garbage);
        assert!(
            matches!(&decoded, Decoded::Invalid(kept, InvalidRecord::Data(_)) if kept == garbage),
            "{decoded:?}"
        );
    }
}

#[test]
fn a_record_says_which_collection_it_is_of() {
    for catalog in [Catalog::new(), with_schema(Catalog::new())] {
        for (record, message) in [
            (
                r#"{"at": "1985-04-12T23:20:50Z"}"#,
                "`$type` has to be `com.example.status`, but is not there",
            ),
            (
                r#"{"$type": "com.example.other", "at": "1985-04-12T23:20:50Z"}"#,
                "`$type` has to be `com.example.status`, not `com.example.other`",
            ),
        ] {
            let Decoded::Invalid(_, reason) = catalog.decode(&nsid(), &bytes(record)) else {
                panic!("{record}");
            };
            assert_eq!((reason.to_string().as_str(), reason.label()), (message, "type"));
        }
    }
}

#[test]
fn every_outcome_is_counted() {
    let catalog =
        with_schema(Catalog::of(&[RecordType::of::<Status>()])).options(ValidationOptions::LENIENT);
    let other = Nsid::new("com.example.other").unwrap();
    let list = cbor::encode(&Value::List(Vec::new()));
    let wrong = bytes(r#"{"$type": "com.example.status", "at": 1}"#);
    let clone = catalog.clone();
    let outcomes = [
        (catalog.decode(&nsid(), &bytes(GOOD)), "typed"),
        (catalog.decode(&nsid(), &bytes(OLD)), "dynamic"),
        (catalog.decode(&other, &bytes(r#"{"$type": "com.example.other"}"#)), "unknown"),
        (clone.decode(&nsid(), b"\xff"), "invalid"),
        (clone.decode(&nsid(), &list), "invalid"),
        (clone.decode(&nsid(), &wrong), "invalid"),
        (clone.decode(&other, &wrong), "invalid"),
    ];
    for (decoded, label) in &outcomes {
        assert_eq!(decoded.label(), *label);
    }
    assert!(matches!(outcomes[4].0, Decoded::Invalid(_, InvalidRecord::NotMap("array"))));
    assert_eq!(catalog.stats(), clone.stats());
    assert!(
        catalog.stats().counters().iter().all(|(_, count)| *count == 1),
        "{:?}",
        catalog.stats()
    );
}

#[test]
fn a_document_that_comes_later_counts() {
    let mut catalog = Catalog::new();
    assert!(matches!(catalog.decode(&nsid(), &bytes(OLD)), Decoded::Unknown(_)));
    catalog.add(Document::from_json(SCHEMA.as_bytes()).unwrap());
    assert!(matches!(catalog.decode(&nsid(), &bytes(OLD)), Decoded::Invalid(..)));
}
