//! Messages that were sound, changed in one place.

use atproto_core::{
    crypto::{Curve, SecretKey},
    syntax::{Cid, Did, Tid},
};
use atproto_repo::{
    BlockMap, BlockSource, BlockSourceError, RepoPath, car,
    event::{Action, CommitEvent, Event, RepoOp},
    mst::Limits,
    repo::{self, Head, Write},
    sync::{self, RepoState, Verdict, VerifyContext, VerifyOptions, verify_commit},
};
use bytes::Bytes;
use proptest::{collection::btree_set, prelude::*};
use std::{cell::RefCell, collections::BTreeSet};

use super::word;
use crate::support::record;

const FIRST: u64 = 1_000_000;

/// A repository with some records, and a message that changes some.
#[derive(Debug, Clone)]
struct Scene {
    key: SecretKeyBytes,
    before: RepoState,
    event: CommitEvent,
}

type SecretKeyBytes = [u8; 32];

fn key(bytes: &SecretKeyBytes) -> SecretKey {
    SecretKey::from_bytes(Curve::K256, bytes).unwrap()
}

fn path(number: u32) -> RepoPath {
    RepoPath::parse(&format!("com.example.note/{number}")).unwrap()
}

fn write(number: u32, text: &str, exists: bool) -> Write {
    let RepoPath { collection, rkey } = path(number);
    let record = record(text).into();
    match exists {
        true => Write::Update { collection, rkey, record },
        false => Write::Create { collection, rkey, record },
    }
}

fn scene(there: &BTreeSet<u32>, touched: &BTreeSet<u32>) -> Scene {
    let bytes = [7; 32];
    let (key, did) = (key(&bytes), Did::new("did:plc:ewvi7nxzyoun6zhxrhs64oiz").unwrap());
    let first = repo::create(&did, &key, Tid::from_parts(FIRST, 0)).unwrap();
    let mut blocks = first.new_blocks;
    let writes = there.iter().map(|number| write(*number, "old", false)).collect();
    let rev = |number| Tid::from_parts(FIRST + number, 0);
    let apply = |blocks: &BlockMap, head: &Head, writes, number| {
        repo::apply(blocks, head, &did, writes, rev(number), &key).unwrap()
    };
    let second = apply(&blocks, &first.head, writes, 1);
    blocks.extend(second.new_blocks);
    let writes = touched.iter().map(|number| match (there.contains(number), number % 3) {
        (true, 0) => Write::delete(path(*number)),
        (exists, _) => write(*number, &format!("new {number}"), exists),
    });
    let third = apply(&blocks, &second.head, writes.collect(), 2);
    let before = RepoState { rev: second.head.rev, data: second.head.data };
    let Event::Commit(event) = third.to_event(3, "2026-01-01T00:00:00Z") else { panic!() };
    Scene { key: bytes, before, event }
}

fn scenes() -> impl Strategy<Value = Scene> {
    (btree_set(0..80u32, 0..40), btree_set(0..80u32, 1..10))
        .prop_map(|(there, touched)| scene(&there, &touched))
}

fn judge(scene: &Scene, event: &CommitEvent) -> Verdict {
    let key = key(&scene.key).public_key();
    let context = VerifyContext { key: &key, previous: Some(&scene.before), now_micros: FIRST };
    verify_commit(event, &context, &VerifyOptions::default())
}

fn blocks(event: &CommitEvent) -> BlockMap {
    car::read_all(event.blocks.clone(), &car::Limits::default()).unwrap().1
}

fn archive(event: &CommitEvent, blocks: &BlockMap) -> Bytes {
    car::write(&event.commit, blocks.iter()).into()
}

/// Notes which blocks are asked for.
struct Asked<'a>(&'a BlockMap, RefCell<BTreeSet<Cid>>);

