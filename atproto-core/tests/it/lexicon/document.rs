//! Which documents are lexicons.

use atproto_core::{
    data::limits::MAX_KEY,
    lexicon::{
        Definition, Document, Schema, SchemaRule,
        limits::{
            MAX_DEFINITIONS, MAX_DEPTH, MAX_DOCUMENT, MAX_LIST, MAX_MEMBERS, MAX_PROPERTIES,
            MAX_TEXT,
        },
    },
    syntax::RecordKey,
};

fn parse(defs: &str) -> Result<Document, atproto_core::lexicon::SchemaError> {
    let text = format!(r#"{{"lexicon": 1, "id": "com.example.thing", "defs": {defs}}}"#);
    Document::from_json(text.as_bytes())
}

fn property(schema: &str) -> Result<Document, atproto_core::lexicon::SchemaError> {
    parse(&format!(r#"{{"main": {{"type": "object", "properties": {{"x": {schema}}}}}}}"#))
}

#[track_caller]
fn rejects(document: Result<Document, atproto_core::lexicon::SchemaError>, message: &str) {
    let error = document.expect_err("the document breaks a rule");
    assert_eq!(error.document(), Some("com.example.thing"));
    assert_eq!(format!("{}: {}", error.path(), error.rule()), message);
}

#[test]
fn lx_001_version_id_and_a_definition_are_needed() {
    let bad = |text: &str| Document::from_json(text.as_bytes()).unwrap_err().to_string();
    assert_eq!(
        bad(r#"{"lexicon": 2, "id": "com.example.a", "defs": {}}"#),
        "com.example.a: lexicon: language version 2 is not 1 (line 1, column 13)"
    );
    assert_eq!(
        bad(r#"{"lexicon": 1, "defs": {}}"#),
        "document: `id` is missing (line 1, column 1)"
    );
    assert!(bad(r#"{"lexicon": 1, "id": "nonsense", "defs": {}}"#).starts_with("nonsense: id: "));
    rejects(parse("{}"), "defs: there is no definition");
}

#[test]
fn lx_002_primary_types_are_named_main() {
    rejects(parse(r#"{"other": {"type": "query"}}"#), "defs/other: a query must be named `main`");
}

#[test]
fn lx_003_some_types_cannot_be_named() {
    for kind in [r#""unknown""#, r##""ref", "ref": "#a""##, r#""union", "refs": []"#] {
        let error = parse(&format!(r#"{{"a": {{"type": {kind}}}}}"#)).unwrap_err();
        assert!(matches!(error.rule(), SchemaRule::NotHere(_)), "{error}");
    }
}

#[test]
fn lx_006_messages_are_a_union() {
    rejects(
        parse(r#"{"main": {"type": "subscription", "message": {"schema": {"type": "unknown"}}}}"#),
        "defs/main/message/schema: a unknown cannot stand here",
    );
    rejects(parse(r#"{"main": {"type": "subscription"}}"#), "defs/main: `message` is missing");
}

#[test]
fn lx_007_parameters_are_simple() {
    let object = r#""object", "properties": {}"#;
    for kind in [object, r#""unknown""#, r#""array", "items": {"type": "bytes"}"#] {
        let text = format!(
            r#"{{"main": {{"type": "query", "parameters":
                {{"type": "params", "properties": {{"x": {{"type": {kind}}}}}}}}}}}"#
        );
        assert_eq!(parse(&text).unwrap_err().path(), "defs/main/parameters/properties/x");
    }
}

#[test]
fn lx_007_parameters_have_no_null() {
    let text = r#"{"main": {"type": "query", "parameters": {"type": "params",
        "nullable": ["x"], "properties": {"x": {"type": "string"}}}}}"#;
    match parse(text).unwrap().main() {
        Some(Definition::Query(query)) => {
            assert!(!query.parameters.as_ref().unwrap().properties[0].nullable);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn lx_008_what_is_fixed_or_listed_is_within_the_bounds() {
    for (schema, fault) in [
        (r#"{"type": "integer", "maximum": 3, "const": 4}"#, "the constant is not"),
        (r#"{"type": "integer", "enum": [1, 2], "const": 3}"#, "the constant is not"),
        (r#"{"type": "integer", "minimum": 3, "enum": [3, 2]}"#, "a value listed is not"),
        (r#"{"type": "integer", "minimum": 3, "default": 2}"#, "the default is not"),
        (r#"{"type": "string", "maxLength": 1, "const": "ab"}"#, "the constant is not"),
        (r#"{"type": "string", "format": "did", "enum": ["a"]}"#, "a value listed is not"),
        (r#"{"type": "string", "enum": ["a"], "default": "b"}"#, "the default is not"),
        (r#"{"type": "string", "maxGraphemes": 1, "default": "ab"}"#, "the default is not"),
    ] {
        let message = format!("defs/main/properties/x: {fault} among the values admitted");
        rejects(property(schema), &message);
    }
    assert!(property(r#"{"type": "integer", "enum": [2, 1], "default": 1}"#).is_ok());
    assert!(property(r#"{"type": "string", "enum": ["b", "a"], "const": "a"}"#).is_ok());
    let range = property(r#"{"type": "bytes", "minLength": 2, "maxLength": 1}"#);
    rejects(range, "defs/main/properties/x: the minimum is greater than the maximum");
}

#[test]
fn bodies_have_one_media_type_and_errors_a_name() {
    let output = |body: &str| parse(&format!(r#"{{"main": {{"type": "query", {body}}}}}"#));
    for encoding in ["application/json", "*/*", "text/*"] {
        assert!(output(&format!(r#""output": {{"encoding": "{encoding}"}}"#)).is_ok());
    }
    for encoding in ["", "a/b; c=d", "a/b,c/d", "a /b"] {
        rejects(
            output(&format!(r#""output": {{"encoding": "{encoding}"}}"#)),
            &format!("defs/main/output/encoding: `{encoding}` is no single media type"),
        );
    }
    assert!(output(r#""errors": [{"name": "NotFound"}]"#).is_ok());
    for name in ["", "Not Found"] {
        rejects(
            output(&format!(r#""errors": [{{"name": "A"}}, {{"name": "{name}"}}]"#)),
            &format!("defs/main/errors/1/name: `{name}` cannot name an error"),
        );
    }
}

#[test]
fn lx_011_const_and_default_exclude_each_other() {
    rejects(
        property(r#"{"type": "integer", "const": 1, "default": 1}"#),
        "defs/main/properties/x: `const` and `default` exclude each other",
    );
}

#[test]
fn lx_017_references_are_absolute_or_local() {
    for bad in ["", "#", "nonsense", "com.example.a#", "com.example.a#b c"] {
        let text = format!(r#"{{"type": "ref", "ref": "{bad}"}}"#);
        let error = property(&text).unwrap_err();
        assert!(matches!(error.rule(), SchemaRule::Reference(text) if text == bad), "{error}");
    }
    let document = property(r##"{"type": "ref", "ref": "#other"}"##).unwrap();
    assert_eq!(document.references()[0].1.to_string(), "com.example.thing#other");
}

#[test]
fn lx_020_an_empty_closed_union_is_invalid() {
    rejects(
        property(r#"{"type": "union", "refs": [], "closed": true}"#),
        "defs/main/properties/x: a closed union without types admits nothing",
    );
    assert!(property(r#"{"type": "union", "refs": []}"#).is_ok());
}

#[test]
fn lx_035_deep_documents_are_refused_without_overflow() {
    let depth = 3000;
    let nested = r#"{"type": "array", "items": "#.repeat(depth);
    let text = format!("{nested}{{\"type\": \"string\"}}{}", "}".repeat(depth));
    assert!(matches!(property(&text).unwrap_err().rule(), SchemaRule::Json(_)));
}

#[test]
fn lx_035_endless_documents_are_refused() {
    let fields = |count: usize| {
        let fields = (0..count).map(|n| format!(r#""p{n}": {{"type": "cid-link"}}"#));
        fields.collect::<Vec<_>>().join(", ")
    };
    let list = |count: usize, item: &str| vec![item; count].join(", ");
    let object = |properties: String| {
        parse(&format!(r#"{{"main": {{"type": "object", "properties": {{{properties}}}}}}}"#))
    };
    let union = |count| {
        property(&format!(r##"{{"type": "union", "refs": [{}]}}"##, list(count, r##""#a""##)))
    };
    let values =
        |count| property(&format!(r#"{{"type": "integer", "enum": [{}]}}"#, list(count, "1")));
    let text = |len| property(&format!(r#"{{"type": "string", "const": "{}"}}"#, "a".repeat(len)));
    let name = |len| object(format!(r#""{}": {{"type": "blob"}}"#, "a".repeat(len)));
    let deep = |depth: usize| {
        // The object, its properties and the document around them are four.
        let (open, close) = (r#"{"type": "array", "items": "#, "}");
        let depth = depth - 5;
        property(&format!("{}{{\"type\": \"blob\"}}{}", open.repeat(depth), close.repeat(depth)))
    };
    let long = |len: usize| {
        let text =
            r#"{"lexicon": 1, "id": "com.example.thing", "defs": {"main": {"type": "token"}}}"#;
        Document::from_json((text.to_owned() + &" ".repeat(len - text.len())).as_bytes())
    };
    for (rule, within, beyond) in [
        (
            "definitions",
            parse(&format!("{{{}}}", fields(MAX_DEFINITIONS))),
            parse(&format!("{{{}}}", fields(MAX_DEFINITIONS + 1))),
        ),
        ("properties", object(fields(MAX_PROPERTIES)), object(fields(MAX_PROPERTIES + 1))),
        ("members", union(MAX_MEMBERS), union(MAX_MEMBERS + 1)),
        ("list", values(MAX_LIST), values(MAX_LIST + 1)),
        ("text", text(MAX_TEXT), text(MAX_TEXT + 1)),
        ("name", name(MAX_KEY), name(MAX_KEY + 1)),
        ("depth", deep(MAX_DEPTH), deep(MAX_DEPTH + 1)),
        ("document", long(MAX_DOCUMENT), long(MAX_DOCUMENT + 1)),
    ] {
        assert!(within.is_ok(), "{rule}: {:?}", within.err());
        let error = beyond.expect_err(rule);
        assert!(
            matches!(
                error.rule(),
                SchemaRule::TooMany { .. }
                    | SchemaRule::TooLong { .. }
                    | SchemaRule::TooDeep { .. }
            ),
            "{rule}: {error}"
        );
    }
}

#[test]
fn an_error_says_the_line_and_the_column() {
    let text = br#"{
  "lexicon": 1,
  "id": "com.example.thing", "\u0064efs": {
    "main": {"type": "procedure", "errors": [
      {"name": "A", "x": [{}, "}]\\\"", [1, 2.5e3]]},
      {"name": "not one"}
    ]}
  }
}"#;
    let error = Document::from_json(text).unwrap_err();
    assert_eq!(
        error.to_string(),
        "com.example.thing: defs/main/errors/1/name: `not one` cannot name an error \
         (line 6, column 16)"
    );
    // What is missing is missing from the place of what should have it.
    let error = Document::from_json(b"\n {\"lexicon\": 1,\n\"id\": \"a.b.c\"}").unwrap_err();
    assert_eq!(error.place().map(|place| (place.line, place.column)), Some((2, 2)));
    let error = Document::from_json(b"{\n\"a\": ,}").unwrap_err();
    assert_eq!(error.place().map(|place| (place.line, place.column)), Some((2, 6)));
}

#[test]
fn duplicate_keys_are_refused() {
    let error = property(r#"{"type": "string", "type": "integer"}"#).unwrap_err();
    assert!(error.to_string().contains("duplicate key `type`"), "{error}");
}

#[test]
fn unknown_fields_are_kept() {
    let document =
        property(r#"{"type": "string", "description": "for people", "new": 1}"#).unwrap();
    assert!(matches!(
        document.main().and_then(Definition::as_object).map(|object| &object.properties[0].schema),
        Some(Schema::String(_))
    ));
    let compact = document.to_compact_json();
    assert!(compact.contains(r#"{"type":"string","new":1}"#), "{compact}");
    assert!(document.source().to_string().contains("for people"));
    assert_eq!(Document::from_json(compact.as_bytes()).unwrap().to_compact_json(), compact);
}

#[test]
fn a_property_called_description_is_no_text() {
    let text = r#"{"main": {"type": "object", "properties": {"description": {"type": "string"}}}}"#;
    let compact = parse(text).unwrap().to_compact_json();
    assert!(compact.contains(r#""description":{"type":"string"}"#), "{compact}");
}

#[test]
fn rk_005_a_collection_admits_the_keys_of_its_kind() {
    let rule = |key: &str| {
        let record = r#""record": {"type": "object", "properties": {}}"#;
        let text = format!(r#"{{"main": {{"type": "record", "key": "{key}", {record}}}}}"#);
        match parse(&text).unwrap().main() {
            Some(Definition::Record(record)) => record.key.clone(),
            other => panic!("{other:?}"),
        }
    };
    let keys =
        ["3jzfcijpj2z2a", "3jzfcijpj2z2", "zzzzzzzzzzzzz", "com.example.thing", "self", "Self"];
    for (kind, admitted) in [
        ("tid", &keys[..1]),
        ("nsid", &keys[3..4]),
        ("literal:self", &keys[4..5]),
        ("any", &keys[..]),
    ] {
        let rule = rule(kind);
        assert_eq!(rule.to_string(), kind);
        let found: Vec<_> =
            keys.into_iter().filter(|key| rule.admits(&RecordKey::new(key).unwrap())).collect();
        assert_eq!(found, admitted, "{kind}");
    }
}
