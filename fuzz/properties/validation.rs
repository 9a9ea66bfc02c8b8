//! Validation of an arbitrary value against a schema with every kind of type.

use std::sync::LazyLock;

use atproto_core::{
    data::{cbor, json},
    lexicon::{Catalog, Document},
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

pub(crate) fn check(data: &[u8]) {
    let (nsid, catalog) = &*CATALOG;
    let _ = catalog.decode(nsid, data);
    let value = json::decode(data).ok().or_else(|| cbor::decode(data).ok());
    let Some(value) = value else { return };
    if catalog.validate_record(nsid, &value).is_ok() {
        let bytes = cbor::encode(&value);
        let same =
            cbor::check(&bytes).is_err() || catalog.decode(nsid, &bytes).label() != "invalid";
        assert!(same, "valid as a value, invalid as bytes");
    }
}
