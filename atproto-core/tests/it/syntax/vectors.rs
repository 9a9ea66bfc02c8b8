//! The interoperability vectors: one value a line, `#` begins a comment.
//!
//! The collections disagree in places. The newer one, of the reference implementation,
//! separates what is well-formed from what a strict parser takes, and decides:
//!
//! - Language tags `JA` and `jaja` are well-formed (RFC 5646: tags are case-insensitive,
//!   four letters are a reserved language), and only not strict; the older collection
//!   calls them invalid. `de-419-DE`, which has two regions, is not well-formed; the
//!   older one left that open.
//! - `0000-01-01T00:00:00+01:00` is a fault of syntax in one and of meaning in the other;
//!   a datetime is checked for both here. `0000-01-01T00:00:00.000Z`, which only the
//!   older one lists, is valid.
//! - TIDs that begin with `a` to `j` are valid, which only the newer one lists.
//!
//! The vectors for CIDs are about CIDs in general. The protocol admits one form, which
//! none of the valid ones has.

use std::{fmt::Debug, fs, path::Path, str::FromStr};

use atproto_core::syntax::{
    AtIdentifier, AtUri, Cid, Datetime, Did, Handle, Language, Nsid, RecordKey, SyntaxError, Tid,
    Uri,
};
use serde_json::Value;

use crate::support::shared;

const OLDER: &str = "interop/syntax";
const NEWER: &str = "interop/from-atproto/interop-test-files/syntax";
const INDIGO: &str = "interop/from-indigo/atproto/syntax/testdata";

#[test]
fn at_identifiers() {
    both::<AtIdentifier>("atidentifier");
}

#[test]
fn at_uris() {
    both::<AtUri>("aturi");
}

#[test]
fn dids() {
    both::<Did>("did");
}

#[test]
fn handles() {
    both::<Handle>("handle");
}

#[test]
fn nsids() {
    both::<Nsid>("nsid");
}

#[test]
fn record_keys() {
    both::<RecordKey>("recordkey");
}

#[test]
fn uris() {
    both::<Uri>("uri");
}

#[test]
fn tids() {
    both::<Tid>("tid");
    valid::<Tid>(&lines(NEWER, "tid_syntax_valid"));
    invalid::<Tid>(&lines(NEWER, "tid_syntax_invalid"));
}

#[test]
fn datetimes() {
    both::<Datetime>("datetime");
    invalid::<Datetime>(&lines(OLDER, "datetime_parse_invalid"));
    valid::<Datetime>(&lines(NEWER, "datetime_syntax_valid"));
    invalid::<Datetime>(&lines(NEWER, "datetime_syntax_invalid"));
    invalid::<Datetime>(&lines(NEWER, "datetime_parse_invalid"));
}

#[test]
fn languages() {
    for tags in [lines(OLDER, "language_syntax_valid"), lines(INDIGO, "language_syntax_valid")] {
        valid::<Language>(&tags);
        for tag in tags {
            assert!(Language::new(&tag).unwrap().is_strict(), "{tag}");
        }
    }
    invalid::<Language>(&lines(NEWER, "language_syntax_invalid"));
    let decided_by_the_newer = |tag: &String| tag != "JA" && tag != "jaja";
    let older: Vec<_> =
        lines(OLDER, "language_syntax_invalid").into_iter().filter(decided_by_the_newer).collect();
    invalid::<Language>(&older);

    for folder in [OLDER, NEWER] {
        let tags = lines(folder, "language_parse_invalid");
        valid::<Language>(&tags);
        for tag in tags {
            assert!(!Language::new(&tag).unwrap().is_strict(), "{tag}");
        }
    }
}

#[test]
fn cids() {
    invalid::<Cid>(&lines(OLDER, "cid_syntax_invalid"));
    invalid::<Cid>(&lines(OLDER, "cid_syntax_valid"));
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

/// Checks the files of valid and of invalid values of one type.
fn both<T: FromStr<Err = SyntaxError> + Debug + ToString>(name: &str) {
    valid::<T>(&lines(OLDER, &format!("{name}_syntax_valid")));
    invalid::<T>(&lines(OLDER, &format!("{name}_syntax_invalid")));
}

fn valid<T: FromStr<Err = SyntaxError> + Debug + ToString>(texts: &[String]) {
    for text in texts {
        let value = text.parse::<T>().unwrap_or_else(|error| panic!("{text:?}: {error}"));
        assert!(value.to_string().eq_ignore_ascii_case(text), "{text:?}");
    }
}

fn invalid<T: FromStr<Err = SyntaxError> + Debug>(texts: &[String]) {
    for text in texts {
        assert!(text.parse::<T>().is_err(), "{text:?} was accepted");
    }
}

/// The lines of a file, or none where there is no shared data.
fn lines(folder: &str, name: &str) -> Vec<String> {
    let Some(shared) = shared() else { return Vec::new() };
    let text = read(&shared.join(folder).join(format!("{name}.txt")));
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let lines: Vec<_> = lines.map(str::to_owned).collect();
    assert!(!lines.is_empty(), "{folder}/{name} has no vectors");
    lines
}

fn cases(name: &str) -> Vec<Value> {
    let Some(shared) = shared() else { return Vec::new() };
    serde_json::from_str(&read(&shared.join("bad-input/identity").join(name))).unwrap()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
