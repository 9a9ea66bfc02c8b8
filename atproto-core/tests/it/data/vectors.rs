use std::fs;
use std::path::Path;

use atproto_core::data::{DataError, cbor, json};
use atproto_core::syntax::Cid;
use serde::Deserialize;

use super::bytes;
use crate::support::shared;

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> T {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

#[derive(Deserialize)]
struct Fixture<'a> {
    #[serde(borrow)]
    json: &'a serde_json::value::RawValue,
    #[serde(default)]
    cbor_base64: String,
    #[serde(default)]
    cid: String,
    #[serde(default)]
    note: String,
}

/// The vectors of the specification, and a copy that another implementation keeps.
const DATA_MODEL: [&str; 2] = ["interop/data-model", "interop/from-indigo/atproto/atdata/testdata"];

#[test]
fn interop_data_model_fixtures() {
    let Some(shared) = shared() else { return };
    let mut count = 0;
    for folder in DATA_MODEL {
        let text =
            fs::read_to_string(shared.join(folder).join("data-model-fixtures.json")).unwrap();
        for fixture in serde_json::from_str::<Vec<Fixture<'_>>>(&text).unwrap() {
            count += 1;
            let value = json::decode(fixture.json.get()).unwrap();
            let bytes = cbor::encode(&value);
            let expected = fixture.cbor_base64.trim_end_matches('=').as_bytes();
            assert_eq!(bytes, data_encoding::BASE64_NOPAD.decode(expected).unwrap());
            assert_eq!(Cid::dag_cbor(&bytes).to_string(), fixture.cid);
            assert_eq!(cbor::decode(&bytes).unwrap(), value);
            assert_eq!(json::decode(json::encode(&value)).unwrap(), value);
        }
    }
    assert_eq!(count, 2 * 3);
}

#[test]
fn interop_data_model_valid_and_invalid() {
    let Some(shared) = shared() else { return };
    let mut count = 0;
    for folder in DATA_MODEL {
        for (file, valid) in [("data-model-valid.json", true), ("data-model-invalid.json", false)] {
            let text = fs::read_to_string(shared.join(folder).join(file)).unwrap();
            for fixture in serde_json::from_str::<Vec<Fixture<'_>>>(&text).unwrap() {
                count += 1;
                let result = json::decode_map(fixture.json.get());
                if fixture.note == "float, but integer-like" {
                    // JavaScript cannot tell 123.0 from 123. We can, and take the
                    // specification at its word: no floats.
                    assert_eq!(result.unwrap_err().data_error(), Some(DataError::Float));
                } else {
                    assert_eq!(result.is_ok(), valid, "{}: {result:?}", fixture.note);
                }
            }
        }
    }
    assert_eq!(count, 2 * (5 + 12));
}

#[test]
fn interop_records_in_cbor() {
    let Some(shared) = shared() else { return };
    for file in
        ["atproto/atdata/testdata/feedpost_record.cbor", "testing/testdata/post_richtext_link.cbor"]
    {
        let bytes = fs::read(shared.join("interop/from-indigo").join(file)).unwrap();
        let record = cbor::decode_map(&bytes).unwrap();
        assert_eq!(record.type_name(), Some("app.bsky.feed.post"));
        assert_eq!(cbor::encode(&record.into()), bytes);
    }
}

#[derive(Deserialize)]
struct Manifest {
    cases: Vec<BadInput>,
}

#[derive(Deserialize)]
struct BadInput {
    file: String,
    expect: String,
}

#[test]
fn bad_input_cbor() {
    let Some(shared) = shared() else { return };
    let folder = shared.join("bad-input");
    let manifest: Manifest = read(&folder.join("manifest.json"));
    let cases = manifest.cases.iter().filter(|case| case.file.starts_with("cbor/"));
    let mut count = 0;
    for case in cases {
        count += 1;
        let bytes = fs::read(folder.join(&case.file)).unwrap();
        let result = cbor::decode(&bytes);
        assert_eq!(cbor::check(&bytes).err(), result.as_ref().err().cloned());
        if case.expect == "accept" {
            assert_eq!(cbor::encode(&result.unwrap()), bytes, "{}", case.file);
        } else {
            assert!(result.is_err(), "{}: {}", case.file, case.expect);
        }
    }
    assert_eq!(count, 72);
}

