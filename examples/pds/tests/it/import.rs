//! An account moves from one server to another.

use std::sync::Arc;

use atproto_core::crypto::Signer;
use atproto_xrpc::auth::session::Scope;
use pds::accounts::Status;
use serde_json::json;

use crate::{
    export::verified,
    harness::{Answer, Pds, User, new_account, rkey},
};

/// The same account on another server, deactivated and empty.
async fn moving_in<'p>(pds: &'p Pds, name: &str) -> User<'p> {
    let (mut account, key) = new_account(name);
    account.status = Status::Deactivated;
    pds.app.accounts.add(account.clone(), Arc::clone(&key)).await.unwrap();
    pds.app.create_repo(&account).await.unwrap();
    pds.user(account.did, key.public_key()).await
}

async fn import(user: &User<'_>, archive: Vec<u8>) -> Answer {
    user.post_bytes("com.atproto.repo.importRepo", "application/vnd.ipld.car", archive).await
}

async fn archive_of(alice: &User<'_>) -> Vec<u8> {
    alice.pds.bytes("com.atproto.sync.getRepo", &[("did", alice.did.as_str())]).await
}

#[tokio::test]
async fn pd_019_a_repository_moves_with_its_records_and_blobs() {
    let (old, _old_dir) = Pds::start().await;
    let (new, _new_dir) = Pds::start().await;
    let before = old.account("alice").await;
    for n in 0..20 {
        before.create(&format!("post {n}")).await.ok();
    }
    let blob = before.upload("text/plain", b"words".to_vec()).await.ok()["blob"].clone();
    let file =
        json!({ "repo": before.did, "collection": "com.example.file", "record": { "file": blob } });
    let file = before.post("com.atproto.repo.createRecord", file).await.ok();
    let archive = archive_of(&before).await;

    let after = moving_in(&new, "alice").await;
    for _ in 0..2 {
        import(&after, archive.clone()).await.ok();
    }
    let missing = after.get("com.atproto.repo.listMissingBlobs", &[]).await.ok();
    assert_eq!(
        missing["blobs"],
        json!([{ "cid": blob["ref"]["$link"], "recordUri": file["uri"] }])
    );
    after.upload("text/plain", b"words".to_vec()).await.ok();
    assert_eq!(after.get("com.atproto.repo.listMissingBlobs", &[]).await.ok()["blobs"], json!([]));

    new.app.accounts.set_status(&after.did, Status::Active).await.unwrap();
    let account = new.app.accounts.by_did(&after.did).await.unwrap().unwrap();
    new.app.announce(&account).await.unwrap();
    let moved = verified(archive_of(&after).await, &after.key);
    assert_eq!(moved, verified(archive, &before.key));
    assert!(after.head().await["rev"].as_str() > before.head().await["rev"].as_str());
    let listed = new.get("com.atproto.sync.listBlobs", &[("did", after.did.as_str())]).await.ok();
    assert_eq!(listed["cids"], json!([blob["ref"]["$link"]]));

    // It is a repository like any other: writes and deletes go on.
    after.create("here").await.ok();
    let delete =
        json!({ "repo": after.did, "collection": "com.example.file", "rkey": rkey(&file) });
    after.post("com.atproto.repo.deleteRecord", delete).await.ok();
    assert_eq!(verified(archive_of(&after).await, &after.key).len(), 21);
}

#[tokio::test]
async fn bad_imports_change_nothing() {
    let (pds, _dir) = Pds::start().await;
    let alice = pds.account("alice").await;
    alice.create("a").await.ok();
    let bob = pds.account("bob").await;
    let archive = archive_of(&alice).await;
    let before = (alice.head().await, bob.head().await);
    let cut = archive[..archive.len() - 10].to_vec();
    for (user, archive) in [(&bob, archive), (&alice, cut), (&alice, b"nonsense".to_vec())] {
        assert_eq!(import(user, archive).await.error(), (400, "InvalidRequest".to_owned()));
    }
    let session = pds.app.begin_session(&alice.did, Scope::AppPassword, None).await.unwrap();
    let (did, key) = (alice.did.clone(), alice.key.clone());
    let limited = User { pds: &pds, did, key, token: session.access_jwt };
    assert_eq!(import(&limited, Vec::new()).await.error(), (400, "InvalidToken".to_owned()));
    assert_eq!((alice.head().await, bob.head().await), before);
}
