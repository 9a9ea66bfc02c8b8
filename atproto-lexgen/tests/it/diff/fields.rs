//! Changes of one field.

use super::*;

/// One property `it` of an object, before and after: the rule of the change, the rule of
/// the change back, and the effect of the first.
const PROPERTIES: &[(&str, &str, Rule, Effect)] = &[
    (r#"{"type": "string"}"#, r#"{"type": "integer"}"#, Rule::Type, Both),
    (r#"{"type": "boolean"}"#, r#"{"type": "bytes"}"#, Rule::Type, Both),
    (r#"{"type": "cid-link"}"#, r#"{"type": "string", "format": "cid"}"#, Rule::Type, Both),
    (r#"{"type": "unknown"}"#, r#"{"type": "object", "properties": {}}"#, Rule::Type, Narrows),
    (r#"{"type": "unknown"}"#, r#"{"type": "blob"}"#, Rule::Type, Both),
    (r#"{"type": "boolean"}"#, r#"{"type": "boolean", "const": true}"#, Rule::Values, Narrows),
    (
        r#"{"type": "boolean", "const": true}"#,
        r#"{"type": "boolean", "const": false}"#,
        Rule::Values,
        Both,
    ),
    (r#"{"type": "boolean"}"#, r#"{"type": "boolean", "default": true}"#, Rule::Default, Nothing),
    (r#"{"type": "integer"}"#, r#"{"type": "integer", "minimum": 0}"#, Rule::Range, Narrows),
    (r#"{"type": "integer"}"#, r#"{"type": "integer", "maximum": 0}"#, Rule::Range, Narrows),
    (
        r#"{"type": "integer", "minimum": 1}"#,
        r#"{"type": "integer", "minimum": 2}"#,
        Rule::Range,
        Narrows,
    ),
    (
        r#"{"type": "integer", "maximum": 1}"#,
        r#"{"type": "integer", "maximum": 2}"#,
        Rule::Range,
        Widens,
    ),
    (r#"{"type": "integer"}"#, r#"{"type": "integer", "const": 1}"#, Rule::Values, Narrows),
    (r#"{"type": "integer"}"#, r#"{"type": "integer", "default": 1}"#, Rule::Default, Nothing),
    (
        r#"{"type": "integer", "enum": [1]}"#,
        r#"{"type": "integer", "enum": [2, 1]}"#,
        Rule::Values,
        Widens,
    ),
    (
        r#"{"type": "string", "enum": ["a"]}"#,
        r#"{"type": "string", "enum": ["b"]}"#,
        Rule::Values,
        Both,
    ),
    (
        r#"{"type": "string", "enum": ["a", "b"]}"#,
        r#"{"type": "string", "const": "a"}"#,
        Rule::Values,
        Narrows,
    ),
    (r#"{"type": "string", "const": "a"}"#, r#"{"type": "string"}"#, Rule::Values, Widens),
    (r#"{"type": "string"}"#, r#"{"type": "string", "default": "a"}"#, Rule::Default, Nothing),
    (
        r#"{"type": "string", "knownValues": ["a"]}"#,
        r#"{"type": "string", "knownValues": ["a", "b"]}"#,
        Rule::KnownValues,
        Nothing,
    ),
    (r#"{"type": "string"}"#, r#"{"type": "string", "format": "did"}"#, Rule::Format, Narrows),
    (
        r#"{"type": "string", "format": "did"}"#,
        r#"{"type": "string", "format": "at-identifier"}"#,
        Rule::Format,
        Widens,
    ),
    (
        r#"{"type": "string", "format": "tid"}"#,
        r#"{"type": "string", "format": "record-key"}"#,
        Rule::Format,
        Widens,
    ),
    (
        r#"{"type": "string", "format": "uri"}"#,
        r#"{"type": "string", "format": "at-uri"}"#,
        Rule::Format,
        Narrows,
    ),
    (
        r#"{"type": "string", "format": "did"}"#,
        r#"{"type": "string", "format": "handle"}"#,
        Rule::Format,
        Both,
    ),
    (r#"{"type": "string"}"#, r#"{"type": "string", "maxLength": 9}"#, Rule::Length, Narrows),
    (r#"{"type": "string"}"#, r#"{"type": "string", "minLength": 9}"#, Rule::Length, Narrows),
    (
        r#"{"type": "string", "maxGraphemes": 3}"#,
        r#"{"type": "string", "maxGraphemes": 2}"#,
        Rule::Graphemes,
        Narrows,
    ),
    (
        r#"{"type": "string", "minGraphemes": 3}"#,
        r#"{"type": "string", "minGraphemes": 2}"#,
        Rule::Graphemes,
        Widens,
    ),
    (r#"{"type": "bytes"}"#, r#"{"type": "bytes", "maxLength": 9}"#, Rule::Length, Narrows),
    (r#"{"type": "bytes"}"#, r#"{"type": "bytes", "minLength": 9}"#, Rule::Length, Narrows),
    (r#"{"type": "blob"}"#, r#"{"type": "blob", "maxSize": 9}"#, Rule::BlobSize, Narrows),
    (
        r#"{"type": "blob", "accept": ["image/png"]}"#,
        r#"{"type": "blob", "accept": ["image/*"]}"#,
        Rule::BlobTypes,
        Widens,
    ),
    (r#"{"type": "blob"}"#, r#"{"type": "blob", "accept": ["image/*"]}"#, Rule::BlobTypes, Narrows),
    (
        r#"{"type": "blob", "accept": ["image/png"]}"#,
        r#"{"type": "blob", "accept": ["video/mp4"]}"#,
        Rule::BlobTypes,
        Both,
    ),
    (
        r#"{"type": "array", "items": {"type": "string"}}"#,
        r#"{"type": "array", "items": {"type": "string"}, "maxLength": 9}"#,
        Rule::Length,
        Narrows,
    ),
    (
        r#"{"type": "array", "items": {"type": "string"}, "minLength": 2}"#,
        r#"{"type": "array", "items": {"type": "string"}, "minLength": 1}"#,
        Rule::Length,
        Widens,
    ),
    (
        r#"{"type": "array", "items": {"type": "string"}}"#,
        r#"{"type": "array", "items": {"type": "integer"}}"#,
        Rule::Type,
        Both,
    ),
    (
        r##"{"type": "union", "refs": ["#a"]}"##,
        r##"{"type": "union", "refs": ["#a", "#alike"]}"##,
        Rule::UnionMembers,
        Nothing,
    ),
    (
        r##"{"type": "union", "refs": ["#a"], "closed": true}"##,
        r##"{"type": "union", "refs": ["#a", "#alike"], "closed": true}"##,
        Rule::UnionMembers,
        Widens,
    ),
    (
        r##"{"type": "union", "refs": ["#a"]}"##,
        r##"{"type": "union", "refs": ["#a"], "closed": true}"##,
        Rule::UnionClosed,
        Narrows,
    ),
    (
        r##"{"type": "ref", "ref": "#a"}"##,
        r##"{"type": "ref", "ref": "#stricter"}"##,
        Rule::Range,
        Narrows,
    ),
    (
        r##"{"type": "ref", "ref": "#stricter"}"##,
        r#"{"type": "object", "properties": {"x": {"type": "integer"}}}"#,
        Rule::Range,
        Widens,
    ),
    (r##"{"type": "ref", "ref": "#a"}"##, r##"{"type": "ref", "ref": "#word"}"##, Rule::Type, Both),
    (
        r##"{"type": "ref", "ref": "#a"}"##,
        r#"{"type": "ref", "ref": "com.example.elsewhere"}"#,
        Rule::Type,
        Both,
    ),
];

#[test]
fn lx_029_a_change_of_a_field_breaks_those_whose_values_it_rules_out() {
    for way in WAYS {
        for (old, new, rule, effect) in PROPERTIES {
            let main = |schema: &str| {
                (way.document)(&format!(
                    r#"{{"type": "object", "properties": {{"it": {schema}}}}}"#
                ))
            };
            let (old, new) = (main(old), main(new));
            let expected = |effect| vec![(*rule, way.parties(effect).to_vec())];
            assert_eq!(found(&old, &new), expected(*effect), "{}: {old} → {new}", way.name);
            let back = expected(effect.reversed());
            assert_eq!(found(&new, &old), back, "{}: {new} → {old}", way.name);
            assert_eq!(found(&old, &old), [], "{old}");
        }
    }
}
