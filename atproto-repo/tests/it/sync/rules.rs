//! Rules that the recorded and malformed messages do not reach.

use std::collections::BTreeSet;

use atproto_core::{
    crypto::{Curve, PublicKey, SecretKey},
    syntax::{Cid, Did, Tid},
};
use atproto_repo::{
    car,
    event::{CommitEvent, Event, SyncEvent},
    repo::{self, AppliedCommit, Write},
    sync::{
        Discontinuity, LegacyPolicy, RepoState, Verdict, VerifyContext, VerifyOptions,
        verify_commit, verify_sync,
    },
};

use super::word;
use crate::support::record;

const TIME: &str = "2026-01-01T00:00:00Z";
const NOW: u64 = 1_000_000_000;

/// A repository and its first two commits.
struct Scene {
    key: PublicKey,
    commits: [AppliedCommit; 3],
}

impl Scene {
    fn new() -> Self {
        let did = Did::new("did:plc:ewvi7nxzyoun6zhxrhs64oiz").unwrap();
        let key = SecretKey::from_bytes(Curve::P256, &[9; 32]).unwrap();
        let rev = |number| Tid::from_parts(NOW + number, 0);
        let write = |name: &str| {
            let (collection, rkey) = ("com.example.note".parse().unwrap(), name.parse().unwrap());
            vec![Write::Create { collection, rkey, record: record(name).into() }]
        };
        let first = repo::create(&did, &key, rev(1)).unwrap();
        let mut blocks = first.new_blocks.clone();
        let apply = |blocks: &_, head: &_, name, number| {
            repo::apply(blocks, head, &did, write(name), rev(number), &key).unwrap()
        };
        let second = apply(&blocks, &first.head, "a", 2);
        blocks.extend(second.new_blocks.clone());
        let third = apply(&blocks, &second.head, "b", 3);
        Self { key: key.public_key(), commits: [first, second, third] }
    }

    fn event(&self, index: usize) -> CommitEvent {
        let Event::Commit(event) = self.commits[index].to_event(1, TIME) else { panic!() };
        event
    }

    fn sync_event(&self, index: usize) -> SyncEvent {
        SyncEvent::of_commit(&self.commits[index].commit, TIME)
    }

    fn state(&self, index: usize) -> RepoState {
        let head = self.commits[index].head;
        RepoState { rev: head.rev, data: head.data }
    }

    fn context<'a>(&'a self, previous: Option<&'a RepoState>) -> VerifyContext<'a> {
        VerifyContext { key: &self.key, previous, now_micros: NOW }
    }

    fn judge(&self, event: &CommitEvent, previous: Option<usize>) -> Verdict {
        let previous = previous.map(|index| self.state(index));
        verify_commit(event, &self.context(previous.as_ref()), &VerifyOptions::default())
    }

    fn judge_sync(&self, index: usize, previous: Option<usize>) -> Verdict {
        let previous = previous.map(|index| self.state(index));
        let context = self.context(previous.as_ref());
        verify_sync(&self.sync_event(index), &context, &VerifyOptions::default())
    }
}

#[test]
fn fh_012_what_is_not_newer_is_stale() {
    let scene = Scene::new();
    for (event, previous, expected) in
        [(1, 0, "accept"), (1, 1, "stale"), (1, 2, "stale"), (2, 1, "accept")]
    {
        assert_eq!(word(&scene.judge(&scene.event(event), Some(previous))), expected);
    }
}

#[test]
fn fh_014_a_missed_commit_is_a_discontinuity() {
    let scene = Scene::new();
    let verdict = scene.judge(&scene.event(2), Some(0));
    let Verdict::Discontinuous { state, why: Discontinuity::Since { known, found } } = verdict
    else {
        panic!("{verdict:?}")
    };
    assert_eq!(state, scene.state(2));
    assert_eq!((known, found), (scene.state(0).rev, Some(scene.state(1).rev)));
}

#[test]
fn fh_014_since_counts_alone_where_asked_for() {
    let scene = Scene::new();
    let mut event = scene.event(2);
    event.since = Some(scene.state(0).rev);
    let previous = scene.state(1);
    let context = scene.context(Some(&previous));
    let options = VerifyOptions::default();
    assert_eq!(word(&verify_commit(&event, &context, &options)), "accept");
    let options = options.check_since(true);
    assert_eq!(word(&verify_commit(&event, &context, &options)), "discontinuous");
}

#[test]
fn fh_015_another_tree_before_is_a_discontinuity() {
    let scene = Scene::new();
    let other = RepoState { data: scene.state(0).data, ..scene.state(1) };
    let context = scene.context(Some(&other));
    let verdict = verify_commit(&scene.event(2), &context, &VerifyOptions::default());
    assert!(
        matches!(&verdict, Verdict::Discontinuous { why: Discontinuity::PrevData { .. }, .. }),
        "{verdict:?}"
    );
}

