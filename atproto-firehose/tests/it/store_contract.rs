//! What every store promises, asked of each.

#[cfg(feature = "postgres")]
mod postgres;

use atproto_core::{
    Class, Classify,
    syntax::{Cid, Did, Tid},
};
use atproto_firehose::{
    checkpoint::{Checkpoint, Head, Parked, ParkedRef, Reject, StoredFilter},
    state::{MAX_REJECTS, MemoryState, SavedByCaller, SqliteState, Store, StoreError},
};
use atproto_repo::sync::RepoState;
use bytes::Bytes;

#[tokio::test]
async fn memory_keeps_the_contract() {
    let state = MemoryState::default();
    keeps_the_contract(&state, &state).await;
}

#[tokio::test]
async fn sqlite_keeps_the_contract() {
    let dir = tempfile::tempdir().unwrap();
    let open = || SqliteState::open(dir.path().join("state")).unwrap();
    keeps_the_contract(&open(), &open()).await;
    keeps_rejects(&SqliteState::open(dir.path().join("rejects")).unwrap()).await;
}

/// As they were before there were gaps in them, with some of the columns added: as if whoever
/// did so last had been interrupted.
#[tokio::test]
async fn tables_of_an_earlier_version_are_taken_over_in_sqlite() {
    let dir = tempfile::tempdir().unwrap();
    for interrupted in [false, true] {
        let path = dir.path().join(format!("interrupted: {interrupted}"));
        let state = SqliteState::open(&path).unwrap();
        let mut checkpoint = at(1, Some(7), &[8]);
        checkpoint.heads = vec![(did('a'), Head { gaps: 0, ..head(5, false) })];
        state.save(checkpoint.clone()).await.unwrap();
        drop(state);
        let older = rusqlite::Connection::open(&path).unwrap();
        older.execute_batch("ALTER TABLE firehose_head DROP COLUMN gaps").unwrap();
        if !interrupted {
            older.execute_batch("ALTER TABLE firehose_position DROP COLUMN gaps").unwrap();
        }
        drop(older);
        let state = SqliteState::open(&path).unwrap();
        for (did, head) in std::mem::take(&mut checkpoint.heads) {
            assert_eq!(state.head(&did).await.unwrap(), Some(head));
        }
        assert_eq!(state.load().await.unwrap(), checkpoint);
        let again = SqliteState::open(&path).unwrap();
        state.take_over().await.unwrap();
        state.save(at(2, Some(9), &[])).await.unwrap();
        assert_eq!(again.load().await.unwrap(), at(2, Some(9), &[]));
    }
}

#[tokio::test]
async fn a_store_that_the_caller_saves_to_is_taken_over_all_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let inner = SqliteState::open(dir.path().join("state")).unwrap();
    let state: Box<dyn Store> = Box::new(SavedByCaller(inner.clone()));
    assert!(inner.saves() && !state.saves());
    keeps_the_contract(&state, &inner).await;
}

/// `again` is the same state once more, opened anew where it can be.
async fn keeps_the_contract(state: &dyn Store, again: &dyn Store) {
    is_empty_at_first(state).await;
    returns_what_was_saved(state, again).await;
    replaces_heads_one_by_one(state, again).await;
    keeps_what_is_parked(state, again).await;
    keeps_the_filter(state, again).await;
    keeps_the_positions_of_all_upstreams(state, again).await;
    refuses_an_old_epoch_and_keeps_what_it_has(state, again).await;
    is_taken_over_once_by_each(state, again).await;
}

/// A store that shows what was given up.
trait Inspect: Store {
    async fn rejects(&self, after: i64, max: usize) -> Result<Vec<(i64, Reject)>, StoreError>;
    async fn reject_counts(&self) -> Result<Vec<(String, u64)>, StoreError>;
    async fn discard_reject(&self, id: i64) -> Result<bool, StoreError>;
}

impl Inspect for SqliteState {
    async fn rejects(&self, after: i64, max: usize) -> Result<Vec<(i64, Reject)>, StoreError> {
        self.rejects(after, max)
    }

    async fn reject_counts(&self) -> Result<Vec<(String, u64)>, StoreError> {
        self.reject_counts()
    }

    async fn discard_reject(&self, id: i64) -> Result<bool, StoreError> {
        self.discard_reject(id)
    }
}

