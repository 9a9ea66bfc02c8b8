//! What the simulated network holds, and what of a consumer's memory survives.

use std::collections::{BTreeMap, HashMap};

use atproto_core::syntax::{Cid, Did, Tid};
use atproto_firehose::checkpoint::{Checkpoint, Head, Parked, StoredFilter};
use atproto_repo::event::{CommitEvent, Event as Message};
use atproto_repo::sync::RepoState;
use bytes::Bytes;

use crate::support::random::Random;

pub(super) struct World {
    /// Account and number within the account.
    pub(super) events: HashMap<(Did, Tid), (usize, i64)>,
    /// Of each upstream.
    pub(super) frames: [Vec<(i64, Bytes)>; 2],
}

pub(super) fn did(account: usize) -> Did {
    Did::new(format!("did:plc:{account:a>24}").replace(['0', '1', '8', '9'], "z")).unwrap()
}

pub(super) fn state(number: i64) -> RepoState {
    let rev = Tid::from_parts(1_700_000_000_000_000 + number as u64, 0);
    RepoState { rev, data: Cid::dag_cbor(&number.to_le_bytes()) }
}

impl World {
    pub(super) fn new(random: &mut Random, count: usize) -> Self {
        let (mut events, mut frames) = (HashMap::new(), [Vec::new(), Vec::new()]);
        let mut numbers: HashMap<usize, i64> = HashMap::new();
        let mut seqs = [0, 100_000];
        for _ in 0..count {
            // Half of all events are of one hot account.
            let account = if random.one_in(2) { 0 } else { 2 + random.below(5) };
            let number = *numbers.entry(account).and_modify(|number| *number += 1).or_insert(1);
            let RepoState { rev, data } = state(number);
            let mut commit = CommitEvent {
                seq: 0,
                repo: did(account),
                commit: data,
                rev,
                since: None,
                prev_data: None,
                blocks: vec![0; random.below(2_000)].into(),
                ops: Vec::new(),
                time: "2026-01-01T00:00:00Z".into(),
                too_big: false,
                rebase: false,
            };
            events.insert((did(account), rev), (account, number));
            for (seq, frames) in seqs.iter_mut().zip(&mut frames) {
                *seq += 1 + random.below(3) as i64;
                commit.seq = *seq;
                frames.push((*seq, Message::from(commit.clone()).encode().into()));
            }
        }
        Self { events, frames }
    }

    pub(super) fn find(&self, commit: &CommitEvent) -> (usize, i64) {
        self.events[&(commit.repo.clone(), commit.rev)]
    }
}

/// What survives a crash.
#[derive(Default)]
pub(super) struct Durable {
    pub(super) position: Checkpoint,
    pub(super) heads: HashMap<Did, Head>,
    pub(super) parked: BTreeMap<u64, Parked>,
    pub(super) filter: Option<StoredFilter>,
    /// The handler's effects: the last number applied of each account.
    pub(super) applied: HashMap<usize, i64>,
}

impl Durable {
    pub(super) fn save(&mut self, checkpoint: &Checkpoint) {
        let same = checkpoint.upstream == self.position.upstream;
        assert!(!same || checkpoint.cursor >= self.position.cursor, "the cursor moved back");
        self.heads.extend(checkpoint.heads.iter().cloned());
        self.parked.extend(checkpoint.parked.iter().map(|parked| (parked.id, parked.clone())));
        for id in &checkpoint.unparked {
            assert!(self.parked.remove(id).is_some(), "{id} is not parked");
        }
        if checkpoint.filter.is_some() {
            self.filter.clone_from(&checkpoint.filter);
        }
        self.position = checkpoint.clone();
    }

    pub(super) fn settled(&self, account: usize, number: i64) -> bool {
        let head = self.heads.get(&did(account)).and_then(|head| head.state);
        head.is_some_and(|head| head.rev >= state(number).rev)
    }
}
