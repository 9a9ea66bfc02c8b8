//! References among documents, and documents in records.

use atproto_core::{
    data::json,
    lexicon::{Catalog, Document, SchemaRule},
    syntax::{Nsid, RecordKey},
};

fn thing(defs: &str) -> Document {
    let text = format!(r#"{{"lexicon": 1, "id": "com.example.thing", "defs": {defs}}}"#);
    Document::from_json(text.as_bytes()).unwrap()
}

fn errors(catalog: &Catalog) -> Vec<String> {
    catalog.link().iter().map(ToString::to_string).collect()
}

#[test]
fn lx_017_references_lead_to_types() {
    let text = r##"{
        "main": {"type": "object", "properties": {
            "a": {"type": "ref", "ref": "com.example.nowhere"},
            "b": {"type": "ref", "ref": "com.example.stream"},
            "c": {"type": "ref", "ref": "#main"}
        }}
    }"##;
    let stream =
        br#"{"lexicon": 1, "id": "com.example.stream", "defs": {"main": {"type": "subscription",
        "message": {"schema": {"type": "union", "refs": []}}}}}"#;
    let catalog = Catalog::from_documents([thing(text), Document::from_json(stream).unwrap()]);
    assert_eq!(
        errors(&catalog),
        [
            "com.example.thing refers to com.example.nowhere, which is not defined",
            "com.example.thing refers to com.example.stream, which is no value type",
        ]
    );
}

#[test]
fn lx_018_members_of_unions_are_objects_or_records() {
    let catalog = Catalog::from_documents([thing(
        r##"{
            "main": {"type": "record", "key": "any", "record": {"type": "object", "properties": {
                "a": {"type": "array", "items": {"type": "union", "refs":
                    ["#main", "#object", "#text", "#list", "#token", "#none"]}},
                "b": {"type": "ref", "ref": "#text"},
                "c": {"type": "ref", "ref": "#token"}
            }}},
            "object": {"type": "object", "properties": {}},
            "text": {"type": "string"},
            "list": {"type": "array", "items": {"type": "string"}},
            "token": {"type": "token"}
        }"##,
    )]);
    let refers = "com.example.thing refers to com.example.thing";
    assert_eq!(
        errors(&catalog),
        [
            format!("{refers}#list, which is no object and thus no member of a union"),
            format!("{refers}#none, which is not defined"),
            format!("{refers}#text, which is no object and thus no member of a union"),
            format!("{refers}#token, which is a token"),
        ]
    );
    let error = catalog.require_links().unwrap_err();
    assert_eq!(error.iter().count(), 4);
    assert!(error.to_string().ends_with("member of a union, and 3 more"), "{error}");
    let sound = Catalog::from_documents([thing(r#"{"main": {"type": "token"}}"#)]);
    assert_eq!(sound.require_links(), Ok(()));
}

#[test]
fn lx_035_references_that_go_in_circles_come_to_an_end() {
    let catalog = Catalog::from_documents([thing(
        r##"{
            "main": {"type": "record", "key": "any", "record": {"type": "object", "properties": {
                "next": {"type": "ref", "ref": "#main"}, "pair": {"type": "ref", "ref": "#pair"},
                "list": {"type": "ref", "ref": "#list"}}}},
            "pair": {"type": "object", "properties": {
                "of": {"type": "union", "refs": ["#pair", "com.example.thing"]}}},
            "list": {"type": "array", "items": {"type": "ref", "ref": "#list"}}
        }"##,
    )]);
    assert_eq!(errors(&catalog), [""; 0]);
    let nsid = Nsid::new("com.example.thing").unwrap();
    let verdict = |text: &str| catalog.validate_record(&nsid, &json::decode(text).unwrap());
    let good = r#"{"$type": "com.example.thing", "list": [[], [[]]],
        "pair": {"of": {"$type": "com.example.thing#pair", "of": {"$type": "com.example.thing"}}}}"#;
    assert_eq!(verdict(good), Ok(()));
    let bad = r#"{"$type": "com.example.thing", "list": [[], [[1]]]}"#;
    assert_eq!(verdict(bad).unwrap_err().path, "list/1/0/0");
}

#[test]
fn lx_030_a_document_is_published_under_its_name() {
    let record = |kind: &str, id: &str| {
        let text = format!(
            r#"{{"$type": "{kind}", "lexicon": 1, "id": "{id}", "defs": {{"main": {{"type": "token"}}}}}}"#
        );
        let rkey = RecordKey::new("com.example.thing").unwrap();
        Document::from_record(&rkey, &json::decode(&text).unwrap())
    };
    let kind = "com.atproto.lexicon.schema";
    let document = record(kind, "com.example.thing").unwrap();
    assert_eq!(document.id.as_str(), "com.example.thing");
    assert_eq!(document.source().get("$type").and_then(|json| json.as_str()), Some(kind));

    let error = record("com.example.other", "com.example.thing").unwrap_err();
    assert!(matches!(error.rule(), SchemaRule::NotSchemaRecord), "{error}");
    let error = record(kind, "com.example.other").unwrap_err();
    assert_eq!(
        error.to_string(),
        "com.example.other: document: published under the record key `com.example.thing`"
    );
    for id in ["com.example.thing#main", "thing"] {
        let error = record(kind, id).unwrap_err();
        assert!(matches!(error.rule(), SchemaRule::Syntax(_)), "{error}");
    }
}
