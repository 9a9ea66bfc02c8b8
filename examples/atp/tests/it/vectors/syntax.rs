//! One value a line, `#` begins a comment; a file is one run of `atp syntax`.

use std::{collections::BTreeMap, fs, path::Path};

use crate::support::{atp_with, shared};

/// Where the collections disagree with each other or with the specification. `docs/policies.md`
/// says what was decided.
const DISAGREEMENTS: &[(&str, &str)] = &[
    ("interop/syntax/language_syntax_invalid", "JA"),
    ("interop/syntax/language_syntax_invalid", "jaja"),
];

/// Files of values that are well-formed and only not strict, or that are CIDs, though none of
/// the protocol: all of them turn out otherwise than the file's name says.
const REVERSED: &[&str] = &["language_parse_invalid", "cid_syntax_valid"];

#[test]
fn syntax_vectors() {
    let Some(shared) = shared() else { return };
    let mut values = BTreeMap::new();
    for folder in [
        "interop/syntax",
        "interop/from-atproto/interop-test-files/syntax",
        "interop/from-indigo/atproto/syntax/testdata",
    ] {
        for entry in fs::read_dir(shared.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap();
            let count = check_file(&path, folder, name);
            *values.entry(kind(name)).or_insert(0) += count;
        }
    }
    let expected = [
        ("at-identifier", 33),
        ("at-uri", 95),
        ("cid", 18),
        ("datetime", 172),
        ("did", 42),
        ("handle", 119),
        ("language", 55),
        ("nsid", 52),
        ("record-key", 27),
        ("tid", 26),
        ("uri", 21),
    ];
    assert_eq!(values, BTreeMap::from(expected));
}

/// Runs the values of a file, and compares each verdict. Says how many there are.
fn check_file(path: &Path, folder: &str, name: &str) -> usize {
    let text = fs::read_to_string(path).unwrap();
    let values: Vec<_> =
        text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    let run = atp_with(&["--json", "syntax", kind(name)], (values.join("\n") + "\n").as_bytes());
    let verdicts = run.json();
    assert_eq!(verdicts.len(), values.len(), "{folder}/{name}");
    for (value, verdict) in values.iter().zip(&verdicts) {
        assert_eq!(verdict["value"], *value);
        let disputed = DISAGREEMENTS.contains(&(&format!("{folder}/{name}"), value));
        let says = name.ends_with("_valid") != REVERSED.contains(&name);
        assert_eq!(verdict["valid"], says != disputed, "{folder}/{name}: {verdict}");
    }
    let all_valid = verdicts.iter().all(|verdict| verdict["valid"] == true);
    assert_eq!(run.code == 0, all_valid, "{folder}/{name}");
    values.len()
}

/// The type of which the file has values.
fn kind(name: &str) -> &'static str {
    match name.split('_').next().unwrap_or_default() {
        "atidentifier" => "at-identifier",
        "aturi" => "at-uri",
        "cid" => "cid",
        "datetime" => "datetime",
        "did" => "did",
        "handle" => "handle",
        "language" => "language",
        "nsid" => "nsid",
        "recordkey" => "record-key",
        "tid" => "tid",
        "uri" => "uri",
        other => panic!("no type for {other}"),
    }
}
