//! Verdicts over messages: whatever an author signs, the verifier ends, and what it accepts
//! is what the operations say.
//!
//! The input is chunks: blocks, of which the last but one is the commit, and a frame. The
//! commit is signed and put into the frame here, as nobody guesses a signature.

use std::sync::LazyLock;

use atproto_core::crypto::{Curve, SecretKey};
use atproto_repo::{
    car,
    commit::Commit,
    event::Event,
    mst::Limits,
    sync::{
        LegacyPolicy, Verdict, VerifyContext, VerifyOptions, invert, verify_commit, verify_sync,
    },
};

use super::chunks;

static KEY: LazyLock<SecretKey> =
    LazyLock::new(|| SecretKey::from_bytes(Curve::K256, &[7; 32]).expect("a key"));

/// 2100: after every revision that an input is likely to hold.
const NOW_MICROS: u64 = 4_102_444_800_000_000;

pub(crate) fn check(data: &[u8]) {
    let mut blocks = chunks::blocks(data, |_, block| match Commit::decode(&block) {
        Ok(commit) => commit.into_unsigned().sign(&*KEY).expect("the key signs").encode(),
        Err(_) => block,
    });
    let Some((_, frame)) = blocks.pop() else { return };
    let Some((root, _)) = blocks.last() else { return };
    let archive = car::write(root, blocks.iter().map(|(cid, block)| (cid, block)));
    let Ok(mut event) = Event::decode(frame) else { return };
    match &mut event {
        Event::Commit(event) => (event.blocks, event.commit) = (archive.into(), *root),
        Event::Sync(event) => event.blocks = archive.into(),
        _ => return,
    }

    let key = KEY.public_key();
    for options in [
        VerifyOptions::default(),
        VerifyOptions::default().legacy(LegacyPolicy::CheckOps).check_since(true),
    ] {
        let judge = |previous| {
            let context = VerifyContext { key: &key, previous, now_micros: NOW_MICROS };
            match &event {
                Event::Commit(event) => verify_commit(event, &context, &options),
                Event::Sync(event) => verify_sync(event, &context, &options),
                _ => Verdict::Stale,
            }
        };
        let (Verdict::Accept(state) | Verdict::Discontinuous { state, .. }) = judge(None) else {
            continue;
        };
        assert!(!matches!(judge(Some(&state)), Verdict::Accept(_)), "accepted twice");
        if let Event::Commit(event) = &event
            && let Some(prev_data) = &event.prev_data
        {
            let (_, source) = car::read_all(event.blocks.clone(), &car::Limits::default())
                .expect("the archive was accepted");
            let inverted = invert(&state.data, &event.ops, &source, &Limits::default());
            let exact = options.legacy == LegacyPolicy::Reject;
            assert!(inverted.as_ref().map_or(!exact, |root| root == prev_data), "{inverted:?}");
        }
    }
}