impl BlockSource for Asked<'_> {
    fn block(&self, cid: &Cid) -> Result<Option<Bytes>, BlockSourceError> {
        self.1.borrow_mut().insert(*cid);
        self.0.block(cid)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn t31_an_operation_dropped_added_or_changed_is_noticed(
        scene in scenes(),
        index in any::<prop::sample::Index>(),
        other in 80..200u32,
    ) {
        prop_assert_eq!(word(&judge(&scene, &scene.event)), "accept");
        let lies: [fn(&mut Vec<RepoOp>, usize, u32); 6] = [
            |ops, index, _| drop(ops.remove(index)),
            |ops, _, other| {
                let cid = Cid::dag_cbor(b"x");
                ops.push(RepoOp::delete(path(other), cid));
            },
            |ops, index, other| {
                let cid = ops[index].cid.unwrap_or(Cid::dag_cbor(b"x"));
                ops.push(RepoOp::create(path(other), cid));
            },
            |ops, index, other| ops[index].path = path(other),
            |ops, index, _| {
                ops[index].cid = ops[index].cid.map(|_| Cid::dag_cbor(b"x"));
                ops[index].prev = ops[index].prev.map(|_| Cid::dag_cbor(b"x"));
            },
            |ops, index, _| ops[index].action = match ops[index].action {
                Action::Create => Action::Update,
                Action::Update => Action::Delete,
                Action::Delete => Action::Create,
            },
        ];
        for (number, lie) in lies.iter().enumerate() {
            let mut event = scene.event.clone();
            let index = index.index(event.ops.len());
            lie(&mut event.ops, index, other);
            let verdict = judge(&scene, &event);
            prop_assert!(matches!(verdict, Verdict::Violation(_)), "{number}: {verdict:?}");
        }
    }

    /// The order of operations says nothing, since each has a path of its own.
    #[test]
    fn operations_in_another_order_mean_the_same(scene in scenes()) {
        let mut event = scene.event.clone();
        event.ops.reverse();
        prop_assert_eq!(word(&judge(&scene, &event)), "accept");
    }

    #[test]
    fn a_block_that_is_needed_and_gone_is_noticed(scene in scenes()) {
        let all = blocks(&scene.event);
        let asked = Asked(&all, RefCell::default());
        let commit = atproto_repo::commit::Commit::decode(all.get(&scene.event.commit).unwrap());
        let data = commit.unwrap().data;
        sync::invert(&data, &scene.event.ops, &asked, &Limits::default()).unwrap();
        let mut needed = asked.1.into_inner();
        needed.extend(scene.event.ops.iter().filter_map(|op| op.cid));
        needed.insert(scene.event.commit);
        needed.remove(&atproto_repo::mst::Tree::empty_root());
        for gone in all.cids() {
            let mut rest = all.clone();
            rest.remove(gone);
            let mut event = scene.event.clone();
            event.blocks = archive(&event, &rest);
            let verdict = judge(&scene, &event);
            // Neighbours' nodes that this commit happens not to need are no loss.
            let expected = !needed.contains(gone);
            prop_assert_eq!(matches!(verdict, Verdict::Accept(_)), expected, "{:?}", verdict);
        }
    }

    #[test]
    fn a_block_that_was_changed_is_noticed(
        scene in scenes(),
        place in any::<prop::sample::Index>(),
        bit in 0..8u32,
    ) {
        let mut event = scene.event.clone();
        let mut bytes = event.blocks.to_vec();
        let header = car::CarReader::new().for_slice(&bytes).unwrap().position();
        let place = header + place.index(bytes.len() - header);
        bytes[place] ^= 1 << bit;
        event.blocks = bytes.into();
        let verdict = judge(&scene, &event);
        prop_assert!(matches!(verdict, Verdict::Violation(_)), "{verdict:?}");
    }

    #[test]
    fn sy_007_more_blocks_than_needed_do_no_harm(scene in scenes(), extra in ".{1,20}") {
        let mut all = blocks(&scene.event);
        all.insert(Cid::raw(extra.as_bytes()), extra.into_bytes().into());
        let mut event = scene.event.clone();
        event.blocks = archive(&event, &all);
        prop_assert_eq!(word(&judge(&scene, &event)), "accept");
    }
}
