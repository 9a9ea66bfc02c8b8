//! What stays.

use std::sync::Arc;

use ::plc::directory::RateLimits;
use ::plc::store::{Store, StoreError};

use crate::support::{START, World, update};

#[tokio::test]
async fn a_second_start_continues_where_the_first_one_ended() {
    let first = World::new().await;
    let alice = first.register("alice.test").await;
    let before = first.get("/export?after=0").await;
    let document = first.get(&format!("/{}", alice.did)).await;

    // The first one is still open, as a killed process leaves its files.
    let second = World::open(Arc::clone(&first.data), RateLimits::default()).await;
    assert_eq!(second.get("/export?after=0").await, before);
    assert_eq!(second.get(&format!("/{}", alice.did)).await, document);
    second.set_time(START - 1000);
    let next = update(&alice.genesis, "ali.test", &alice.rotation);
    assert_eq!(second.submit(&alice.did, &next).await, None);
    let page = second.client.export(0, 10).await.unwrap();
    assert_eq!(page.len(), 2);
    assert!(page[1].created_at.unix_micros() > page[0].created_at.unix_micros(), "clock set back");
}

#[test]
fn data_of_a_newer_version_is_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    drop(Store::open(folder.path()).unwrap());
    let connection = rusqlite::Connection::open(folder.path().join("plc.sqlite")).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    drop(connection);
    assert!(matches!(Store::open(folder.path()), Err(StoreError::Format(99))));
}
