//! Values in JSON and DAG-CBOR.

use std::{fs, path::Path};

use atproto_core::data::cbor;
use data_encoding::{BASE64_NOPAD, HEXLOWER};
use serde_json::Value;

use crate::support::{atp_with, read_json, shared};

#[test]
fn data_model_fixtures() {
    let Some(shared) = shared() else { return };
    let mut count = 0;
    for folder in ["interop/data-model", "interop/from-indigo/atproto/atdata/testdata"] {
        for fixture in list(&shared.join(folder).join("data-model-fixtures.json")) {
            count += 1;
            let json = fixture["json"].to_string();
            let expected = fixture["cbor_base64"].as_str().unwrap().trim_end_matches('=');
            let expected = BASE64_NOPAD.decode(expected.as_bytes()).unwrap();
            let bytes = atp_with(&["data", "to-cbor"], json.as_bytes()).fine().stdout;
            assert_eq!(bytes, expected);
            for input in [json.as_bytes(), &bytes] {
                let cid = atp_with(&["--json", "data", "cid"], input).fine().json().remove(0);
                assert_eq!(cid["cid"], fixture["cid"]);
            }
            let back = atp_with(&["--json", "data", "to-json"], &bytes).fine();
            assert_eq!(atp_with(&["data", "to-cbor"], &back.stdout).fine().stdout, bytes);
        }
    }
    assert_eq!(count, 6);
}

#[test]
fn data_model_valid_and_invalid() {
    let Some(shared) = shared() else { return };
    let mut count = 0;
    for folder in ["interop/data-model", "interop/from-indigo/atproto/atdata/testdata"] {
        for (file, valid) in [("data-model-valid.json", true), ("data-model-invalid.json", false)] {
            for fixture in list(&shared.join(folder).join(file)) {
                count += 1;
                let run = atp_with(&["data", "to-cbor"], fixture["json"].to_string().as_bytes());
                // Written as 123.0: the specification has no floats, whatever their value.
                let valid = valid && fixture["note"] != "float, but integer-like";
                assert_eq!(run.code, i32::from(!valid), "{}: {}", fixture["note"], run.stderr);
            }
        }
    }
    assert_eq!(count, 34);
}

#[test]
fn records() {
    let Some(shared) = shared() else { return };
    let folder = shared.join("interop/from-indigo");
    for file in
        ["atproto/atdata/testdata/feedpost_record.cbor", "testing/testdata/post_richtext_link.cbor"]
    {
        assert!(round_trip(&fs::read(folder.join(file)).unwrap()), "{file}");
    }
}

#[test]
fn dasl_vectors() {
    let Some(shared) = shared() else { return };
    let files = fs::read_dir(shared.join("dag-cbor/dasl")).unwrap();
    let cases: Vec<_> = files.flat_map(|file| list(&file.unwrap().path())).collect();
    let data = cases.iter().map(|case| from_hex(&case["data"]));
    assert_eq!(accepted(data), (18, 105));
}

#[test]
fn rfc_8949_vectors() {
    let Some(shared) = shared() else { return };
    let cases = list(&shared.join("dag-cbor/rfc8949-vectors.json"));
    assert_eq!(accepted(cases.iter().map(|case| from_hex(&case["hex"]))), (35, 778));
}

#[test]
fn ipld_codec_fixtures() {
    let Some(shared) = shared() else { return };
    let files = fs::read_dir(shared.join("dag-cbor/ipld-codec-fixtures")).unwrap();
    assert_eq!(accepted(files.map(|file| fs::read(file.unwrap().path()).unwrap())), (31, 54));
}

#[test]
fn benchmark_inputs() {
    let Some(shared) = shared() else { return };
    let files = fs::read_dir(shared.join("dag-cbor/bench")).unwrap();
    assert_eq!(accepted(files.map(|file| fs::read(file.unwrap().path()).unwrap())), (1, 4));
}

/// How many of the encodings are accepted, of how many. The tests of the core compare with
/// what the vectors expect; here the command has to judge as the core does.
fn accepted(encodings: impl Iterator<Item = Vec<u8>>) -> (usize, usize) {
    let (mut accepted, mut count) = (0, 0);
    for bytes in encodings {
        let expected = cbor::decode(&bytes).is_ok();
        assert_eq!(round_trip(&bytes), expected, "{}", HEXLOWER.encode(&bytes));
        accepted += usize::from(expected);
        count += 1;
    }
    (accepted, count)
}

/// Whether the encoding is accepted; then it comes back from JSON bit for bit.
fn round_trip(bytes: &[u8]) -> bool {
    let json = atp_with(&["--json", "data", "to-json"], bytes);
    if json.code != 0 {
        json.refused();
        return false;
    }
    let back = atp_with(&["data", "to-cbor", "--any"], &json.stdout).fine();
    assert_eq!(back.stdout, bytes);
    true
}

fn list(path: &Path) -> Vec<Value> {
    read_json(path).as_array().unwrap().clone()
}

fn from_hex(text: &Value) -> Vec<u8> {
    HEXLOWER.decode(text.as_str().unwrap().to_lowercase().as_bytes()).unwrap()
}