async fn keeps_rejects(state: &impl Inspect) {
    let mut checkpoint = at(1, Some(3), &[]);
    checkpoint.rejects = (1..=3).map(|seq| reject(seq, "handler")).collect();
    checkpoint.rejects.push(Reject::new(0, None, "bad", "no \u{1F600}", Bytes::new()));
    state.save(checkpoint.clone()).await.unwrap();
    let kept = state.rejects(0, 10).await.unwrap();
    assert!(kept.is_sorted_by_key(|(id, _)| *id));
    assert_eq!(
        kept.iter().map(|(_, reject)| reject.clone()).collect::<Vec<_>>(),
        checkpoint.rejects
    );
    assert_eq!(state.rejects(kept[0].0, 2).await.unwrap(), kept[1..3]);
    let counts = [("bad".to_owned(), 1), ("handler".to_owned(), 3)];
    assert_eq!(state.reject_counts().await.unwrap(), counts);

    let mut checkpoint = at(1, Some(4), &[]);
    checkpoint.replayed = vec![kept[0].0, kept[2].0];
    state.save(checkpoint).await.unwrap();
    assert!(state.discard_reject(kept[3].0).await.unwrap());
    assert!(!state.discard_reject(kept[3].0).await.unwrap());
    assert_eq!(state.rejects(0, 10).await.unwrap(), kept[1..2]);

    let mut checkpoint = at(1, Some(5), &[]);
    checkpoint.rejects = (0..MAX_REJECTS).map(|seq| reject(seq, "many")).collect();
    state.save(checkpoint).await.unwrap();
    let counts = [("many".to_owned(), MAX_REJECTS as u64)];
    assert_eq!(state.reject_counts().await.unwrap(), counts, "the oldest go first");
}

async fn is_empty_at_first(state: &dyn Store) {
    assert_eq!(state.load().await.unwrap(), Checkpoint::default());
    assert_eq!(state.head(&did('a')).await.unwrap(), None);
    assert_eq!(state.take_over().await.unwrap(), Checkpoint::default());
    assert_eq!(state.load().await.unwrap(), at(1, None, &[]));
}

async fn returns_what_was_saved(state: &dyn Store, again: &dyn Store) {
    let mut checkpoint = at(1, Some(7), &[8, i64::MAX - 1]);
    checkpoint.gaps = 6;
    checkpoint.heads = vec![(did('a'), head(5, false)), (did('b'), Head::default())];
    state.save(checkpoint.clone()).await.unwrap();
    for (did, head) in std::mem::take(&mut checkpoint.heads) {
        assert_eq!(again.head(&did).await.unwrap(), Some(head));
    }
    assert_eq!(again.load().await.unwrap(), checkpoint);
}

async fn replaces_heads_one_by_one(state: &dyn Store, again: &dyn Store) {
    let mut checkpoint = at(1, Some(9), &[]);
    let twice = (did('c'), head(1, false));
    checkpoint.heads = vec![twice, (did('b'), head(6, true)), (did('c'), head(7, true))];
    state.save(checkpoint).await.unwrap();
    for (letter, expected) in [('a', head(5, false)), ('b', head(6, true)), ('c', head(7, true))] {
        assert_eq!(again.head(&did(letter)).await.unwrap(), Some(expected));
    }
    assert_eq!(again.head(&did('d')).await.unwrap(), None);
}

/// Of the stores that park; the others say so.
async fn keeps_what_is_parked(state: &dyn Store, again: &dyn Store) {
    if !state.parks() {
        return;
    }
    let event = |id, letter, frame: &'static [u8]| {
        let frame = Bytes::from_static(frame);
        Parked::new(id, did(letter), 40 - id as i64, 1_767_225_600_000_000, "identity", frame)
    };
    let events = [event(2, 'b', b"two"), event(1, 'a', b"one"), event(30, 'a', b"thirty")];
    let mut checkpoint = at(1, Some(9), &[]);
    checkpoint.parked = events[..2].to_vec();
    state.save(checkpoint).await.unwrap();
    let mut checkpoint = at(1, Some(9), &[]);
    checkpoint.parked = vec![events[2].clone(), event(31, 'c', b"settled before it was stored")];
    checkpoint.unparked = vec![31, 2, 77];
    state.save(checkpoint).await.unwrap();
    let refs = [&events[1], &events[2]].map(ParkedRef::from);
    assert_eq!(again.parked().await.unwrap(), refs, "in the order of their ids");
    assert_eq!(again.parked_frame(30).await.unwrap(), Some(Bytes::from_static(b"thirty")));
    assert_eq!(again.parked_frame(2).await.unwrap(), None);
    assert_eq!(again.load().await.unwrap(), at(1, Some(9), &[]), "a position is small");
}

