//! A whole network, frame by frame.
//!
//! The recording holds every message of one host from its first on. Replayed with the
//! keys of the accounts at the time it must come out without a fault; every verdict other
//! than `Accept` has its explanation here.

use std::collections::{BTreeMap, HashMap};

use atproto_core::{crypto::PublicKey, syntax::Did};
use atproto_repo::{
    event::Event,
    sync::{RepoState, VerifyContext, VerifyOptions, verify_commit, verify_sync},
};
use serde_json::Value;

use super::{state, word};
use crate::support::{frames, shared, shared_bytes, shared_json, text};

#[test]
fn recorded_frames_have_their_verdicts() {
    let Some(keys) = keys() else { return };
    let bytes = shared_bytes("ts-capture/firehose-live.frames.bin").unwrap();
    let mut states: HashMap<Did, RepoState> = HashMap::new();
    let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for frame in frames(&bytes) {
        let event = Event::decode(frame.to_vec()).unwrap();
        let did = event.did().unwrap().clone();
        let kind = event.kind();
        let mut count = |outcome| *counts.entry((kind, outcome)).or_default() += 1;
        let Some(keys) = keys.get(&did) else {
            count(NO_IDENTITY);
            continue;
        };
        // The newest key first, and the ones before it for what was signed before.
        let mut outcome = "none";
        for (age, key) in keys.iter().rev().enumerate() {
            let previous = states.get(&did).copied();
            let context = VerifyContext { key, previous: previous.as_ref(), now_micros: NOW };
            let options = VerifyOptions::default();
            let verdict = match &event {
                Event::Commit(event) => verify_commit(event, &context, &options),
                Event::Sync(event) => verify_sync(event, &context, &options),
                _ => break,
            };
            outcome = match (word(&verdict), age) {
                ("accept", 0) => "accept",
                ("accept", _) => "accept under an earlier key",
                (other, _) => other,
            };
            if let Some(state) = state(&verdict) {
                states.insert(did.clone(), state);
            }
            if outcome != "bad_signature" {
                break;
            }
        }
        count(outcome);
    }
    let expected = [
        // The first commit of each account is among these: empty, without `prevData`, and
        // proven against the empty tree.
        (("#commit", "accept"), 3_024),
        (("#sync", "accept"), 47),
        // Accounts that took another key when they migrated, before they did.
        (("#commit", "accept under an earlier key"), 98),
        (("#sync", "accept under an earlier key"), 1),
        // Two accounts that were deleted, of which no log was kept: no key, no verdict.
        (("#account", NO_IDENTITY), 4),
        (("#commit", NO_IDENTITY), 181),
        (("#identity", NO_IDENTITY), 2),
        (("#sync", NO_IDENTITY), 2),
        // These carry nothing to verify.
        (("#account", "none"), 54),
        (("#identity", "none"), 51),
    ];
    assert_eq!(counts.values().sum::<usize>(), 3_464);
    assert_eq!(counts, BTreeMap::from(expected));

    let heads = shared_json("ts-capture/repos.json").unwrap();
    for account in heads.as_array().unwrap().iter().filter(|account| account["pds"] == "pds1") {
        let state = states[&Did::new(text(account, "did")).unwrap()];
        assert_eq!(state.rev.to_string(), text(account, "rev"), "{account}");
    }
}

/// The signing keys of each account in the order in which it had them.
fn keys() -> Option<HashMap<Did, Vec<PublicKey>>> {
    let folder = shared("ts-capture/plc")?;
    let mut keys = HashMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if !path.to_string_lossy().ends_with(".audit.json") {
            continue;
        }
        let log: Vec<Value> = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let did = Did::new(text(&log[0], "did")).unwrap();
        let mut of_account: Vec<PublicKey> = Vec::new();
        for operation in log {
            let operation = &operation["operation"]["verificationMethods"]["atproto"];
            let key = PublicKey::from_did_key(operation.as_str().unwrap()).unwrap();
            if of_account.last() != Some(&key) {
                of_account.push(key);
            }
        }
        keys.insert(did, of_account);
    }
    Some(keys)
}

const NO_IDENTITY: &str = "no identity";

/// After the recording.
const NOW: u64 = 1_800_000_000_000_000;
