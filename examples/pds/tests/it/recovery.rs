//! What a crash between the store and the log leaves behind.

use std::path::Path;

use atproto_core::syntax::Did;
use atproto_firehose::log::{Entry, LogConfig, SegmentLog};
use atproto_repo::event::Event;
use data_encoding::HEXLOWER;
use rusqlite::Connection;
use sha2::{Digest, Sha256};

use crate::{
    harness::Pds,
    stream::{subscribe, take},
};

fn store_of(data: &Path, did: &Did) -> Connection {
    let name = HEXLOWER.encode(&Sha256::digest(did.as_str().as_bytes()));
    let file = data.join("actors").join(&name[..2]).join(name).join("store.sqlite");
    Connection::open(file).unwrap()
}

/// Puts events back into the outbox, as if the server had stopped before it took them out.
fn put_back(store: &Connection, events: &[(i64, &Event)]) {
    for (id, event) in events {
        let frame = (*event).clone().with_seq(1).encode();
        let sql = "INSERT INTO outbox (id, frame) VALUES (?1, ?2)";
        store.execute(sql, rusqlite::params![id, &frame[..]]).unwrap();
    }
}

fn waiting(store: &Connection) -> i64 {
    store.query_row("SELECT count(*) FROM outbox", [], |row| row.get(0)).unwrap()
}

async fn events(pds: &Pds, count: usize) -> Vec<Event> {
    take(&mut subscribe(pds, Some(0)).await, count).await
}

/// The server stopped after the log had synced a batch and before the outbox was cleared.
/// Events that are in both places keep their one number.
#[tokio::test]
async fn events_in_log_and_outbox_are_not_sent_twice() {
    let dir = tempfile::tempdir().unwrap();
    let pds = Pds::start_on(dir.path(), &[]).await;
    let alice = pds.account("alice").await;
    alice.create("one").await.ok();
    alice.create("two").await.ok();
    let (did, key) = (alice.did.clone(), alice.key.clone());
    let before = events(&pds, 6).await;
    pds.stop().await;

    let store = store_of(dir.path(), &did);
    put_back(&store, &[(5, &before[4]), (6, &before[5])]);
    drop(store);

    let pds = Pds::start_on(dir.path(), &[]).await;
    let alice = pds.user(did.clone(), key).await;
    alice.create("three").await.ok();
    let after = events(&pds, 7).await;
    assert_eq!(&after[..6], &before[..]);
    assert_eq!(after[6].seq(), Some(7));
    pds.stop().await;
    assert_eq!(waiting(&store_of(dir.path(), &did)), 0);
}

/// The server stopped after the commit and before the log had its event. It gets its
/// number at the next start, before anything that comes later.
#[tokio::test]
async fn events_in_the_outbox_alone_are_sent_after_the_start() {
    let dir = tempfile::tempdir().unwrap();
    let pds = Pds::start_on(dir.path(), &[]).await;
    let alice = pds.account("alice").await;
    alice.create("one").await.ok();
    let (did, key) = (alice.did.clone(), alice.key.clone());
    let before = events(&pds, 5).await;
    pds.stop().await;

    // The log as it would be without the last two events: what came before the crash.
    let log = dir.path().join("events");
    std::fs::remove_dir_all(&log).unwrap();
    let (mut rebuilt, _) = SegmentLog::open(&log, LogConfig::default()).unwrap();
    let entries = before[..3].iter().zip(1_i64..).map(|(event, id)| {
        let mut name = did.as_str().as_bytes().to_vec();
        name.push(0);
        name.extend_from_slice(&id.to_be_bytes());
        let event = event.clone();
        Entry::new(name, move |seq| event.with_seq(seq).encode())
    });
    rebuilt.append_batch(entries.collect(), 0).unwrap();
    drop(rebuilt);
    let store = store_of(dir.path(), &did);
    // One of them is in the log as well.
    put_back(&store, &[(3, &before[2]), (4, &before[3]), (5, &before[4])]);
    drop(store);

    let pds = Pds::start_on(dir.path(), &[]).await;
    let alice = pds.user(did, key).await;
    alice.create("two").await.ok();
    let after = events(&pds, 6).await;
    assert_eq!(&after[..5], &before[..]);
    assert!(matches!(&after[5], Event::Commit(commit) if commit.seq == 6));
    pds.stop().await;
}

/// The account database changed, and the server stopped before the outside was told.
#[tokio::test]
async fn missed_announcements_are_made_up_for() {
    let dir = tempfile::tempdir().unwrap();
    let pds = Pds::start_on(dir.path(), &[]).await;
    let did = pds.account("alice").await.did.clone();
    let before = events(&pds, 4).await;
    pds.app.accounts.set_status(&did, pds::accounts::Status::Takendown).await.unwrap();
    pds.stop().await;

    let pds = Pds::start_on(dir.path(), &[]).await;
    let after = events(&pds, 5).await;
    assert_eq!(&after[..4], &before[..]);
    assert!(matches!(&after[4], Event::Account(account) if !account.active));
    pds.stop().await;
}
