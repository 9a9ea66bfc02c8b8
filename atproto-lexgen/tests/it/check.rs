//! Builds, checks, and what they report.

use std::{fs, path::Path};

use atproto_lexgen::{Config, Error};

use crate::support::shared;

fn write(folder: &Path, name: &str, text: &str) {
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join(name), text).unwrap();
}

const THING: &str = r#"{"lexicon": 1, "id": "com.example.thing", "defs": {"main":
    {"type": "object", "properties": {"a": {"type": "ref", "ref": "com.example.nowhere"}}}}}"#;

#[test]
fn a_build_passes_its_own_check_and_a_change_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let (lexicons, out) = (folder.path().join("lexicons"), folder.path().join("out"));
    write(&lexicons, "thing.json", THING);
    let config = Config::new().lexicons(&lexicons).out(&out);
    assert!(matches!(config.check(), Err(Error::Drift(_))));
    let report = config.build().unwrap();
    assert_eq!((report.documents, report.skipped.len(), report.unresolved.len()), (1, 0, 1));
    assert_eq!(
        report.unresolved[0].to_string(),
        "com.example.thing refers to com.example.nowhere, which is no type here"
    );
    config.check().unwrap();

    fs::remove_file(out.join("lexicons/com.rs")).unwrap();
    assert!(matches!(config.check(), Err(Error::Drift(files)) if files.len() == 1));
}

#[test]
fn files_that_no_longer_belong_are_removed_and_others_are_left() {
    let folder = tempfile::tempdir().unwrap();
    let (lexicons, out) = (folder.path().join("lexicons"), folder.path().join("out"));
    write(&lexicons, "thing.json", THING);
    write(&lexicons, "other.json", &THING.replace("com.example.thing", "com.example.other"));
    let config = Config::new().lexicons(&lexicons).out(&out);
    config.build().unwrap();
    let (stale, mine) =
        (out.join("lexicons/com/example/other.rs"), out.join("lexicons/com/mine.rs"));
    assert!(stale.exists());
    fs::write(&mine, "// written by hand\n").unwrap();
    fs::remove_file(lexicons.join("other.json")).unwrap();
    config.build().unwrap();
    assert!(!stale.exists());
    assert!(mine.exists());
}

#[test]
fn invalid_documents_fail_or_are_skipped() {
    let folder = tempfile::tempdir().unwrap();
    let lexicons = folder.path().join("lexicons");
    write(&lexicons, "thing.json", THING);
    write(&lexicons, "bad.json", r#"{"lexicon": 1, "id": "com.example.bad", "defs": {}}"#);
    write(&lexicons, "twice.json", THING);
    let config = Config::new().lexicons(&lexicons).out(folder.path().join("out"));
    let error = config.build().unwrap_err();
    let place = "(line 1, column 49)";
    let message = format!("com.example.bad: defs: there is no definition {place}");
    assert!(error.to_string().ends_with(&message), "{error}");
    let report = config.skip_invalid(true).build().unwrap();
    assert_eq!((report.documents, report.skipped.len()), (1, 2));
}

#[test]
fn lx_033_names_that_differ_by_case_alone_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "a.json", THING);
    write(folder.path(), "b.json", &THING.replace("com.example.thing", "com.Example.thing"));
    let error = Config::new().lexicons(folder.path()).out(folder.path()).build().unwrap_err();
    assert!(matches!(error, Error::Twice { .. }), "{error}");
}

#[test]
fn lx_035_malformed_documents_never_panic() {
    let Some(shared) = shared() else { return };
    let text = fs::read(shared.join("bad-input/lexicon/control-documents.json")).unwrap();
    let cases: serde_json::Value = serde_json::from_slice(&text).unwrap();
    for case in cases.as_array().unwrap() {
        let folder = tempfile::tempdir().unwrap();
        let lexicons = folder.path().join("lexicons");
        write(&lexicons, "case.json", &case["document"].to_string());
        let config = Config::new().lexicons(&lexicons).out(folder.path().join("out"));
        let result = config.build();
        if case["expect"].as_str().unwrap().starts_with("accept") {
            assert!(result.is_ok(), "{}: {result:?}", case["name"]);
        }
    }
}

#[test]
fn every_published_document_generates() {
    let Some(shared) = shared() else { return };
    let folder = tempfile::tempdir().unwrap();
    let report = Config::new()
        .lexicons(shared.join("lexicons"))
        .lexicons(shared.join("lexicons-extra"))
        .lexicons(shared.join("interop/lexicon/catalog"))
        .out(folder.path())
        .build()
        .unwrap();
    assert_eq!(report.documents, 416);
    assert_eq!(report.unresolved, []);
}
