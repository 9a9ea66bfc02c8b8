//! The contract of authorization stores, held by those that are here.

use std::sync::Arc;

use atproto_xrpc::oauth::authorization_server::store::{MemoryStore, contract};

#[tokio::test(flavor = "multi_thread")]
async fn the_memory_store_keeps_the_contract() {
    contract::hold(|| Arc::new(MemoryStore::default())).await;
    contract::what_strangers_add_is_bounded(&MemoryStore::with_capacity(3), 3).await;
}

#[cfg(feature = "sqlite")]
#[tokio::test(flavor = "multi_thread")]
async fn the_sqlite_store_keeps_the_contract() {
    use atproto_xrpc::oauth::authorization_server::store::SqliteStore;

    contract::hold(|| Arc::new(SqliteStore::in_memory().unwrap())).await;
    let small = SqliteStore::in_memory().unwrap().with_capacity(3);
    contract::what_strangers_add_is_bounded(&small, 3).await;
    let directory = tempfile::tempdir().unwrap();
    let mut number = 0;
    contract::hold(|| {
        number += 1;
        Arc::new(SqliteStore::open(directory.path().join(format!("{number}.sqlite"))).unwrap())
    })
    .await;
}
