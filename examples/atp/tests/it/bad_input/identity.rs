//! Identifiers, keys, DID documents and what hosts say about handles.

use std::path::Path;

use serde_json::{Value, json};

use super::{cases, choices::NOT_RUN, expected, file};
use crate::{
    host::Host,
    support::{Run, atp, atp_with, read_json, shared},
};

const DID: &str = "did:plc:o3ipyaxnvjh3ce5euv54wrk3";
const HANDLE: &str = "alice.test";

/// Each case goes to the command that takes it.
#[test]
fn identities() {
    let Some(shared) = shared() else { return };
    let root = shared.join("bad-input");
    let cases = cases(&root, "identity/");
    assert_eq!(cases.len(), 47);
    let host = Host::start();
    for case in &cases {
        let name = case["file"].as_str().unwrap();
        let path = root.join(name);
        match name.strip_prefix("identity/").unwrap() {
            "control-handles.json" => identifiers(&path, "handle"),
            "control-dids.json" => identifiers(&path, "did"),
            "control-keys.json" => keys(&path),
            document if document.starts_with("did-doc/") => did_document(&root, case),
            answer if answer.starts_with("well-known/") => well_known(&path, case, &host),
            _ => assert!(NOT_RUN.iter().any(|(not_run, _)| *not_run == name), "{name} is not run"),
        }
    }
}

fn identifiers(path: &Path, kind: &str) {
    for entry in read_json(path).as_array().unwrap() {
        let (value, expect) = (entry["value"].as_str().unwrap(), entry["expect"].as_str().unwrap());
        // A line break ends a value.
        if value.contains('\n') {
            continue;
        }
        let run = atp_with(&["syntax", kind], format!("{value}\n").as_bytes());
        // What cannot be resolved may still be well-formed.
        let fine = !expect.starts_with("reject") || expect == "reject-resolution";
        assert_eq!(run.code == 0, fine, "{value:?}: {}", run.text());
    }
}

fn keys(path: &Path) {
    for entry in read_json(path).as_array().unwrap() {
        let (value, expect) = (entry["value"].as_str().unwrap(), entry["expect"].as_str().unwrap());
        let run = atp(&["key", "inspect", value]);
        if expect.starts_with("reject or") {
            assert!(run.code <= 1, "{value}");
        } else if expect.starts_with("accept") {
            run.fine();
        } else {
            run.refused();
        }
    }
}

fn did_document(root: &Path, case: &Value) {
    let (name, expect) = (case["file"].as_str().unwrap(), case["expect"].as_str().unwrap());
    let run = verify(&file(root, case));
    // The others say what is found in the document.
    let is_verdict = expect.starts_with("reject") || expect.starts_with("policy");
    if is_verdict && expected(case) == 1 {
        run.refused();
        return;
    }
    let facts = run.fine().json().remove(0);
    assert_eq!(facts["pds"].is_null(), expect.contains("no PDS"), "{name}: {facts}");
    let no_handle = expect.contains("handle invalid") && !expect.starts_with("policy");
    assert_eq!(facts["handle"].is_null(), no_handle, "{name}: {facts}");
    let no_key = expect.contains("signing key");
    assert_eq!(facts["signingKey"].is_null(), no_key, "{name}: {facts}");

    let control = verify(&file(root, &json!({ "file": "identity/did-doc/control-ok.json" })));
    let control = control.fine().json().remove(0);
    // What is found is what the control has, but for these.
    let others = [
        ("handle", "aka-10000"),
        ("signingKey", "legacy-k256-2019"),
        ("signingKey", "legacy-p256-2019"),
    ];
    for field in ["handle", "pds", "signingKey"] {
        let is_other = others.iter().any(|(of, case)| *of == field && name.contains(case));
        let same = facts[field].is_null() || is_other || facts[field] == control[field];
        assert!(same, "{name}: {field}: {facts}");
    }
}

fn verify(document: &str) -> Run {
    atp(&["--json", "did", "verify", "--document", document, "--did", DID])
}

/// The answer of the handle's host, while a directory says that the DID claims the handle.
fn well_known(path: &Path, case: &Value, host: &Host) {
    host.put("/.well-known/atproto-did", std::fs::read(path).unwrap());
    let document = json!({ "id": DID, "alsoKnownAs": [format!("at://{HANDLE}")] });
    host.put(&format!("/{DID}"), document.to_string().into_bytes());
    let run = host.resolve(HANDLE);
    assert_eq!(run.code, expected(case), "{}: {}", case["file"], run.stderr);
    if run.code == 0 {
        let found = run.json().remove(0);
        assert_eq!((found["did"].as_str(), &found["verified"]), (Some(DID), &json!(true)));
    }
}
