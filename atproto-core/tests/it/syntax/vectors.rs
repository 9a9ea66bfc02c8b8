//! The interoperability vectors: one value a line, `#` begins a comment.
//!
//! Three suites hold them, which disagree in places. The documentation of
//! `atproto_core::syntax` says where, and [`EXCEPTIONS`] is the same table: all other lines
//! of all suites have to get what their file is named after.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use atproto_core::syntax::{
    AtIdentifier, AtUri, Cid, Datetime, Did, Handle, Language, Nsid, RecordKey, Tid, Uri,
};
use serde_json::Value;

use crate::support::shared;

/// The suites: the published one, that of the reference implementation, and that of its
/// counterpart in Go.
const SUITES: [&str; 3] = [
    "interop/syntax",
    "interop/from-atproto/interop-test-files/syntax",
    "interop/from-indigo/atproto/syntax/testdata",
];

/// Texts that two suites sort differently, or that get something else here than a suite
/// asks for, and what they get. All CIDs of the vectors join them, see [`cids`].
const EXCEPTIONS: [(&str, &str, Class); 3] = [
    ("datetime", "0000-01-01T00:00:00+01:00", Class::Malformed),
    ("language", "JA", Class::WellFormed),
    ("language", "jaja", Class::WellFormed),
];

/// What a file is named after, and what a parser makes of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    /// `…_syntax_valid`
    Valid,
    /// `…_parse_invalid`: has the shape and cannot be meant.
    WellFormed,
    /// `…_syntax_invalid`
    Malformed,
}

#[test]
fn every_line_of_every_suite_but_the_exceptions() {
    let mut verdicts: BTreeMap<(String, String), BTreeSet<Class>> = BTreeMap::new();
    for (kind, text, class) in lines() {
        let ours = ours(&kind, &text);
        // Of datetimes those that no calendar has are refused too, so that this is as good.
        let same = kind == "datetime" && ours == Class::Malformed && class == Class::WellFormed;
        let verdicts = verdicts.entry((kind, text)).or_default();
        verdicts.extend([class, if same { class } else { ours }]);
    }
    let disputed = verdicts.iter().filter(|(_, classes)| classes.len() > 1);
    let disputed: Vec<_> =
        disputed.map(|((kind, text), _)| (&**kind, &**text, ours(kind, text))).collect();
    if verdicts.is_empty() {
        return;
    }
    assert!(verdicts.len() > 300, "only {} vectors", verdicts.len());
    assert_eq!(disputed, EXCEPTIONS);
}

/// The vectors are about CIDs in general. The protocol admits one form, which none has.
#[test]
fn cids() {
    let Some(shared) = shared() else { return };
    for name in ["cid_syntax_valid", "cid_syntax_invalid"] {
        for text in values(&read(&shared.join(SUITES[0]).join(format!("{name}.txt")))) {
            assert!(Cid::new(text).is_err(), "{text:?}");
        }
    }
}

#[test]
fn bad_handles() {
    for case in cases("control-handles.json") {
        let (value, expect) = (&case["value"].as_str().unwrap(), case["expect"].as_str().unwrap());
        let handle = Handle::new(value);
        match expect {
            "reject" => assert!(handle.is_err(), "{case}"),
            "accept" if *value == Handle::INVALID => assert!(handle.unwrap().is_invalid_handle()),
            "accept" => assert!(!handle.unwrap().has_disallowed_tld(), "{case}"),
            "reject-resolution" => assert!(handle.unwrap().has_disallowed_tld(), "{case}"),
            other => panic!("unknown expectation {other}"),
        }
    }
}

#[test]
fn bad_dids() {
    for case in cases("control-dids.json") {
        let did = Did::new(case["value"].as_str().unwrap());
        match case["expect"].as_str().unwrap() {
            "reject" => assert!(did.is_err(), "{case}"),
            "accept" => assert!(did.unwrap().supported().is_ok(), "{case}"),
            "accept-syntax" => assert!(did.is_ok(), "{case}"),
            expect if expect.starts_with("accept-syntax, reject") => {
                assert!(did.unwrap().supported().is_err(), "{case}");
            }
            other => assert_eq!(did.is_err(), other.starts_with("reject"), "{case}"),
        }
    }
}

/// What our parsers make of a text. Accepted, it has to come back as it was.
fn ours(kind: &str, text: &str) -> Class {
    let written = match kind {
        "atidentifier" => AtIdentifier::new(text).map(String::from),
        "aturi" => AtUri::new(text).map(String::from),
        "datetime" => Datetime::new(text).map(String::from),
        "did" => Did::new(text).map(String::from),
        "handle" => Handle::new(text).map(String::from),
        "language" => Language::new(text).map(String::from),
        "nsid" => Nsid::new(text).map(String::from),
        "recordkey" => RecordKey::new(text).map(String::from),
        "tid" => Tid::new(text).map(String::from),
        "uri" => Uri::new(text).map(String::from),
        other => panic!("vectors of an unknown type {other}"),
    };
    let Ok(written) = written else { return Class::Malformed };
    assert!(written.eq_ignore_ascii_case(text), "{text:?}");
    assert!(matches!(kind, "handle" | "atidentifier") || written == text, "{text:?}");
    match Language::new(text) {
        Ok(tag) if kind == "language" && !tag.is_strict() => Class::WellFormed,
        _ => Class::Valid,
    }
}

/// All vectors but those of CIDs: the type, the text, and where it stands.
fn lines() -> Vec<(String, String, Class)> {
    let Some(shared) = shared() else { return Vec::new() };
    let mut lines = Vec::new();
    for suite in SUITES {
        for entry in fs::read_dir(shared.join(suite)).expect("the suite is there") {
            let path = entry.expect("the folder can be read").path();
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let (kind, class) = name.split_once('_').expect("a type and a class");
            let class = match class {
                "syntax_valid" => Class::Valid,
                "parse_invalid" => Class::WellFormed,
                "syntax_invalid" => Class::Malformed,
                other => panic!("vectors of an unknown class {other}"),
            };
            let text = read(&path);
            let texts = values(&text).filter(|_| kind != "cid");
            lines.extend(texts.map(|text| (kind.to_owned(), text.to_owned(), class)));
        }
    }
    lines
}

fn values(file: &str) -> impl Iterator<Item = &str> {
    file.lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
}

fn cases(name: &str) -> Vec<Value> {
    let Some(shared) = shared() else { return Vec::new() };
    serde_json::from_str(&read(&shared.join("bad-input/identity").join(name))).unwrap()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
