//! Commits that are made: what is in them, and that they hold up.

use std::collections::BTreeMap;

use atproto_core::{
    crypto::{Curve, SecretKey},
    data::{Extra, cbor},
    endpoint::{KeyKind, Record},
    object,
    syntax::{Did, Tid},
};
use atproto_repo::{
    BlockMap, RepoPath, car,
    event::{Action, Event},
    mst::{Limits, Tree, diff, lookup},
    repo::{self, ApplyError, Head, Repo, Write},
    sync,
};
use proptest::{collection::vec, prelude::*};

use crate::support::record;

struct Account {
    did: Did,
    key: SecretKey,
    blocks: BlockMap,
    head: Head,
    records: BTreeMap<RepoPath, String>,
}

impl Account {
    fn new() -> Self {
        let did = Did::new("did:plc:ewvi7nxzyoun6zhxrhs64oiz").unwrap();
        let key = SecretKey::from_bytes(Curve::K256, &[7; 32]).unwrap();
        let first = repo::create(&did, &key, Tid::from_parts(1, 0)).unwrap();
        let records = BTreeMap::new();
        Self { did, key, blocks: first.new_blocks, head: first.head, records }
    }

    fn next_rev(&self) -> Tid {
        Tid::from_parts(self.head.rev.micros() + 1, 0)
    }

    /// Applies writes that fit, and keeps exactly what the commit says.
    fn apply(&mut self, changes: BTreeMap<RepoPath, Option<String>>) -> repo::AppliedCommit {
        let writes = changes.iter().filter_map(|(path, text)| {
            let (collection, rkey) = (path.collection.clone(), path.rkey.clone());
            let record = |text| record(text).into();
            match (self.records.get(path), text) {
                (None, Some(text)) => {
                    Some(Write::Create { collection, rkey, record: record(text) })
                }
                (Some(_), Some(text)) => {
                    Some(Write::Update { collection, rkey, record: record(text) })
                }
                (Some(_), None) => Some(Write::delete(path.clone())),
                (None, None) => None,
            }
        });
        let writes = writes.collect();
        let rev = self.next_rev();
        let applied =
            repo::apply(&self.blocks, &self.head, &self.did, writes, rev, &self.key).unwrap();
        for (path, text) in changes {
            match text {
                Some(text) => self.records.insert(path, text),
                None => self.records.remove(&path),
            };
        }
        // A record may live on at another path.
        let texts: Vec<_> = self.records.values().map(|text| record(text)).collect();
        for cid in &applied.removed {
            if !texts.iter().any(|text| cid.matches(text)) {
                self.blocks.remove(cid).expect("what is removed was stored");
            }
        }
        self.blocks.extend(applied.new_blocks.clone());
        self.head = applied.head;
        applied
    }
}

