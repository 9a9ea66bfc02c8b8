//! What a check finds.

use std::{collections::BTreeMap, fs, path::Path};

use atproto_lexgen::lint::{Lint, Linted, Rule, Severity};

use crate::support::shared;

/// Writes documents into a directory, each in the file that its name asks for.
fn write(folder: &Path, documents: &[(&str, &str)]) {
    for (id, defs) in documents {
        let name = id.rsplit('.').next().unwrap();
        let text = format!("{{\"lexicon\": 1,\n\"id\": \"{id}\",\n\"defs\": {{\n{defs}\n}}}}");
        fs::create_dir_all(folder.join(id)).unwrap();
        fs::write(folder.join(id).join(format!("{name}.json")), text).unwrap();
    }
}

fn lint(documents: &[(&str, &str)]) -> Linted {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), documents);
    Lint::new().lexicons(folder.path()).run().unwrap()
}

/// A record with this property, which is on the fifth line.
fn record(property: &str) -> String {
    format!(
        "\"main\": {{\"type\": \"record\", \"description\": \"A thing.\", \"key\": \"tid\",\n\
         \"record\": {{\"type\": \"object\", \"properties\": {{\"it\": {property}}}}}}}"
    )
}

/// A property of a record, and the rule that it breaks.
const PROPERTIES: &[(&str, Option<Rule>)] = &[
    (r#"{"type": "string"}"#, Some(Rule::UnlimitedString)),
    (r#"{"type": "string", "maxLength": 30}"#, None),
    (r#"{"type": "string", "format": "did"}"#, None),
    (r#"{"type": "string", "const": "a"}"#, None),
    (r#"{"type": "string", "maxGraphemes": 30}"#, Some(Rule::GraphemesWithoutLength)),
    (r#"{"type": "string", "maxGraphemes": 30, "maxLength": 300}"#, None),
    (r#"{"type": "string", "maxGraphemes": 30, "maxLength": 600}"#, None),
    (r#"{"type": "string", "maxGraphemes": 30, "maxLength": 299}"#, Some(Rule::GraphemeRatio)),
    (r#"{"type": "string", "maxGraphemes": 30, "maxLength": 601}"#, Some(Rule::GraphemeRatio)),
    (r#"{"type": "string", "format": "uri", "maxLength": 30}"#, Some(Rule::FormatAndLength)),
    (r#"{"type": "string", "format": "handle"}"#, Some(Rule::HandleInRecord)),
    (r#"{"type": "string", "format": "at-identifier"}"#, Some(Rule::HandleInRecord)),
    (r#"{"type": "string", "maxLength": 20480}"#, None),
    (r#"{"type": "string", "maxLength": 20481}"#, Some(Rule::LargeString)),
    (r#"{"type": "string", "enum": ["a"]}"#, Some(Rule::ClosedEnum)),
    (r#"{"type": "integer", "enum": [1]}"#, Some(Rule::ClosedEnum)),
    (r#"{"type": "bytes"}"#, Some(Rule::UnlimitedBytes)),
    (r#"{"type": "bytes", "maxLength": 20480}"#, None),
    (r#"{"type": "bytes", "maxLength": 20481}"#, Some(Rule::LargeBytes)),
    (r#"{"type": "array", "items": {"type": "integer"}}"#, Some(Rule::UnlimitedArray)),
    (r#"{"type": "array", "maxLength": 3, "items": {"type": "integer"}}"#, None),
    (
        r#"{"type": "array", "maxLength": 3, "items": {"type": "string"}}"#,
        Some(Rule::UnlimitedString),
    ),
    (r#"{"type": "object", "properties": {"in": {"type": "bytes"}}}"#, Some(Rule::UnlimitedBytes)),
    (
        r#"{"type": "object", "properties": {"In": {"type": "integer"}}}"#,
        Some(Rule::FieldNameSyntax),
    ),
    (
        r#"{"type": "object", "properties": {"a_b": {"type": "integer"}}}"#,
        Some(Rule::FieldNameSyntax),
    ),
    (
        r#"{"type": "object", "properties": {"$a": {"type": "integer"}}}"#,
        Some(Rule::FieldNameSyntax),
    ),
    (
        r#"{"type": "object", "nullable": ["a"], "properties": {"a": {"type": "integer"}}}"#,
        Some(Rule::NullableAndOptional),
    ),
    (
        r#"{"type": "object", "nullable": ["a"], "required": ["a"],
            "properties": {"a": {"type": "integer"}}}"#,
        None,
    ),
    (
        r#"{"type": "object", "required": ["a"],
            "properties": {"a": {"type": "integer", "default": 1}}}"#,
        Some(Rule::DefaultOnRequired),
    ),
    (r#"{"type": "boolean", "default": true}"#, Some(Rule::BooleanDefaultTrue)),
    (r#"{"type": "boolean", "default": false}"#, None),
    (r#"{"type": "union", "refs": ["com.example.other"]}"#, None),
    (
        r#"{"type": "union", "refs": ["com.example.other"], "closed": true}"#,
        Some(Rule::ClosedUnion),
    ),
    (r#"{"type": "union", "refs": ["com.example.nowhere"]}"#, Some(Rule::UnresolvedReference)),
    (r#"{"type": "ref", "ref": "com.example.other#token"}"#, Some(Rule::UnresolvedReference)),
    (r#"{"type": "ref", "ref": "com.example.other"}"#, None),
    (r#"{"type": "string", "maxLength": 9, "knownValues": ["com.example.other#token"]}"#, None),
    (
        r#"{"type": "string", "maxLength": 9, "knownValues": ["com.example.other#nothing"]}"#,
        Some(Rule::KnownStringNotToken),
    ),
    (
        r#"{"type": "string", "maxLength": 9, "knownValues": ["com.example.other#text"]}"#,
        Some(Rule::KnownStringNotToken),
    ),
    (
        r##"{"type": "string", "maxLength": 9, "knownValues": ["#token"]}"##,
        Some(Rule::KnownStringLocalRef),
    ),
    (r#"{"type": "string", "maxLength": 9, "knownValues": ["en", "c#"]}"#, None),
];

const OTHER: &str = r#""main": {"type": "object", "properties": {}},
    "token": {"type": "token", "description": "A token."},
    "text": {"type": "string", "maxLength": 9}"#;

#[test]
fn fields_of_records_are_held_against_the_style_guide() {
    for (property, rule) in PROPERTIES {
        let linted =
            lint(&[("com.example.thing", &record(property)), ("com.example.other", OTHER)]);
        let found: Vec<_> = linted.findings.iter().map(|finding| finding.rule).collect();
        assert_eq!(found, rule.iter().copied().collect::<Vec<_>>(), "{property}");
    }
}

/// Main definitions, and the rule that they break.
const DEFINITIONS: &[(&str, &str, Rule)] = &[
    (
        "com.example.thing",
        r#""main": {"type": "query", "output": {"encoding": "*/*"}}"#,
        Rule::MissingPrimaryDescription,
    ),
    (
        "com.example.thing",
        r#""main": {"type": "query", "description": "Yes."}"#,
        Rule::EndpointOutputUndefined,
    ),
    (
        "com.example.thing",
        r#""main": {"type": "procedure", "description": "Yes."}"#,
        Rule::EndpointOutputUndefined,
    ),
    (
        "com.example.thing",
        r#""main": {"type": "subscription", "description": "Yes.",
        "message": {"schema": {"type": "union", "refs": []}}}"#,
        Rule::SubscriptionNoMessages,
    ),
    (
        "com.example.thing",
        r#""main": {"type": "query", "description": "Yes.",
        "output": {"encoding": "*/*"}, "errors": [{"name": "notThere"}]}"#,
        Rule::ErrorNameSyntax,
    ),
    (
        "com.example.thing",
        r#""main": {"type": "token", "description": " "}"#,
        Rule::UndescribedToken,
    ),
    ("com.example.thing", r#""two-words": {"type": "string"}"#, Rule::DefNameSyntax),
    ("com.example.Thing", r#""main": {"type": "string"}"#, Rule::NsidNameSyntax),
    ("com.example.defs", r#""main": {"type": "string"}"#, Rule::DefsMainDefinition),
    (
        "com.example.auth",
        r#""main": {"type": "permission-set", "title": "All", "permissions": []}"#,
        Rule::PermissionsetNoPermissions,
    ),
    (
        "com.example.auth",
        r#""main": {"type": "permission-set", "permissions": [
        {"type": "permission", "resource": "repo", "collection": ["com.example.thing"]}]}"#,
        Rule::PermissionsetNoTitle,
    ),
    (
        "com.example.auth",
        r#""main": {"type": "permission-set", "title": "All", "permissions": [
        {"type": "permission", "resource": "repo", "collection": ["*"]}]}"#,
        Rule::PermissionIgnored,
    ),
];

#[test]
fn definitions_are_held_against_the_style_guide() {
    for (id, defs, rule) in DEFINITIONS {
        let linted = lint(&[(id, defs)]);
        let found: Vec<_> = linted.findings.iter().map(|finding| finding.rule).collect();
        assert_eq!(found, [*rule], "{defs}");
    }
}

#[test]
fn a_definition_is_held_against_records_only_if_records_use_it() {
    let part = r#""part": {"type": "object", "properties": {"it": {"type": "string"}}}"#;
    let within = |main: &str| lint(&[("com.example.thing", &format!("{main},\n{part}"))]).findings;
    let used = within(&record(r##"{"type": "ref", "ref": "#part"}"##));
    assert_eq!(used.len(), 1);
    assert_eq!(used[0].path, ["defs", "part", "properties", "it"]);
    let answered = r##""main": {"type": "query", "description": "Yes.", "output":
        {"encoding": "application/json", "schema": {"type": "ref", "ref": "#part"}}}"##;
    assert_eq!(within(answered), []);
}

#[test]
fn lx_033_names_that_differ_by_case_alone_are_errors() {
    let token = r#""main": {"type": "token", "description": "Yes."}"#;
    let linted = lint(&[("com.example.thing", token), ("com.Example.thing", token)]);
    let [finding] = linted.findings.as_slice() else { panic!("{linted:?}") };
    assert_eq!((finding.rule, finding.line), (Rule::DefinedTwice, Some(2)));
    assert_eq!(linted.count(Severity::Error), 1);
}

#[test]
fn findings_say_where() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &[("com.example.thing", &record(r#"{"type": "string"}"#))]);
    let broken = folder.path().join("broken.json");
    fs::write(&broken, "{\n\"lexicon\": 1,\n\"id\": \"com.example.broken\",\n\"defs\": {}}")
        .unwrap();
    let wrong = folder.path().join("wrong.json");
    fs::write(
        &wrong,
        r#"{"lexicon": 1, "id": "com.example.right", "defs": {"main":
        {"type": "string"}}}"#,
    )
    .unwrap();
    fs::write(folder.path().join("text.json"), "no JSON").unwrap();

    let linted = Lint::new().lexicons(folder.path()).run().unwrap();
    let folder = folder.path().display().to_string();
    let lines: Vec<_> =
        linted.findings.iter().map(|finding| finding.to_string().replace(&folder, "")).collect();
    assert_eq!(linted.documents, 2);
    assert_eq!(
        lines[..2],
        [
            "/broken.json:4: error: defs: there is no definition [lexicon-schema]",
            "/com.example.thing/thing.json:5: warning: defs/main/record/properties/it: \
             there is neither a format nor a maxLength [unlimited-string]",
        ]
    );
    assert!(lines[2].starts_with("/text.json:1: error: "), "{}", lines[2]);
    assert_eq!(
        lines[3],
        "/wrong.json:1: warning: id: com.example.right is expected in a file right.json [file-name]"
    );
    assert_eq!(lines.len(), 4);
}

#[test]
fn references_may_lead_to_documents_that_are_not_checked() {
    let (folder, known) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let property = record(r#"{"type": "ref", "ref": "com.example.other"}"#);
    write(folder.path(), &[("com.example.thing", &property)]);
    write(
        known.path(),
        &[("com.example.other", r#""main": {"type": "string"}, "A": {"type": "token"}"#)],
    );
    let found = |lint: Lint| lint.run().unwrap().findings;
    assert_eq!(found(Lint::new().lexicons(folder.path())).len(), 1);
    assert_eq!(found(Lint::new().lexicons(folder.path()).known(known.path())), []);
}

#[test]
fn a_document_with_the_name_of_a_group_is_found() {
    let token = r#""main": {"type": "token", "description": "Yes."}"#;
    let linted = lint(&[("com.example.feed", token), ("com.example.feed.post", token)]);
    let [finding] = linted.findings.as_slice() else { panic!("{linted:?}") };
    assert_eq!(finding.rule, Rule::NameIsGroup);
    assert_eq!(finding.document.as_deref(), Some("com.example.feed"));
}

#[test]
fn every_rule_has_a_name_of_its_own() {
    let mut names: Vec<_> = Rule::ALL.iter().map(|rule| rule.name()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), Rule::ALL.len());
}

#[test]
fn published_documents_have_no_errors() {
    let Some(shared) = shared() else { return };
    let linted = Lint::new().lexicons(shared.join("lexicons")).run().unwrap();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for finding in &linted.findings {
        assert_eq!(finding.rule.severity(), Severity::Warning, "{finding}");
        assert!(finding.line.is_some(), "{finding}");
        *counts.entry(finding.rule.name()).or_default() += 1;
    }
    assert_eq!(linted.documents, 402);
    assert_eq!((counts["endpoint-output-undefined"], counts["closed-union"]), (48, 2));
    assert!(linted.findings.len() < 402, "{counts:#?}");
}