#[test]
fn fh_016_a_state_is_news_only_if_the_tree_is_another() {
    let scene = Scene::new();
    assert_eq!(word(&scene.judge_sync(1, None)), "accept");
    assert_eq!(word(&scene.judge_sync(1, Some(1))), "accept");
    assert_eq!(word(&scene.judge_sync(1, Some(2))), "stale");
    assert_eq!(word(&scene.judge_sync(2, Some(1))), "discontinuous");
}

#[test]
fn fh_013_commits_ahead_of_the_clock_are_refused() {
    let scene = Scene::new();
    let judge =
        |context: &VerifyContext<'_>, options: &_| verify_commit(&scene.event(2), context, options);
    assert_eq!(with_clock_behind(&scene, 10, judge), "accept");
    assert_eq!(with_clock_behind(&scene, 11, judge), "rev_in_future");
}

#[test]
fn rp_011_states_ahead_of_the_clock_are_refused() {
    let scene = Scene::new();
    let judge = |context: &VerifyContext<'_>, options: &_| {
        verify_sync(&scene.sync_event(2), context, options)
    };
    assert_eq!(with_clock_behind(&scene, 10, judge), "accept");
    assert_eq!(with_clock_behind(&scene, 11, judge), "rev_in_future");
    let minutes = VerifyOptions::default().max_ahead_micros / 60_000_000;
    assert_eq!(minutes, 5);
}

/// The verdict on the third commit where ten microseconds are tolerated and the clock is
/// so many behind it.
fn with_clock_behind(
    scene: &Scene,
    micros: u64,
    judge: impl Fn(&VerifyContext<'_>, &VerifyOptions) -> Verdict,
) -> &'static str {
    let context = VerifyContext { now_micros: NOW + 3 - micros, ..scene.context(None) };
    word(&judge(&context, &VerifyOptions::default().max_ahead_micros(10)))
}

#[test]
fn t32_a_first_commit_begins_from_nothing() {
    let scene = Scene::new();
    assert_eq!(word(&scene.judge(&scene.event(0), None)), "accept");
    // A later commit that pretends to be the first has records from before.
    let mut event = scene.event(2);
    (event.since, event.prev_data) = (None, None);
    assert_eq!(word(&scene.judge(&event, None)), "prev_data_mismatch");
    // One that really had none before is none the worse for it.
    let mut event = scene.event(1);
    (event.since, event.prev_data) = (None, None);
    assert_eq!(word(&scene.judge(&event, None)), "accept");
    assert_eq!(word(&scene.judge(&event, Some(0))), "accept");
    // To an account that was known to have records, it is one that began anew.
    let other = RepoState { data: scene.state(2).data, ..scene.state(0) };
    let context = scene.context(Some(&other));
    let verdict = verify_commit(&event, &context, &VerifyOptions::default());
    assert_eq!(word(&verdict), "discontinuous");
}

#[test]
fn commits_without_prev_data_are_for_the_policy() {
    let scene = Scene::new();
    let mut event = scene.event(2);
    event.prev_data = None;
    assert_eq!(word(&scene.judge(&event, Some(1))), "prev_data_missing");

    let options = VerifyOptions::default().legacy(LegacyPolicy::CheckOps);
    let previous = scene.state(1);
    let context = scene.context(Some(&previous));
    assert_eq!(word(&verify_commit(&event, &context, &options)), "accept");
    event.ops[0].path.rkey = "c".parse().unwrap();
    assert_eq!(word(&verify_commit(&event, &context, &options)), "op_mismatch");
    // Continuity is not given up with the proof.
    let older = scene.state(0);
    let context = scene.context(Some(&older));
    event.ops.clear();
    assert_eq!(word(&verify_commit(&event, &context, &options)), "discontinuous");
}

#[test]
fn a_record_must_be_among_the_blocks() {
    let scene = Scene::new();
    let mut event = scene.event(1);
    let (roots, mut blocks) = car::read_all(event.blocks.clone(), &car::Limits::default()).unwrap();
    blocks.remove(&event.ops[0].cid.unwrap());
    event.blocks = car::write(&roots[0], blocks.iter()).into();
    assert_eq!(word(&scene.judge(&event, Some(0))), "record_missing");
}

#[test]
fn sy_001_a_slice_begins_with_its_commit() {
    let scene = Scene::new();
    let event = scene.event(2);
    let (_, blocks) = car::read_all(event.blocks.clone(), &car::Limits::default()).unwrap();
    let judge = |root: &Cid, without: Option<&Cid>| {
        let blocks = blocks.iter().filter(|(cid, _)| Some(*cid) != without);
        let event = CommitEvent { blocks: car::write(root, blocks).into(), ..event.clone() };
        word(&scene.judge(&event, Some(1)))
    };
    assert_eq!(judge(&event.commit, None), "accept");
    assert_eq!(judge(&event.commit, Some(&event.commit)), "commit_missing");
    assert_eq!(judge(&scene.commits[2].head.data, None), "commit_mismatch");
}

