//! Frames of the public relay.

use std::collections::BTreeMap;

use atproto_core::{identity::DidDocument, syntax::Tid};
use atproto_repo::{
    event::Event,
    sync::{VerifyContext, VerifyOptions, verify_commit, verify_sync},
};

use super::word;
use crate::support::{frames, shared_bytes, shared_json};

#[test]
fn frames_of_the_public_relay_verify() {
    let Some(documents) = shared_json("firehose/relay-frames.did-docs.json") else { return };
    let bytes = shared_bytes("firehose/relay-frames.bin").unwrap();
    let mut counts: BTreeMap<_, usize> = BTreeMap::new();
    for frame in frames(&bytes) {
        let event = Event::decode(frame.to_vec()).unwrap();
        let document = &documents[event.did().unwrap().as_str()];
        let judge = || {
            let document = DidDocument::from_json(document.to_string().as_bytes()).ok()?;
            let key = document.signing_key().ok()?;
            let now = |rev: Tid| rev.micros();
            let context = |now_micros| VerifyContext { key: &key, previous: None, now_micros };
            let options = VerifyOptions::default();
            Some(match &event {
                Event::Commit(event) => verify_commit(event, &context(now(event.rev)), &options),
                Event::Sync(event) => verify_sync(event, &context(now(event.rev)), &options),
                _ => return None,
            })
        };
        let outcome = judge().map_or("none", |verdict| word(&verdict));
        *counts.entry((event.kind(), outcome)).or_default() += 1;
    }
    assert_eq!(counts, BTreeMap::from([(("#commit", "accept"), 75)]));
}
