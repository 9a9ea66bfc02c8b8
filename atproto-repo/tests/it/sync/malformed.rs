//! The malformed frames and commits, each with the verdict that its fault deserves.

use atproto_core::{
    crypto::PublicKey,
    syntax::{Cid, Datetime, Did, Tid},
};
use atproto_repo::{
    car,
    commit::Commit,
    event::{Event, SyncEvent},
    sync::{RepoState, Verdict, VerifyContext, VerifyOptions, verify_commit, verify_sync},
};
use serde_json::Value;

use super::{state, word};
use crate::support::{bad_input, frames, shared_bytes, shared_json, text};

/// Frames that decode, and their verdicts. What is a choice is marked.
const VERDICTS: [(&str, &str); 41] = [
    ("control-commit-create", "accept"),
    ("control-commit-delete", "accept"),
    ("control-commit-update", "accept"),
    ("control-commit-multi", "accept"),
    ("control-commit-ops-200", "accept"),
    ("control-sync", "accept"),
    ("header-extra", "accept"),
    ("commit-blobs-missing", "accept"),
    ("commit-prevdata-wrong", "prev_data_mismatch"),
    ("commit-prevdata-is-new-root", "prev_data_mismatch"),
    // Expected is a resync, which the violation calls for.
    ("commit-toobig-empty-blocks", "too_big"),
    ("commit-empty-blocks", "blocks_empty"),
    // A choice: history that was rewritten proves nothing.
    ("commit-rebase-true", "rebase"),
    ("commit-ops-over-200", "too_large"),
    ("op-delete-with-cid", "op_form"),
    ("op-update-no-prev", "prev_missing"),
    ("op-update-wrong-prev", "prev_data_mismatch"),
    ("op-duplicate-path", "duplicate_path"),
    ("op-cid-not-in-tree", "op_mismatch"),
    ("op-path-not-in-tree", "op_mismatch"),
    ("op-omitted", "prev_data_mismatch"),
    ("block-mst-missing", "block_missing"),
    ("block-mst-leaf-missing", "block_missing"),
    ("block-hash-mismatch", "car"),
    ("block-extra", "accept"),
    ("commit-cid-not-root", "commit_mismatch"),
    ("commit-rev-mismatch", "rev_mismatch"),
    ("commit-repo-mismatch", "did_mismatch"),
    ("commit-sig-bad", "bad_signature"),
    ("commit-sig-high-s", "bad_signature"),
    ("commit-sig-old-key", "bad_signature"),
    ("commit-rev-future", "rev_in_future"),
    ("commit-version-2", "commit"),
    // A choice: what claims to come before itself is refused.
    ("commit-since-after-rev", "since_not_before"),
    ("record-not-map", "record_invalid"),
    // A choice: the lexicon of a record is for others to check.
    ("record-type-missing", "accept"),
    ("record-type-mismatch", "accept"),
    ("record-float", "record_invalid"),
    ("record-over-1mb", "too_large"),
    ("blocks-over-2mb", "too_large"),
    ("sync-blocks-over-10k", "too_large"),
];

#[test]
fn sy_008_every_fault_has_its_verdict() {
    let Some(cases) = bad_input("frame/") else { return };
    let mut seen = Vec::new();
    for case in &cases {
        let file = text(case, "file");
        let bytes = shared_bytes(&format!("bad-input/{file}")).unwrap();
        let name = file.trim_start_matches("frame/").trim_end_matches(".bin");
        let Some(verdict) = verdict(case, bytes) else { continue };
        if name.starts_with("sync-no-commit") || name.starts_with("sync-rev") {
            assert!(["commit_missing", "rev_mismatch"].contains(&word(&verdict)), "{name}");
            continue;
        }
        let expected = VERDICTS.iter().find(|(other, _)| *other == name);
        let (_, expected) = expected.unwrap_or_else(|| panic!("{name}: {verdict:?}"));
        assert_eq!(word(&verdict), *expected, "{name}: {}: {verdict:?}", text(case, "expect"));
        seen.push(name.to_owned());
    }
    seen.sort();
    let mut expected: Vec<_> = VERDICTS.iter().map(|(name, _)| *name).collect();
    expected.sort();
    assert_eq!(seen, expected);
}

