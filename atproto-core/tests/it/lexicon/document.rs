//! Which documents are lexicons.

use atproto_core::lexicon::{Catalog, Definition, Document, Permission, Schema, SchemaRule};
use atproto_core::syntax::RecordKey;

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
    assert_eq!(error.to_string(), format!("com.example.thing: {message}"));
}

#[test]
fn lx_001_version_id_and_a_definition_are_needed() {
    let bad = |text: &str| Document::from_json(text.as_bytes()).unwrap_err().to_string();
    assert_eq!(
        bad(r#"{"lexicon": 2, "id": "com.example.a", "defs": {}}"#),
        "com.example.a: lexicon: language version 2 is not 1"
    );
    assert_eq!(bad(r#"{"lexicon": 1, "defs": {}}"#), "document: `id` is missing");
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
        parse(r#"{"main": {"type": "subscription", "message": {"schema": {"type": "object"}}}}"#),
        "defs/main/message/schema: a object cannot stand here",
    );
}

#[test]
fn lx_007_parameters_are_simple() {
    for kind in [r#""object""#, r#""unknown""#, r#""array", "items": {"type": "bytes"}"#] {
        let text = format!(
            r#"{{"main": {{"type": "query", "parameters":
                {{"type": "params", "properties": {{"x": {{"type": {kind}}}}}}}}}}}"#
        );
        assert_eq!(parse(&text).unwrap_err().path(), "defs/main/parameters/properties/x");
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
fn lx_031_a_permission_that_is_not_understood_is_ignored_whole() {
    let set = |permission: &str| {
        let text =
            format!(r#"{{"main": {{"type": "permission-set", "permissions": [{permission}]}}}}"#);
        match parse(&text).unwrap().main() {
            Some(Definition::PermissionSet(set)) => set.permissions[0].clone(),
            other => panic!("not a permission set: {other:?}"),
        }
    };
    let ignored = [
        r#"{"type": "permission", "resource": "identity", "attr": "*"}"#,
        r#"{"type": "permission", "resource": "repo", "collection": ["com.example.a"], "x": 1}"#,
    ];
    for permission in ignored {
        assert!(matches!(set(permission), Permission::Ignored(_)), "{permission}");
    }
}

#[test]
fn lx_032_permissions_name_collections_and_methods() {
    let set = |permission: &str| {
        let text =
            format!(r#"{{"main": {{"type": "permission-set", "permissions": [{permission}]}}}}"#);
        match parse(&text).unwrap().main() {
            Some(Definition::PermissionSet(set)) => set.permissions[0].clone(),
            other => panic!("not a permission set: {other:?}"),
        }
    };
    let repo =
        set(r#"{"type": "permission", "resource": "repo", "collection": ["com.example.a"]}"#);
    assert!(matches!(repo, Permission::Repo { .. }));
    let rpc =
        set(r#"{"type": "permission", "resource": "rpc", "lxm": ["com.example.a"], "aud": "*"}"#);
    assert!(matches!(rpc, Permission::Rpc { inherit_aud: false, .. }));
    for permission in [
        r#"{"type": "permission", "resource": "repo", "collection": []}"#,
        r#"{"type": "permission", "resource": "repo", "collection": ["*"]}"#,
        r#"{"type": "permission", "resource": "rpc", "lxm": ["*"], "inheritAud": true}"#,
        r#"{"type": "permission", "resource": "rpc", "lxm": ["com.example.a"]}"#,
    ] {
        assert!(matches!(set(permission), Permission::Ignored(_)), "{permission}");
    }
}

#[test]
fn lx_035_deep_documents_are_refused_without_overflow() {
    let depth = 3000;
    let nested = r#"{"type": "array", "items": "#.repeat(depth);
    let text = format!("{nested}{{\"type\": \"string\"}}{}", "}".repeat(depth));
    assert!(matches!(property(&text).unwrap_err().rule(), SchemaRule::Json(_)));
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
fn linking_lists_what_is_missing_or_cannot_be_referred_to() {
    let text = r##"{
        "main": {"type": "object", "properties": {
            "a": {"type": "ref", "ref": "com.example.nowhere"},
            "b": {"type": "ref", "ref": "com.example.stream"},
            "c": {"type": "ref", "ref": "#main"}
        }}
    }"##;
    let stream = br#"{"lexicon": 1, "id": "com.example.stream", "defs": {"main": {"type": "subscription"}}}"#;
    let catalog =
        Catalog::from_documents([parse(text).unwrap(), Document::from_json(stream).unwrap()]);
    let errors: Vec<String> = catalog.link().iter().map(ToString::to_string).collect();
    assert_eq!(
        errors,
        [
            "com.example.thing refers to com.example.nowhere, which is not defined",
            "com.example.thing refers to com.example.stream, which is no value type",
        ]
    );
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