fn changes() -> impl Strategy<Value = BTreeMap<RepoPath, Option<String>>> {
    let path = (0..60u32).prop_map(|n| RepoPath::parse(&format!("com.example.note/{n}")).unwrap());
    let text = prop::option::weighted(0.7, "[ab]{1,2}");
    prop::collection::btree_map(path, text, 0..12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn every_commit_inverts_and_the_store_stays_exact(batches in vec(changes(), 1..10)) {
        let mut account = Account::new();
        for batch in batches {
            let before = account.head;
            let old = account.blocks.clone();
            let applied = account.apply(batch);
            prop_assert_eq!(applied.since, Some(before.rev));
            prop_assert_eq!(applied.prev_data, Some(before.data));
            applied.commit.verify(&account.key.public_key()).unwrap();

            let (roots, slice) = car::read_all(applied.car.clone(), &car::Limits::default()).unwrap();
            prop_assert_eq!(roots, vec![applied.head.commit]);
            let data = applied.head.data;
            let limits = Limits::default();
            prop_assert_eq!(sync::invert(&data, &applied.ops, &slice, &limits).unwrap(), before.data);
            for op in &applied.ops {
                prop_assert!(op.cid.is_none_or(|cid| slice.contains(&cid)), "SY-004");
            }
            let diff = diff((&old, &before.data), (&slice, &data), &limits).unwrap();
            prop_assert!(diff.created_nodes.iter().all(|node| slice.contains(node)), "SY-002");
            prop_assert!(diff.changes.len() <= applied.ops.len());

            let mut archive = Vec::new();
            repo::export(&account.blocks, &account.head, &mut archive).unwrap();
            let verified = repo::verify(archive, Some(&account.key.public_key())).unwrap();
            let records: Vec<_> = verified.records().map(|r| (r.path, r.bytes.to_vec())).collect();
            let expected: Vec<_> =
                account.records.iter().map(|(path, text)| (path.clone(), record(text))).collect();
            prop_assert_eq!(records, expected);
            prop_assert_eq!(verified.reachable().len(), account.blocks.len());
        }
    }
}

#[test]
fn rp_009_revisions_only_increase() {
    let account = Account::new();
    let Account { did, key, blocks, head, .. } = &account;
    for micros in 0..3 {
        let rev = Tid::from_parts(micros, 0);
        let applied = repo::apply(blocks, head, did, Vec::new(), rev, key);
        assert_eq!(applied.is_ok(), rev > head.rev, "{rev}");
        let resigned = repo::resign(blocks, head, did, rev, key);
        assert_eq!(resigned.is_ok(), rev > head.rev, "{rev}");
    }
}

#[test]
fn rp_010_a_revision_is_the_time_unless_the_clock_went_back() {
    let account = Account::new();
    let head = Head { rev: Tid::from_parts(Tid::now().micros() + 60_000_000, 0), ..account.head };
    let mut ahead = Repo::open(account.blocks.clone(), account.did.clone(), head);
    let applied = ahead.apply([], &account.key).unwrap();
    assert_eq!(applied.head.rev.micros(), head.rev.micros() + 1);

    let mut usual = Repo::open(account.blocks, account.did, account.head);
    let before = Tid::now().micros();
    let rev = usual.apply([], &account.key).unwrap().head.rev.micros();
    assert!((before..=Tid::now().micros()).contains(&rev), "{rev}");
}

#[test]
fn rp_015_a_deleted_record_leaves_nothing_behind() {
    let mut account = Account::new();
    let path = |name: &str| RepoPath::parse(&format!("com.example.note/{name}")).unwrap();
    account.apply([(path("kept"), Some("kept".to_owned()))].into_iter().collect());
    let (data, blocks) = (account.head.data, account.blocks.len());
    account.apply([(path("gone"), Some("gone".to_owned()))].into_iter().collect());
    account.apply([(path("gone"), None)].into_iter().collect());
    assert_eq!((account.head.data, account.blocks.len()), (data, blocks));
    let mut archive = Vec::new();
    repo::export(&account.blocks, &account.head, &mut archive).unwrap();
    assert!(!archive.windows(4).any(|bytes| bytes == b"gone"));
}

#[test]
fn the_first_commit_is_empty() {
    let account = Account::new();
    assert_eq!(account.head.data, Tree::empty_root());
    assert_eq!(account.blocks.len(), 2);
}

#[test]
fn sy_009_operations_say_what_was_and_what_is() {
    let mut account = Account::new();
    let path = RepoPath::parse("com.example.note/self").unwrap();
    let mut ops = Vec::new();
    for text in [Some("one"), Some("two"), None] {
        let change = [(path.clone(), text.map(str::to_owned))].into_iter().collect();
        ops.extend(account.apply(change).ops);
    }
    let forms: Vec<_> =
        ops.iter().map(|op| (op.action, op.cid.is_some(), op.prev.is_some())).collect();
    assert_eq!(
        forms,
        [
            (Action::Create, true, false),
            (Action::Update, true, true),
            (Action::Delete, false, true)
        ]
    );
    assert_eq!(account.head.data, Tree::empty_root());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn sy_001_and_002_and_004_the_slice_has_what_is_new_and_not_what_was(
        before in changes(),
        batch in changes(),
    ) {
        let mut account = Account::new();
        account.apply(before);
        let old = (account.blocks.clone(), account.head.data);
        let applied = account.apply(batch);
        let (roots, slice) = car::read_all(applied.car, &car::Limits::default()).unwrap();
        prop_assert_eq!(&roots, &[applied.head.commit]);
        prop_assert!(slice.contains(&applied.head.commit));

        let new = (&account.blocks as _, &account.head.data);
        let between = diff((&old.0, &old.1), new, &Limits::default()).unwrap();
        for node in &between.created_nodes {
            prop_assert!(slice.contains(node));
        }
        let present: Vec<_> = applied.ops.iter().filter_map(|op| op.cid).collect();
        for op in &applied.ops {
            prop_assert!(op.cid.is_none_or(|cid| slice.contains(&cid)));
            // The record before is there only if it is also a record now.
            let was = op.prev.filter(|cid| !present.contains(cid));
            prop_assert!(was.is_none_or(|cid| !slice.contains(&cid)));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn it_002_the_slice_proves_the_changed_keys_and_their_neighbours(
        before in changes(),
        batch in changes(),
    ) {
        let mut account = Account::new();
        account.apply(before);
        let applied = account.apply(batch);
        let (_, slice) = car::read_all(applied.car, &car::Limits::default()).unwrap();
        let keys: Vec<_> = account.records.keys().map(RepoPath::to_key).collect();
        for op in &applied.ops {
            let (key, data) = (op.path.to_key(), account.head.data);
            let find = |key: &[u8]| lookup(&slice, &data, key, &Limits::default());
            prop_assert_eq!(find(&key).unwrap(), op.cid);
            let next = keys.iter().find(|other| **other > key);
            let previous = keys.iter().rfind(|other| **other < key);
            for neighbour in next.into_iter().chain(previous) {
                prop_assert!(find(neighbour).unwrap().is_some());
            }
        }
    }
}

#[test]
fn sy_005_a_record_that_comes_back_is_in_the_slice_again() {
    let mut account = Account::new();
    let path = RepoPath::parse("com.example.note/self").unwrap();
    let mut created = Vec::new();
    for text in [Some("same"), None, Some("same")] {
        let change = [(path.clone(), text.map(str::to_owned))].into_iter().collect();
        let applied = account.apply(change);
        if let Some(cid) = applied.ops[0].cid {
            let (_, slice) = car::read_all(applied.car, &car::Limits::default()).unwrap();
            assert!(slice.contains(&cid));
            created.push(cid);
        }
    }
    assert_eq!(created.len(), 2);
    assert_eq!(created[0], created[1]);
}

#[test]
fn sy_006_a_record_that_moves_is_in_the_slice() {
    let mut account = Account::new();
    let [from, to] =
        ["com.example.note/a", "com.example.note/b"].map(|path| RepoPath::parse(path).unwrap());
    account.apply([(from.clone(), Some("same".to_owned()))].into_iter().collect());
    let moved = [(from, None), (to, Some("same".to_owned()))].into_iter().collect();
    let applied = account.apply(moved);
    let (_, slice) = car::read_all(applied.car, &car::Limits::default()).unwrap();
    let cid = applied.ops[1].cid.unwrap();
    assert!(slice.contains(&cid));
    assert!(!applied.removed.contains(&cid));
}

#[test]
fn writes_that_do_not_fit_are_refused() {
    let account = Account::new();
    let apply = |writes, rev| {
        let Account { did, key, blocks, head, .. } = &account;
        repo::apply(blocks, head, did, writes, rev, key).unwrap_err()
    };
    let path = || RepoPath::parse("com.example.note/self").unwrap();
    let create = |bytes: &[u8]| {
        let RepoPath { collection, rkey } = path();
        Write::Create { collection, rkey, record: bytes.to_vec().into() }
    };
    let rev = account.next_rev();
    let error = apply(vec![Write::delete(path())], rev);
    assert!(matches!(error, ApplyError::NotFound { .. }));
    let error = apply(vec![create(&record("a")), create(&record("b"))], rev);
    assert!(matches!(error, ApplyError::SamePath { .. }));
    let error = apply(vec![create(&record("a"))], account.head.rev);
    assert!(matches!(error, ApplyError::Rev { .. }));
    for not_a_record in [&b"\x80"[..], b"\xa1\x61a\xf9\x00\x00", b"", b"\xa0\xa0"] {
        let error = apply(vec![create(not_a_record)], rev);
        assert!(matches!(error, ApplyError::Record { .. }), "{error}");
    }
    let error = apply(vec![create(&record(&"a".repeat(1_000_001)))], rev);
    assert!(matches!(error, ApplyError::TooLarge { limit: 1_000_000, .. }));
}

#[test]
fn it_003_a_commit_beyond_the_limits_is_announced_as_a_state() {
    let mut account = Account::new();
    let many = |count: u32| {
        let path = |n| RepoPath::parse(&format!("com.example.note/{n}")).unwrap();
        (0..count).map(|n| (path(n), Some("a".to_owned()))).collect()
    };
    let within = account.apply(many(200)).to_event(1, "2026-01-01T00:00:00Z");
    assert!(matches!(within, Event::Commit(_)));
    let mut account = Account::new();
    let beyond = account.apply(many(201)).to_event(2, "2026-01-01T00:00:00Z");
    assert!(matches!(&beyond, Event::Sync(event) if event.blocks.len() < 10_000));
    assert_eq!(beyond.seq(), Some(2));
}

#[derive(Debug, Clone, PartialEq)]
struct Note {
    text: String,
    extra: Extra,
}

object!(Note = "com.example.note" { text "text" required });

impl Record for Note {
    const NSID: &'static str = "com.example.note";
    const KEY: KeyKind = KeyKind::Tid;
}

#[test]
fn typed_records_are_written_as_they_are_read() {
    let key = SecretKey::from_bytes(Curve::P256, &[7; 32]).unwrap();
    let did = Did::new("did:plc:ewvi7nxzyoun6zhxrhs64oiz").unwrap();
    let mut repo = Repo::create(BlockMap::new(), did, &key).unwrap();
    let note = Note { text: "hello".to_owned(), extra: Extra::default() };
    let commit = repo.apply([Write::create(&note).unwrap()], &key).unwrap();
    let path = &commit.ops[0].path;
    assert_eq!(path.collection, "com.example.note");
    assert!(Tid::new(path.rkey.as_str()).is_ok());
    let (cid, bytes) = repo.get(path).unwrap().unwrap();
    assert_eq!(Some(cid), commit.ops[0].cid);
    assert_eq!(cbor::from_slice::<Note>(&bytes).unwrap(), note);

    let changed = Note { text: "changed".to_owned(), ..note };
    repo.apply([Write::update_at(path.rkey.clone(), &changed).unwrap()], &key).unwrap();
    repo.apply([Write::delete(path.clone())], &key).unwrap();
    assert_eq!(repo.get(path).unwrap(), None);
    assert_eq!(repo.head().data, Tree::empty_root());
    assert!(repo.head().rev > commit.head.rev, "RP-009");
}
