//! Validation of an arbitrary value against a schema with every kind of type, or against any
//! other documents: the verdict on a value is that on its bytes.

#![allow(dead_code, reason = "each target takes its part")]

use std::sync::LazyLock;

use atproto_core::{
    data::{
        Value,
        cbor::{self, Checked},
        json,
    },
    lexicon::{
        Catalog, Decoded, Document, InvalidRecord, Reference, Subject, ValidationError,
        ValidationOptions,
    },
    syntax::Nsid,
};

/// Recursive, and with a constraint of every kind.
const SCHEMA: &str = r##"{"lexicon":1,"id":"com.example.all","defs":{
  "main":{"type":"record","key":"any","record":{"type":"object","required":["text"],"nullable":["none"],"properties":{
    "text":{"type":"string","maxLength":40,"minLength":1,"maxGraphemes":8,"minGraphemes":1},
    "kind":{"type":"string","enum":["a","b"]},"hint":{"type":"string","knownValues":["a"]},
    "none":{"type":"string"},"flag":{"type":"boolean","const":true},
    "count":{"type":"integer","minimum":0,"maximum":9},"level":{"type":"integer","enum":[1,2]},
    "link":{"type":"cid-link"},"bytes":{"type":"bytes","minLength":1,"maxLength":8},
    "blob":{"type":"blob","accept":["image/*"],"maxSize":1000},
    "list":{"type":"array","items":{"type":"ref","ref":"#node"},"minLength":0,"maxLength":4},
    "any":{"type":"unknown"},"open":{"type":"union","refs":["#node","#leaf"]},
    "closed":{"type":"union","closed":true,"refs":["#node","#leaf"]},
    "did":{"type":"string","format":"did"},"handle":{"type":"string","format":"handle"},
    "at":{"type":"string","format":"at-identifier"},"nsid":{"type":"string","format":"nsid"},
    "uri":{"type":"string","format":"at-uri"},"web":{"type":"string","format":"uri"},
    "time":{"type":"string","format":"datetime"},"lang":{"type":"string","format":"language"},
    "cid":{"type":"string","format":"cid"},"tid":{"type":"string","format":"tid"},
    "rkey":{"type":"string","format":"record-key"}}}},
  "node":{"type":"object","properties":{"next":{"type":"ref","ref":"#node"},"leaf":{"type":"ref","ref":"#leaf"},
    "list":{"type":"array","items":{"type":"union","refs":["#node"]}}}},
  "leaf":{"type":"object","required":["value"],"properties":{"value":{"type":"integer"}}}}}"##;

static CATALOG: LazyLock<(Nsid, Catalog)> = LazyLock::new(|| {
    let document = Document::from_json(SCHEMA.as_bytes()).expect("the schema is sound");
    (document.id.clone(), Catalog::from_documents([document]))
});

/// The input is a record, or documents and a record with [`BETWEEN`] between them.
pub(crate) fn check(data: &[u8]) {
    let mut parts = split(data);
    let record = parts.pop().unwrap_or_default();
    let bytes = match json::decode(record) {
        Ok(value) => cbor::encode(&value),
        Err(_) => record.to_vec(),
    };
    let documents = parts.into_iter().filter_map(|part| Document::from_json(part).ok());
    let catalog = Catalog::from_documents(documents);
    if catalog.is_empty() {
        let (nsid, catalog) = &*CATALOG;
        return agree(catalog, nsid, &bytes);
    }
    let _ = catalog.link();
    for document in catalog.documents() {
        agree(&catalog, &document.id, &bytes);
    }
}

/// Holds the bytes, and the value that they are if they are one, against every definition of
/// a document, strictly and leniently.
pub(crate) fn agree(catalog: &Catalog, nsid: &Nsid, bytes: &[u8]) {
    let lenient = catalog.clone().options(ValidationOptions::LENIENT);
    let value = cbor::decode(bytes);
    let strictly = verdicts(catalog, nsid, bytes, value.as_ref().ok());
    let leniently = verdicts(&lenient, nsid, bytes, value.as_ref().ok());
    assert_eq!(strictly.len(), leniently.len());
    for (strict, lenient) in strictly.iter().zip(&leniently) {
        assert!(strict.is_err() || lenient.is_ok(), "valid strictly, but: {lenient:?}");
    }
}

/// The verdict of every check that a catalog offers. What it decodes is what it validates.
fn verdicts(
    catalog: &Catalog,
    nsid: &Nsid,
    bytes: &[u8],
    value: Option<&Value>,
) -> Vec<Result<(), ValidationError>> {
    let decoded = catalog.decode(nsid, bytes);
    let (Some(value), Ok(checked)) = (value, Checked::new(bytes)) else {
        assert!(matches!(decoded, Decoded::Invalid(_, InvalidRecord::Data(_))), "{decoded:?}");
        return Vec::new();
    };
    let of_value = all(catalog, nsid, value);
    let of_bytes = all(catalog, nsid, checked);
    assert_eq!(of_value, of_bytes, "the value and its bytes differ: {value:?}");
    match decoded {
        Decoded::Dynamic(same) => assert_eq!((&same, &of_value[0]), (value, &Ok(()))),
        Decoded::Invalid(kept, reason) => {
            assert_eq!(kept, bytes);
            let typed = value.type_name() == Some(nsid.as_str());
            assert!(!typed || matches!(reason, InvalidRecord::Schema(_)), "{reason}");
            assert!(of_value[0].is_err(), "valid, but {reason}");
        }
        other => panic!("neither typed nor unknown: {other:?}"),
    }
    of_value
}

fn all<'a>(
    catalog: &Catalog,
    nsid: &Nsid,
    subject: impl Subject<'a> + Copy,
) -> Vec<Result<(), ValidationError>> {
    let mut verdicts = vec![
        catalog.validate_record(nsid, subject),
        catalog.validate_params(nsid, subject),
        catalog.validate_input(nsid, subject),
        catalog.validate_output(nsid, subject),
        catalog.validate_message(nsid, "#a", subject),
    ];
    for (name, _) in catalog.get(nsid).iter().flat_map(|document| &document.defs) {
        verdicts.push(catalog.validate(&Reference::new(nsid.clone(), name.as_str()), subject));
    }
    verdicts
}

fn split(mut data: &[u8]) -> Vec<&[u8]> {
    let mut parts = Vec::new();
    while let Some(at) = data.windows(BETWEEN.len()).position(|window| window == BETWEEN) {
        parts.push(&data[..at]);
        data = &data[at + BETWEEN.len()..];
    }
    parts.push(data);
    parts
}

const BETWEEN: &[u8] = b"\n---\n";
