//! Events that were given up: looked at, replayed, discarded.

use std::{path::PathBuf, sync::Arc, time::Duration};

use atproto_firehose::{
    checkpoint::Checkpoint,
    consumer::{Consumer, ReplayError},
    state::SqliteState,
};

use crate::{
    consumer::{open, strict},
    support::network::{Account, Directory, Upstream},
};

/// Some time after which everything settled is stored.
const STORED: Duration = Duration::from_secs(1);

/// A stream of three commits, of which the second cannot be handled.
struct Scene {
    _dir: tempfile::TempDir,
    path: PathBuf,
    alice: Account,
    upstream: Upstream,
    directory: Arc<Directory>,
}

impl Scene {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state");
        let mut alice = Account::new('a');
        let (upstream, directory) = (Upstream::new(), Directory::of(&[&alice]));
        for _ in 0..3 {
            upstream.send(alice.commit());
        }
        Self { _dir: dir, path, alice, upstream, directory }
    }

    /// A consumer that has given it up.
    async fn given_up(&self) -> (Consumer, SqliteState) {
        let mut consumer = open(&self.upstream, &self.path, strict(&self.directory)).await;
        for _ in 0..3 {
            let delivery = consumer.next().await.unwrap();
            match delivery.event().seq() {
                Some(2) => assert!(delivery.reject("the table is missing")),
                _ => assert!(delivery.ack().await),
            }
        }
        tokio::time::sleep(STORED).await;
        (consumer, SqliteState::open(&self.path).unwrap())
    }
}

#[tokio::test(start_paused = true)]
async fn a_replayed_event_is_removed_when_it_is_settled_and_not_before() {
    let mut scene = Scene::new();
    let (mut consumer, state) = scene.given_up().await;
    let kept = state.rejects(0, 10).unwrap();
    let [(id, reject)] = &kept[..] else { panic!("{kept:?}") };
    assert_eq!(
        (reject.seq, &*reject.label, &*reject.reason),
        (2, "handler", "the table is missing")
    );
    assert_eq!(reject.did.as_ref(), Some(&scene.alice.did));

    consumer.replay(*id, reject).unwrap();
    assert!(matches!(consumer.replay(*id, reject), Err(ReplayError::InFlight)));
    let again = consumer.next().await.unwrap();
    assert_eq!((again.event().seq(), again.event().did()), (Some(2), Some(&scene.alice.did)));
    tokio::time::sleep(STORED).await;
    assert_eq!(state.rejects(0, 10).unwrap().len(), 1, "it could be lost in a crash");
    // The next of the account waits for it.
    scene.upstream.send(scene.alice.commit());
    assert!(tokio::time::timeout(STORED, consumer.next()).await.is_err());
    assert!(again.ack().await);
    let next = consumer.next().await.unwrap();
    assert_eq!(next.event().seq(), Some(4));
    assert!(next.ack().await);
    tokio::time::sleep(STORED).await;
    assert_eq!(state.rejects(0, 10).unwrap(), []);
    let stats = consumer.stats();
    assert_eq!((stats.cursor, stats.replayed, stats.in_flight_bytes), (Some(4), 1, 0));
}

#[tokio::test(start_paused = true)]
async fn one_that_fails_again_is_kept_once() {
    let scene = Scene::new();
    let (mut consumer, state) = scene.given_up().await;
    let (id, reject) = state.rejects(0, 1).unwrap().remove(0);
    consumer.replay(id, &reject).unwrap();
    assert!(consumer.next().await.unwrap().reject("still missing"));
    tokio::time::sleep(STORED).await;
    let kept = state.rejects(0, 10).unwrap();
    let [(new, reject)] = &kept[..] else { panic!("{kept:?}") };
    assert!(*new > id);
    assert_eq!((reject.seq, &*reject.reason), (2, "still missing"));
    assert!(state.discard_reject(*new).unwrap() && !state.discard_reject(*new).unwrap());
    assert_eq!(state.reject_counts().unwrap(), []);
}

#[tokio::test(start_paused = true)]
async fn batches_replay_in_the_same_transaction_as_their_effects() {
    let scene = Scene::new();
    let (_, state) = scene.given_up().await;
    let stored = state.rejects(0, 1).unwrap().remove(0);
    let (checkpoint, options) = (Checkpoint::default(), strict(&scene.directory));
    let mut consumer =
        Consumer::open_on(Arc::new(Upstream::new()), checkpoint, options).await.unwrap();
    consumer.replay(stored.0, &stored.1).unwrap();
    let wait = Duration::from_millis(10);
    let batch = consumer.next_batch(10, wait).await.unwrap().unwrap();
    assert_eq!(batch.checkpoint().replayed, [stored.0]);
    drop(batch);
    let batch = consumer.next_batch(10, wait).await.unwrap().unwrap();
    assert_eq!(batch.checkpoint().replayed, [stored.0], "not committed, so it comes again");
    batch.committed();
    assert_eq!(consumer.checkpoint().replayed, [0; 0]);
}

#[tokio::test(start_paused = true)]
async fn what_was_not_true_is_not_replayed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state");
    let (upstream, directory) = (Upstream::new(), Directory::of(&[&Account::new('a')]));
    // The same DID with another key.
    upstream.send(Account::new('a').commit());
    let consumer = open(&upstream, &path, strict(&directory)).await;
    tokio::time::sleep(STORED).await;
    let (id, reject) = SqliteState::open(&path).unwrap().rejects(0, 1).unwrap().remove(0);
    let refused = consumer.replay(id, &reject);
    assert!(matches!(refused, Err(ReplayError::Untrue(label)) if label == *reject.label));
}