#[test]
fn sy_010_a_path_is_written_once_in_a_commit() {
    let scene = Scene::new();
    let mut event = scene.event(2);
    event.ops.extend_from_within(..);
    assert_eq!(word(&scene.judge(&event, Some(1))), "duplicate_path");
}

#[test]
fn sy_011_to_013_messages_have_limits() {
    let options = VerifyOptions::default();
    assert_eq!(options.max_commit_blocks, 2_000_000);
    assert_eq!(options.max_record, 1_000_000);
    assert_eq!(options.max_ops, 200);
    let scene = Scene::new();
    let event = scene.event(2);
    let previous = scene.state(1);
    let record = car::read_all(event.blocks.clone(), &car::Limits::default()).unwrap().1;
    let record = record.get(&event.ops[0].cid.unwrap()).unwrap().len();
    let judge = |blocks, ops, record| {
        let mut options = VerifyOptions::default();
        (options.max_commit_blocks, options.max_ops, options.max_record) = (blocks, ops, record);
        word(&verify_commit(&event, &scene.context(Some(&previous)), &options))
    };
    let blocks = event.blocks.len();
    assert_eq!(judge(blocks, 1, record), "accept");
    assert_eq!(judge(blocks - 1, 1, record), "too_large");
    assert_eq!(judge(blocks, 0, record), "too_large");
    assert_eq!(judge(blocks, 1, record - 1), "too_large");
}

#[test]
fn sy_014_a_state_is_announced_by_its_commit_alone() {
    let scene = Scene::new();
    let event = scene.sync_event(2);
    let (roots, blocks) = car::read_all(event.blocks.clone(), &car::Limits::default()).unwrap();
    assert_eq!(roots, [scene.commits[2].head.commit]);
    assert_eq!(blocks.cids().collect::<Vec<_>>(), [&roots[0]]);

    let previous = scene.state(1);
    let context = scene.context(Some(&previous));
    let judge = |bytes| {
        let mut options = VerifyOptions::default();
        options.max_sync_blocks = bytes;
        word(&verify_sync(&event, &context, &options))
    };
    assert_eq!(judge(event.blocks.len()), "discontinuous");
    assert_eq!(judge(event.blocks.len() - 1), "too_large");
    assert_eq!(VerifyOptions::default().max_sync_blocks, 10_000);
}

#[test]
fn rp_012_a_new_signature_on_the_same_tree_is_no_news() {
    let scene = Scene::new();
    let new_key = SecretKey::from_bytes(Curve::K256, &[5; 32]).unwrap();
    let mut unsigned = scene.commits[2].commit.clone().into_unsigned();
    unsigned.rev = Tid::from_parts(NOW + 4, 0);
    let event = SyncEvent::of_commit(&unsigned.sign(&new_key).unwrap(), TIME);
    let previous = scene.state(2);
    let judge = |key: &PublicKey| {
        let context = VerifyContext { key, previous: Some(&previous), now_micros: NOW };
        word(&verify_sync(&event, &context, &VerifyOptions::default()))
    };
    assert_eq!(judge(&scene.key), "bad_signature");
    assert_eq!(judge(&new_key.public_key()), "accept");
}

#[test]
fn fh_003_a_commit_that_has_its_blocks_is_judged_by_them() {
    let scene = Scene::new();
    let mut event = scene.event(2);
    assert!(!event.too_big, "producers never set it");
    event.too_big = true;
    assert_eq!(word(&scene.judge(&event, Some(1))), "accept");
    event.blocks = Default::default();
    assert_eq!(word(&scene.judge(&event, Some(1))), "too_big");
}

#[test]
fn labels_are_distinct() {
    // Every variant's label appears once in the source of labels, so a set of those that
    // tests provoke shows typing errors.
    let scene = Scene::new();
    let mut labels = BTreeSet::new();
    let changes: [fn(&mut CommitEvent); 6] = [
        |event| (event.too_big, event.blocks) = (true, Default::default()),
        |event| event.rebase = true,
        |event| event.blocks = Default::default(),
        |event| event.since = Some(event.rev),
        |event| event.ops.extend_from_within(..),
        |event| event.ops[0].cid = None,
    ];
    for change in changes {
        let mut event = scene.event(2);
        change(&mut event);
        labels.insert(word(&scene.judge(&event, Some(1))));
    }
    assert_eq!(labels.len(), 6);
}
