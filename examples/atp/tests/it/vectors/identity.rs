//! Keys, signatures, DID documents, audit logs.

use std::fs;

use data_encoding::BASE64_NOPAD;

use crate::support::{arg, atp, atp_with, read_json, shared};

#[test]
fn signatures() {
    let Some(shared) = shared() else { return };
    let fixtures = read_json(&shared.join("interop/crypto/signature-fixtures.json"));
    let fixtures = fixtures.as_array().unwrap();
    assert_eq!(fixtures.len(), 6);
    for fixture in fixtures {
        let text = |field: &str| fixture[field].as_str().unwrap();
        let message = BASE64_NOPAD.decode(text("messageBase64").as_bytes()).unwrap();
        let (key, signature) = (text("publicKeyDid"), text("signatureBase64"));
        let run = atp_with(&["key", "verify", "--key", key, "--signature", signature], &message);
        let valid = fixture["validSignature"] == true;
        assert_eq!(run.code, i32::from(!valid), "{}: {}", text("comment"), run.stderr);
    }
}

#[test]
fn secret_keys_and_their_public_ones() {
    let Some(shared) = shared() else { return };
    let keys = read_json(&shared.join("interop/crypto/w3c_didkey_K256.json"));
    let keys = keys.as_array().unwrap();
    assert_eq!(keys.len(), 5);
    for key in keys {
        let secret = format!("k256:{}\n", key["privateKeyBytesHex"].as_str().unwrap());
        let inspect = ["--json", "key", "inspect", "--secret-key", "-"];
        let facts = atp_with(&inspect, secret.as_bytes()).fine().json().remove(0);
        assert_eq!(facts["didKey"], key["publicDidKey"]);
    }
}

#[test]
fn did_documents() {
    let Some(shared) = shared() else { return };
    let folder = shared.join("identity/did-docs");
    let mut count = 0;
    for entry in fs::read_dir(&folder).unwrap() {
        count += 1;
        let path = arg(&folder, entry.unwrap().file_name().to_str().unwrap());
        let did = read_json(path.as_ref())["id"].as_str().unwrap().to_owned();
        atp(&["did", "verify", "--document", &path, "--did", &did]).fine();
        atp(&["did", "verify", "--document", &path, "--did", "did:web:other.example.com"])
            .refused();
    }
    assert_eq!(count, 3);
}

#[test]
fn audit_logs() {
    let Some(shared) = shared() else { return };
    for (folder, code, expected) in
        [("plc/valid", 0, 5), ("plc/invalid", 1, 5), ("ts-capture/plc", 0, 47)]
    {
        let mut count = 0;
        for entry in fs::read_dir(shared.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|extension| extension != "json") {
                continue;
            }
            count += 1;
            let run = atp(&["plc", "verify", path.to_str().unwrap()]);
            assert_eq!(run.code, code, "{}: {}", path.display(), run.stderr);
        }
        assert_eq!(count, expected, "{folder}");
    }
    atp(&["plc", "verify", &arg(&shared, "plc/dart_audit_log_bsky.json")]).fine();
}
