//! A value that keeps to its schema costs no memory, whatever it is held in.

use allocation_counter::measure;
use atproto_core::{
    data::{
        cbor::{self, Checked},
        json,
    },
    lexicon::{Catalog, Document, ValidationOptions},
    syntax::Nsid,
};

const SCHEMA: &str = r##"{"lexicon": 1, "id": "com.example.all", "defs": {
    "main": {"type": "record", "key": "tid", "record": {"type": "object",
        "required": ["text"], "nullable": ["none"], "properties": {
            "text": {"type": "string", "maxLength": 300, "minGraphemes": 1, "maxGraphemes": 20},
            "kind": {"type": "string", "enum": ["b", "a"]},
            "level": {"type": "integer", "enum": [3, 1], "maximum": 3},
            "none": {"type": "string"},
            "flag": {"type": "boolean", "const": true},
            "link": {"type": "cid-link"},
            "bytes": {"type": "bytes", "minLength": 1},
            "blob": {"type": "blob", "accept": ["image/*"], "maxSize": 1000},
            "node": {"type": "ref", "ref": "#node"},
            "any": {"type": "unknown"},
            "list": {"type": "array", "items": {"type": "union", "refs": ["#node"]}},
            "did": {"type": "string", "format": "did"},
            "handle": {"type": "string", "format": "handle"},
            "at": {"type": "string", "format": "at-identifier"},
            "nsid": {"type": "string", "format": "nsid"},
            "uri": {"type": "string", "format": "at-uri"},
            "web": {"type": "string", "format": "uri"},
            "time": {"type": "string", "format": "datetime"},
            "lang": {"type": "string", "format": "language"},
            "cid": {"type": "string", "format": "cid"},
            "tid": {"type": "string", "format": "tid"},
            "rkey": {"type": "string", "format": "record-key"}}}},
    "node": {"type": "object", "properties": {"next": {"type": "ref", "ref": "#node"}}}}}"##;

const RECORD: &str = r#"{"$type": "com.example.all", "text": "Zwölf Boxkämpfer 🦋", "kind": "b",
    "level": 3, "none": null, "flag": true,
    "link": {"$link": "bafyreidfayvfuwqa7qlnopdjiqrxzs6blmoeu4rujcjtnci5beludirz2a"},
    "bytes": {"$bytes": "AAAA"},
    "blob": {"$type": "blob", "mimeType": "image/png", "size": 10,
        "ref": {"$link": "bafkreifstakm6v4s42cm25owu76opjt2cgeh4mjpq7fcvqsjnwa7gzp7oi"}},
    "node": {"next": {"next": {"$type": "com.example.all#node"}}},
    "any": {"list": [1, {"a": "b"}]},
    "list": [{"$type": "com.example.all#node", "next": {}}, {"$type": "com.example.other", "x": 1}],
    "did": "did:plc:ewvi7nxzyoun6zhxrhs64oiz", "handle": "a-name-longer-than-inline.example.com",
    "at": "alice.example.com", "nsid": "com.example.aNameLongerThanWhatIsKeptInline",
    "uri": "at://did:plc:ewvi7nxzyoun6zhxrhs64oiz/app.bsky.feed.post/3jzfcijpj2z2a",
    "web": "https://example.com/path?query#fragment", "time": "1985-04-12T23:20:50.123456+01:00",
    "lang": "sl-rozaj-biske-1994-x-private",
    "cid": "bafkreibm6jg3ux5qumhcn2b3flc3tyu6dmlb4xa7u5bf44yegnrjhc4yeq",
    "tid": "3jzfcijpj2z2a", "rkey": "self", "unexpected": [{"a": [1, 2]}]}"#;

#[test]
fn a_valid_record_allocates_nothing() {
    let strict = Catalog::from_documents([Document::from_json(SCHEMA.as_bytes()).unwrap()]);
    let lenient = strict.clone().options(ValidationOptions::LENIENT);
    let nsid = Nsid::new("com.example.all").unwrap();
    let value = json::decode(RECORD).unwrap();
    let bytes = cbor::encode(&value);
    for catalog in [strict, lenient] {
        // The first look links the documents.
        assert_eq!(catalog.validate_record(&nsid, &value), Ok(()));
        let memory = measure(|| {
            assert_eq!(catalog.validate_record(&nsid, &value), Ok(()));
            let checked = Checked::new(&bytes).unwrap();
            assert_eq!(catalog.validate_record(&nsid, checked), Ok(()));
        });
        assert_eq!(memory.count_total, 0);
    }
}
