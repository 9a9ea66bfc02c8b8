//! A recorded stream of the reference implementation.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::support::{arg, atp, read_json, shared};

#[test]
fn every_recorded_frame_decodes() {
    let Some(shared) = shared() else { return };
    let folder = shared.join("ts-capture");
    for name in ["firehose-live", "firehose-replay", "firehose-pds2"] {
        let summary = read_json(&folder.join(format!("{name}.summary.json")));
        let run = atp(&["firehose", "decode", &arg(&folder, &format!("{name}.frames.bin"))]);
        let frames = run.fine().json();
        assert_eq!(frames.len() as u64, summary["frames"].as_u64().unwrap(), "{name}");
        let mut kinds = BTreeMap::<String, u64>::new();
        for frame in &frames {
            *kinds.entry(frame["kind"].as_str().unwrap().to_owned()).or_default() += 1;
        }
        assert_eq!(serde_json::to_value(kinds).unwrap(), summary["kinds"], "{name}");
    }
}

/// Under the keys of today, and those that the directory's log has besides. What is left
/// are two deleted accounts, of which no key is known.
#[test]
fn every_recorded_frame_is_accepted_or_its_account_unknown() {
    let Some(shared) = shared() else { return };
    let folder = shared.join("ts-capture");
    let run = atp(&[
        "--json",
        "firehose",
        "verify",
        &arg(&folder, "firehose-live.frames.bin"),
        "--identities",
        &arg(&folder, "repos.json"),
        "--identities",
        &arg(&folder, "plc/export.jsonl"),
    ]);
    let mut verdicts = BTreeMap::<String, u64>::new();
    let mut unexplained = Vec::<Value>::new();
    for frame in run.json() {
        let verdict = frame["verdict"].as_str().unwrap();
        *verdicts.entry(verdict.to_owned()).or_default() += 1;
        if !matches!(verdict, "accept" | "no_identity") {
            unexplained.push(frame);
        }
    }
    assert!(unexplained.is_empty(), "{verdicts:?} {:#?}", unexplained.first());
    assert_eq!(verdicts.values().sum::<u64>(), 3464);
}
