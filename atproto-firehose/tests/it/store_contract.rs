//! What every store promises, asked of each.

use atproto_core::{
    Class, Classify,
    syntax::{Cid, Did, Tid},
};
use atproto_firehose::{
    checkpoint::{Checkpoint, Head},
    state::{MemoryState, SqliteState, Store},
};
use atproto_repo::sync::RepoState;

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
}

/// `again` is the same state once more, opened anew where it can be.
async fn keeps_the_contract(state: &dyn Store, again: &dyn Store) {
    is_empty_at_first(state).await;
    returns_what_was_saved(state, again).await;
    replaces_heads_one_by_one(state, again).await;
    refuses_an_old_epoch_and_keeps_what_it_has(state, again).await;
    is_taken_over_once_by_each(state, again).await;
}

async fn is_empty_at_first(state: &dyn Store) {
    assert_eq!(state.load().await.unwrap(), Checkpoint::default());
    assert_eq!(state.head(&did('a')).await.unwrap(), None);
    assert_eq!(state.take_over().await.unwrap(), Checkpoint::default());
    assert_eq!(state.load().await.unwrap(), at(1, None, &[]));
}

async fn returns_what_was_saved(state: &dyn Store, again: &dyn Store) {
    let mut checkpoint = at(1, Some(7), &[8, i64::MAX - 1]);
    checkpoint.heads = vec![(did('a'), head(5, false)), (did('b'), Head::default())];
    state.save(checkpoint.clone()).await.unwrap();
    for (did, head) in std::mem::take(&mut checkpoint.heads) {
        assert_eq!(again.head(&did).await.unwrap(), Some(head));
    }
    assert_eq!(again.load().await.unwrap(), checkpoint);
}

async fn replaces_heads_one_by_one(state: &dyn Store, again: &dyn Store) {
    let mut checkpoint = at(1, Some(9), &[]);
    checkpoint.heads = vec![(did('b'), head(6, true)), (did('c'), head(7, true))];
    state.save(checkpoint).await.unwrap();
    for (letter, expected) in [('a', head(5, false)), ('b', head(6, true)), ('c', head(7, true))] {
        assert_eq!(again.head(&did(letter)).await.unwrap(), Some(expected));
    }
    assert_eq!(again.head(&did('d')).await.unwrap(), None);
}

async fn refuses_an_old_epoch_and_keeps_what_it_has(state: &dyn Store, again: &dyn Store) {
    state.save(at(3, Some(10), &[])).await.unwrap();
    state.save(at(3, Some(11), &[])).await.unwrap();
    let mut late = at(2, Some(99), &[]);
    late.heads = vec![(did('a'), head(99, true))];
    let refused = again.save(late).await.unwrap_err();
    assert!(refused.is_fenced(), "{refused}");
    assert_eq!(refused.class(), Class::Conflict);
    assert_eq!(again.load().await.unwrap(), at(3, Some(11), &[]));
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

fn head(micros: u64, active: bool) -> Head {
    let data = Cid::dag_cbor(micros.to_string().as_bytes());
    Head { state: Some(RepoState { rev: Tid::from_parts(micros, 1), data }), active }
}
