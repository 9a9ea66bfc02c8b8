//! Stores of sessions: one contract, and what is particular to files.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use atproto_xrpc::client::store::{FileStore, MemoryStore, SessionStore};

/// What every store does.
async fn keeps_its_contract(store: Arc<dyn SessionStore>) {
    assert_eq!(store.load("a").await.unwrap(), None);
    assert_eq!(store.take("a").await.unwrap(), None);
    store.save("a", "one").await.unwrap();
    store.save("b", "two").await.unwrap();
    store.save("a", "three").await.unwrap();
    assert_eq!(store.load("a").await.unwrap().as_deref(), Some("three"));
    let takers = (0..8).map(|_| {
        let store = Arc::clone(&store);
        tokio::spawn(async move { store.take("a").await.unwrap() })
    });
    let taken = futures::future::join_all(takers).await;
    assert_eq!(taken.into_iter().filter_map(Result::unwrap).collect::<Vec<_>>(), ["three"]);
    assert_eq!(store.load("b").await.unwrap().as_deref(), Some("two"));

    let inside = Arc::new(AtomicUsize::new(0));
    let holders = (0..8).map(|_| {
        let (store, inside) = (Arc::clone(&store), Arc::clone(&inside));
        tokio::spawn(async move {
            let _guard = store.lock("a").await.unwrap();
            assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "two hold the lock");
            tokio::time::sleep(Duration::from_millis(2)).await;
            inside.fetch_sub(1, Ordering::SeqCst);
        })
    });
    for holder in futures::future::join_all(holders).await {
        holder.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_keeps_the_contract() {
    keeps_its_contract(Arc::new(MemoryStore::default())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    keeps_its_contract(Arc::new(FileStore::new(folder.path().join("deep/sessions.json")))).await;
}

#[tokio::test]
async fn two_stores_of_one_file_exclude_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sessions.json");
    let (one, two) = (FileStore::new(&path), FileStore::new(&path));
    let held = one.lock("a").await.unwrap();
    let waiting = tokio::spawn(async move {
        let _guard = two.lock("a").await.unwrap();
        two.load("a").await.unwrap()
    });
    one.save("a", "new").await.unwrap();
    assert!(!waiting.is_finished());
    drop(held);
    assert_eq!(waiting.await.unwrap().as_deref(), Some("new"));
}

#[cfg(unix)]
#[tokio::test]
async fn a_file_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sessions.json");
    // Also in place of one that others could read.
    fs::write(&path, "{}").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let store = FileStore::new(&path);
    store.save("a", "secret").await.unwrap();
    let _guard = store.lock("a").await.unwrap();
    for entry in fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{:?}", entry.file_name());
    }
}

#[tokio::test]
async fn a_file_that_is_damaged_is_neither_read_nor_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sessions.json");
    fs::write(&path, r#"{"a": "one", "#).unwrap();
    let store = FileStore::new(&path);
    assert!(store.load("a").await.is_err());
    assert!(store.save("a", "two").await.is_err());
    assert_eq!(fs::read_to_string(&path).unwrap(), r#"{"a": "one", "#);
    let files = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(!files.into_iter().any(|name| name.to_string_lossy().ends_with(".new")));
}