/// Of the stores that keep filters.
async fn keeps_the_filter(state: &dyn Store, again: &dyn Store) {
    if !state.keeps_filter() {
        return;
    }
    for version in 1..=2 {
        let mut checkpoint = at(1, Some(9), &[]);
        checkpoint.filter = Some(StoredFilter::new(version, 5, format!("filter {version}")));
        state.save(checkpoint.clone()).await.unwrap();
        assert_eq!(again.load().await.unwrap(), checkpoint);
        state.save(at(1, Some(9), &[])).await.unwrap();
        assert_eq!(again.load().await.unwrap(), checkpoint, "until there is another");
    }
    let mut checkpoint = at(1, Some(9), &[]);
    checkpoint.filter = Some(StoredFilter::default());
    state.save(checkpoint).await.unwrap();
}

/// Of the stores that keep them.
async fn keeps_the_positions_of_all_upstreams(state: &dyn Store, again: &dyn Store) {
    if !state.keeps_upstreams() {
        return;
    }
    let positions =
        [vec![("two", 5), ("three", 6)], vec![("one", i64::MAX - 1), ("three", 6)], vec![]];
    for (current, positions) in [Some("one"), Some("two"), None].into_iter().zip(positions) {
        let mut checkpoint = again.load().await.unwrap();
        checkpoint.epoch = 1;
        checkpoint.upstream = current.map(Into::into);
        let positions = positions.into_iter().map(|(name, cursor)| (name.into(), cursor));
        checkpoint.positions = positions.collect();
        state.save(checkpoint.clone()).await.unwrap();
        assert_eq!(again.load().await.unwrap(), checkpoint);
    }
}

async fn refuses_an_old_epoch_and_keeps_what_it_has(state: &dyn Store, again: &dyn Store) {
    state.save(at(3, Some(10), &[])).await.unwrap();
    state.save(at(3, Some(11), &[])).await.unwrap();
    let mut late = at(2, Some(99), &[]);
    late.heads = vec![(did('a'), head(99, true))];
    let refused = again.save(late).await.unwrap_err();
    assert!(refused.is_fenced(), "{refused}");
    assert_eq!(refused.class(), Class::Conflict);
    let mut stored = again.load().await.unwrap();
    stored.filter = None;
    assert_eq!(stored, at(3, Some(11), &[]));
    assert_eq!(again.head(&did('a')).await.unwrap(), Some(head(5, false)));
    again.save(at(4, Some(12), &[])).await.unwrap();
}

async fn is_taken_over_once_by_each(state: &dyn Store, again: &dyn Store) {
    let (one, other) = tokio::join!(state.take_over(), again.take_over());
    let mut epochs = [one.unwrap(), other.unwrap()].map(|found| {
        assert_eq!(found.cursor, Some(12));
        found.epoch
    });
    epochs.sort_unstable();
    assert_eq!(epochs, [4, 5], "both would take themselves for the newest");
    assert!(state.save(at(5, Some(13), &[])).await.unwrap_err().is_fenced());
    state.save(at(6, Some(13), &[])).await.unwrap();
}

fn at(epoch: u64, cursor: Option<i64>, unsettled: &[i64]) -> Checkpoint {
    let mut checkpoint = Checkpoint::default();
    (checkpoint.epoch, checkpoint.cursor) = (epoch, cursor);
    checkpoint.received = unsettled.last().copied().or(cursor).unwrap_or_default();
    checkpoint.unsettled = unsettled.to_vec();
    checkpoint
}

fn did(letter: char) -> Did {
    Did::new(format!("did:plc:{}", letter.to_string().repeat(24))).unwrap()
}

fn reject(seq: i64, label: &'static str) -> Reject {
    let frame = Bytes::from(format!("frame {seq}\0"));
    Reject::new(seq, Some(did('a')), label, format!("reason {seq}"), frame)
}

fn head(micros: u64, active: bool) -> Head {
    let data = Cid::dag_cbor(micros.to_string().as_bytes());
    let state = Some(RepoState { rev: Tid::from_parts(micros, 1), data });
    Head { state, active, gaps: micros / 2 }
}