#[derive(Deserialize)]
struct Dasl {
    #[serde(rename = "type")]
    kind: String,
    data: String,
    name: String,
    tags: Vec<String>,
}

/// What DASL allows and this protocol does not.
const NOT_OURS: [&str; 7] = [
    "64-bit floats only",
    "zero float64",
    "64-bit subnormal number",
    "largest CBOR integer, 2^64-1",
    "smallest CBOR integer, -(2^64)",
    "Big DASL CID",
    "bignum",
];

#[test]
fn dasl_vectors() {
    let Some(shared) = shared() else { return };
    let mut count = 0;
    for entry in fs::read_dir(shared.join("dag-cbor/dasl")).unwrap() {
        for case in read::<Vec<Dasl>>(&entry.unwrap().path()) {
            let ours = ["basic", "dag-cbor", "dasl-cid"];
            if !case.tags.iter().any(|tag| ours.contains(&tag.as_str())) {
                continue;
            }
            count += 1;
            let bytes = bytes(&case.data);
            let result = cbor::decode(&bytes);
            if case.kind == "roundtrip" && !NOT_OURS.contains(&case.name.as_str()) {
                assert_eq!(cbor::encode(&result.unwrap()), bytes, "{}", case.name);
            } else {
                assert!(result.is_err(), "{}", case.name);
            }
        }
    }
    // The other 13 are about features that this protocol leaves out.
    assert_eq!(count, 92);
}

#[derive(Deserialize)]
struct Rfc8949 {
    hex: String,
    flags: Vec<String>,
}

#[test]
fn rfc_8949_vectors() {
    let Some(shared) = shared() else { return };
    let (mut count, mut accepted) = (0, 0);
    for case in read::<Vec<Rfc8949>>(&shared.join("dag-cbor/rfc8949-vectors.json")) {
        count += 1;
        let bytes = bytes(&case.hex);
        if let Ok(value) = cbor::decode(&bytes) {
            accepted += 1;
            assert!(case.flags.iter().any(|flag| flag == "canonical"), "{}", case.hex);
            assert_eq!(cbor::encode(&value), bytes, "{}", case.hex);
        }
    }
    // The canonical ones without floats, tags, odd simple values, wide integers, and one
    // map with integer keys.
    assert_eq!((count, accepted), (778, 35));
}

#[test]
fn ipld_codec_fixtures() {
    let Some(shared) = shared() else { return };
    let (mut count, mut accepted) = (0, 0);
    for entry in fs::read_dir(shared.join("dag-cbor/ipld-codec-fixtures")).unwrap() {
        let path = entry.unwrap().path();
        count += 1;
        let bytes = fs::read(&path).unwrap();
        if let Ok(value) = cbor::decode(&bytes) {
            accepted += 1;
            assert_eq!(cbor::encode(&value), bytes, "{}", path.display());
        }
    }
    // The others hold floats, integers beyond 64 bits with sign, empty keys, or CIDs of
    // other versions, codecs and hashes.
    assert_eq!((count, accepted), (54, 31));
}

#[test]
fn benchmark_inputs_are_judged() {
    let Some(shared) = shared() else { return };
    for (file, sound) in [
        ("torture_cids.dagcbor", true),
        ("canada.json.dagcbor", false),
        ("twitter.json.dagcbor", false),
        ("semi_torture_nested_lists.dagcbor", false),
    ] {
        let bytes = fs::read(shared.join("dag-cbor/bench").join(file)).unwrap();
        assert_eq!(cbor::check(&bytes).is_ok(), sound, "{file}");
    }
}
