//! The command: what it prints, and how it ends.

use std::{fs, path::Path, process::Command};

use serde_json::Value;

/// What came of a run.
struct Run {
    code: Option<i32>,
    out: String,
    err: String,
}

fn lexgen(args: &[&str]) -> Run {
    let output = Command::new(env!("CARGO_BIN_EXE_lexgen")).args(args).output().unwrap();
    Run {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

fn write(folder: &Path, max: u32, description: &str) {
    fs::create_dir_all(folder).unwrap();
    let text = format!(
        r#"{{"lexicon": 1, "id": "com.example.note", "defs": {{"main": {{
            "type": "record", "key": "tid"{description}, "record": {{"type": "object",
            "properties": {{"text": {{"type": "string", "maxLength": {max}}}}}}}}}}}}}"#
    );
    fs::write(folder.join("note.json"), text).unwrap();
}

const DESCRIBED: &str = r#", "description": "A note.""#;

#[test]
fn check_fails_for_errors_and_for_warnings_if_asked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    write(folder.path(), 9, DESCRIBED);
    assert_eq!(lexgen(&["check", path, "--deny-warnings"]).code, Some(0));

    write(folder.path(), 9, "");
    let run = lexgen(&["check", path]);
    assert_eq!(run.code, Some(0));
    assert!(run.out.ends_with("1 documents, 0 errors, 1 warnings\n"), "{}", run.out);
    assert_eq!(lexgen(&["check", path, "--deny-warnings"]).code, Some(1));
    let run = lexgen(&["check", path, "--json"]);
    let finding: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(finding["rule"], "missing-primary-description");
    assert_eq!((&finding["severity"], &finding["line"]), (&"warning".into(), &1.into()));

    fs::write(folder.path().join("bad.json"), "{}").unwrap();
    assert_eq!(lexgen(&["check", path]).code, Some(1));
    assert_eq!(lexgen(&["check"]).code, Some(2));
    let run = lexgen(&["check", "/nowhere/at/all"]);
    assert_eq!((run.code, run.err.lines().count()), (Some(1), 1), "{}", run.err);
    assert_eq!(run.err.matches("No such file").count(), 1, "{}", run.err);
}

#[test]
fn diff_fails_for_what_breaks_somebody() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    write(&folder.path().join("old"), 9, "");
    write(&folder.path().join("new"), 8, DESCRIBED);
    let run = lexgen(&["diff", &path("old"), &path("new")]);
    assert_eq!(run.code, Some(1));
    assert_eq!(
        run.out,
        "breaking   com.example.note defs/main/record/properties/text: the greatest length was 9 \
         and is 8, which breaks readers of old records, old writers\n\
         1 changes, 1 of them breaking\n"
    );
    let run = lexgen(&["diff", &path("old/note.json"), &path("new/note.json"), "--json"]);
    let change: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(change["rule"], "length");
    assert_eq!(change["breaks"], serde_json::json!(["readers-of-old-records", "old-writers"]));
    assert_eq!(lexgen(&["diff", &path("old"), &path("old")]).code, Some(0));
}

#[test]
fn build_lists_what_it_leaves_out() {
    let folder = tempfile::tempdir().unwrap();
    let (lexicons, out) = (folder.path().join("lexicons"), folder.path().join("out"));
    write(&lexicons, 9, "");
    fs::write(lexicons.join("bad.json"), "{}").unwrap();
    fs::write(
        lexicons.join("far.json"),
        r#"{"lexicon": 1, "id": "com.example.far", "defs": {"main": {"type": "object",
            "properties": {"it": {"type": "ref", "ref": "com.example.nowhere"}}}}}"#,
    )
    .unwrap();
    let args = ["build", "--lexicons", lexicons.to_str().unwrap(), "--out", out.to_str().unwrap()];
    assert_eq!(lexgen(&args).code, Some(1));
    assert!(!out.exists());
    let run = lexgen(&[&args[..], &["--skip-invalid", "--json"]].concat());
    assert_eq!(run.code, Some(0), "{}", run.err);
    let facts: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(facts["documents"], 2);
    assert!(facts["skipped"][0].as_str().unwrap().contains("bad.json"));
    assert!(facts["unresolved"][0].as_str().unwrap().contains("com.example.nowhere"));
    let text = fs::read_to_string(out.join("lexicons/com/example/far.rs")).unwrap();
    assert!(text.contains("Value"), "what cannot be resolved is untyped: {text}");

    let check = [&args[..], &["--skip-invalid", "--check"]].concat();
    assert_eq!(lexgen(&check).code, Some(0));
    fs::write(out.join("lexicons/com/example/far.rs"), text + "\n").unwrap();
    let run = lexgen(&check);
    assert_eq!(run.code, Some(1));
    assert!(run.err.contains("far.rs"), "{}", run.err);
}