#[test]
fn only_what_was_lost_calls_for_a_resync() {
    let Some(cases) = bad_input("frame/") else { return };
    let resync = |name: &str| {
        let file = format!("frame/{name}.bin");
        let case = cases.iter().find(|case| case["file"] == file).unwrap();
        let bytes = shared_bytes(&format!("bad-input/{file}")).unwrap();
        match verdict(case, bytes) {
            Some(Verdict::Violation(violation)) => violation.desynchronizes(),
            other => panic!("{name}: {other:?}"),
        }
    };
    assert!(resync("commit-toobig-empty-blocks"));
    assert!(resync("commit-prevdata-wrong"));
    // It may be this clock that is wrong, and the commit the account's last for long.
    assert!(resync("commit-rev-future"));
    assert!(!resync("commit-sig-bad"));
}

fn verdict(case: &Value, bytes: Vec<u8>) -> Option<Verdict> {
    let key = PublicKey::from_multikey(case["signing_key"].as_str()?).unwrap();
    let context = VerifyContext { key: &key, previous: None, now_micros: now(case) };
    let options = VerifyOptions::default();
    match Event::decode(bytes).ok()? {
        Event::Commit(event) => Some(verify_commit(&event, &context, &options)),
        Event::Sync(event) => Some(verify_sync(&event, &context, &options)),
        _ => None,
    }
}

#[test]
fn fh_012_fh_015_a_stream_is_held_to_the_state_before() {
    let Some(cases) = bad_input("frame/stream-state") else { return };
    let bytes = shared_bytes("bad-input/frame/stream-state.frames").unwrap();
    let key = PublicKey::from_multikey(text(&cases[0], "signing_key")).unwrap();
    let mut previous: Option<RepoState> = None;
    let mut last_seq = 0;
    let mut verdicts = Vec::new();
    for frame in frames(&bytes) {
        let Event::Commit(event) = Event::decode(frame.to_vec()).unwrap() else { panic!() };
        if event.seq <= last_seq {
            verdicts.push("seq");
            continue;
        }
        last_seq = event.seq;
        let context =
            VerifyContext { key: &key, previous: previous.as_ref(), now_micros: now(&cases[0]) };
        let verdict = verify_commit(&event, &context, &VerifyOptions::default());
        verdicts.push(word(&verdict));
        // A consumer keeps the last good state until it has fetched the repository.
        if let Verdict::Accept(state) = verdict {
            previous = Some(state);
        }
    }
    let expected =
        ["accept", "accept", "seq", "seq", "stale", "stale", "accept", "discontinuous", "accept"];
    assert_eq!(verdicts, expected);
}

/// The commits of `bad-input` as `#sync` messages.
#[test]
fn commits_as_states() {
    let Some(cases) = bad_input("commit/") else { return };
    for case in cases {
        let (file, expect) = (text(&case, "file"), text(&case, "expect"));
        let bytes = shared_bytes(&format!("bad-input/{file}")).unwrap();
        let (roots, blocks) = car::read_all(bytes, &car::Limits::default()).unwrap();
        let block = blocks.get(&roots[0]).unwrap();
        let rev = match Commit::decode(block) {
            Ok(commit) => commit.rev,
            Err(_) => Tid::from_parts(now(&case), 0),
        };
        let event = SyncEvent::new(
            Did::new(text(&case, "did")).unwrap(),
            car::write(&roots[0], [(&roots[0], block)]).into(),
            rev,
            "2026-09-21T13:33:20Z",
        );
        let key = PublicKey::from_multikey(text(&case, "signing_key")).unwrap();
        let previous = case["last_rev"].as_str().map(|rev| RepoState {
            rev: rev.parse().unwrap(),
            data: Cid::dag_cbor(b"another tree"),
        });
        let context =
            VerifyContext { key: &key, previous: previous.as_ref(), now_micros: now(&case) };
        let verdict = verify_sync(&event, &context, &VerifyOptions::default());
        let accepted = matches!(verdict, Verdict::Accept(_));
        assert_eq!(accepted, expect == "accept", "{file}: {expect}: {verdict:?}");
        if file.contains("rev-not-newer") {
            assert!(state(&verdict).is_some(), "another tree under the same revision: {verdict:?}");
        }
        if file.contains("did-case") {
            assert_eq!(word(&verdict), "did_mismatch");
        }
    }
}

/// The time of a case, or that of the whole set.
fn now(case: &Value) -> u64 {
    let manifest = shared_json("bad-input/manifest.json").unwrap();
    let now = case["now"].as_str().or(manifest["now"].as_str()).unwrap();
    Datetime::new(now).unwrap().unix_micros().unwrap().try_into().unwrap()
}
