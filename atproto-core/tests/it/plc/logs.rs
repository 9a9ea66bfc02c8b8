//! Logs of the wild, and logs made to break verifiers.

use std::path::Path;

use atproto_core::identity::plc::{
    self, AuditEntry, History, OperationError, SignedOperation, VerifiedLog, check_submission,
    verify_log,
};
use atproto_core::syntax::Did;

use crate::support::shared;

/// Reads a log, or says that it is not even readable, and verifies it.
fn verify_file(path: &Path) -> Result<VerifiedLog, String> {
    let json = std::fs::read(path).unwrap();
    let log: Vec<AuditEntry> = serde_json::from_slice(&json).map_err(|error| error.to_string())?;
    let did = log.first().ok_or("empty")?.did.clone();
    verify_log(&did, &log).map_err(|error| format!("{error:?}"))
}

fn json_files(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{folder:?}");
    files
}

#[test]
fn logs_of_the_interoperability_suite() {
    let Some(shared) = shared() else { return };
    for path in json_files(&shared.join("plc/valid")) {
        assert!(verify_file(&path).is_ok(), "{path:?}: {:?}", verify_file(&path));
    }
    for path in json_files(&shared.join("plc/invalid")) {
        assert!(verify_file(&path).is_err(), "{path:?}");
    }
    let log = verify_file(&shared.join("plc/dart_audit_log_bsky.json")).unwrap();
    assert_eq!(log.history.did().as_str(), "did:plc:z72i7hdynmk6r22z27h6tvur");
}

/// Operations that a directory had accepted because identifiers could be longer, and removed.
#[test]
fn operations_that_were_removed_from_the_public_directory() {
    let Some(shared) = shared() else { return };
    let known = verify_file(&shared.join("plc/dart_audit_log_bsky.json")).unwrap().history;
    let text = std::fs::read_to_string(shared.join("plc/invalidated-op-log.txt")).unwrap();
    let (mut read, mut unknown_fields) = (0, 0);
    for json in text.lines().filter_map(|line| line.strip_prefix("- ")) {
        // One of them lost its last brace when it was written down.
        let missing = json.matches('{').count() - json.matches('}').count();
        let json = format!("{json}{}", "}".repeat(missing));
        let operation = match SignedOperation::from_json(json.as_bytes()) {
            Ok(operation) => operation,
            Err(error) => {
                assert!(error.to_string().starts_with("unknown field"), "{error}: {json}");
                unknown_fields += 1;
                continue;
            }
        };
        assert!(known.check(&operation, i64::MAX).is_err(), "{json}");
        let created = plc::did_of_genesis(&operation);
        let longer = Did::new(format!("{created}a")).unwrap();
        let accepted = History::new(longer.clone()).accept(operation, 0);
        assert_eq!(accepted, Err(OperationError::NotPlc(longer)), "{json}");
        read += 1;
    }
    println!("{read} refused by the rule, {unknown_fields} for unknown fields");
    assert_eq!(read + unknown_fields, 22);
}

#[test]
fn logs_of_the_reference_directory() {
    let Some(shared) = shared() else { return };
    for path in json_files(&shared.join("ts-capture/plc")) {
        assert!(verify_file(&path).is_ok(), "{path:?}: {:?}", verify_file(&path));
    }
}

#[test]
fn logs_made_to_break_verifiers() {
    let Some(shared) = shared() else { return };
    // What only a directory refuses, since old logs contain it.
    let submission_only = [
        "aka-not-uri",
        "oversize",
        "rotation-key-dup",
        "rotation-key-ed25519",
        "rotation-keys-11",
        "rotation-keys-6",
        "vm-raw-multibase",
    ];
    let files = json_files(&shared.join("bad-input/plc"));
    let manifest = std::fs::read(shared.join("bad-input/manifest.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
    let cases = manifest["cases"].as_array().unwrap().iter();
    let cases = cases.filter(|case| case["file"].as_str().unwrap().starts_with("plc/")).count();
    assert_eq!(files.len(), cases, "every case of the manifest");
    for path in files {
        let name = path.file_stem().unwrap().to_str().unwrap();
        let good = name.starts_with("control-") || submission_only.contains(&name);
        let outcome = verify_file(&path);
        assert_eq!(outcome.is_ok(), good, "{name}: {:?}", outcome.err());
        if submission_only.contains(&name) && name != "aka-not-uri" {
            let newest = outcome.unwrap().history.newest().unwrap().clone();
            assert!(check_submission(&newest).is_err(), "{name}");
        }
    }
}
