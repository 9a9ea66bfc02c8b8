//! Permission sets.

use atproto_core::lexicon::{Definition, Document, Permission, PermissionSet, SchemaError};

fn set(fields: &str) -> Result<PermissionSet, SchemaError> {
    let text = format!(
        r#"{{"lexicon": 1, "id": "com.example.authAll", "defs":
            {{"main": {{"type": "permission-set", {fields}}}}}}}"#
    );
    let document = Document::from_json(text.as_bytes())?;
    match document.main() {
        Some(Definition::PermissionSet(set)) => Ok(set.clone()),
        other => panic!("not a permission set: {other:?}"),
    }
}

fn permission(fields: &str) -> Permission {
    let text = format!(r#""permissions": [{{"type": "permission", {fields}}}]"#);
    set(&text).unwrap().permissions[0].clone()
}

#[test]
fn lx_031_a_permission_that_is_not_understood_is_ignored_whole() {
    for fields in [
        r#""resource": "identity", "attr": "*""#,
        r#""resource": "repo", "collection": ["com.example.a"], "x": 1"#,
        r#""resource": "repo", "collection": ["com.example.a"], "action": ["create", "read"]"#,
        r#""resource": "rpc", "lxm": ["com.example.a"], "aud": 1"#,
        r#""resource": "rpc", "lxm": "com.example.a", "aud": "*""#,
    ] {
        assert!(matches!(permission(fields), Permission::Ignored(_)), "{fields}");
    }
    // What is not a permission at all is an error of the document.
    for bad in [r#"[{"type": "permission"}]"#, r#"[{"resource": "repo"}]"#, "[1]", "{}"] {
        assert!(set(&format!(r#""permissions": {bad}"#)).is_err(), "{bad}");
    }
}

#[test]
fn lx_032_permissions_name_collections_and_methods() {
    let repo = permission(
        r#""resource": "repo", "collection": ["com.example.a"], "action": ["create", "delete"]"#,
    );
    assert!(matches!(repo, Permission::Repo { action, .. } if action == ["create", "delete"]));
    let rpc = permission(r#""resource": "rpc", "lxm": ["com.example.a"], "aud": "*""#);
    assert!(matches!(rpc, Permission::Rpc { inherit_aud: false, .. }));
    let rpc = permission(r#""resource": "rpc", "lxm": ["com.example.a"], "inheritAud": true"#);
    assert!(matches!(rpc, Permission::Rpc { aud: None, .. }));
    for fields in [
        r#""resource": "repo", "collection": []"#,
        r#""resource": "repo", "collection": ["*"]"#,
        r#""resource": "rpc", "lxm": [], "aud": "*""#,
        r#""resource": "rpc", "lxm": ["*"], "inheritAud": true"#,
        r#""resource": "rpc", "lxm": ["com.example.a"]"#,
        r#""resource": "rpc", "lxm": ["com.example.a"], "aud": "did:web:a.example""#,
        r#""resource": "rpc", "lxm": ["com.example.a"], "aud": "*", "inheritAud": true"#,
    ] {
        assert!(matches!(permission(fields), Permission::Ignored(_)), "{fields}");
    }
}

#[test]
fn what_people_are_shown_comes_in_their_language() {
    let found = set(r#""title": "All", "title:lang": {"de": "Alles", "pt-BR": "Tudo"},
            "detail:lang": {"de": "Wirklich"}, "permissions": []"#)
    .unwrap();
    assert_eq!(found.title.as_deref(), Some("All"));
    let titles: Vec<_> = found.titles.iter().map(|(tag, text)| (tag.as_str(), &**text)).collect();
    assert_eq!(titles, [("de", "Alles"), ("pt-BR", "Tudo")]);
    assert_eq!(found.details.len(), 1);
    for bad in [r#"{"not a language": "x"}"#, r#"{"de": 1}"#, "[]"] {
        assert!(set(&format!(r#""title:lang": {bad}, "permissions": []"#)).is_err(), "{bad}");
    }
}
