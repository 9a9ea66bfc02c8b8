//! Compare-and-set conditions: PD-003.

use serde_json::{Value, json};

use crate::harness::{Pds, User, post, rkey};

const SWAPPED: (u16, &str) = (400, "InvalidSwap");

async fn refused(alice: &User<'_>, method: &str, body: Value) {
    let before = alice.head().await;
    let (status, name) = alice.post(&format!("com.atproto.repo.{method}"), body).await.error();
    assert_eq!((status, name.as_str()), SWAPPED);
    assert_eq!(alice.head().await, before);
}

#[tokio::test]
async fn swap_commit_must_be_the_head() {
    let (pds, _dir) = Pds::start().await;
    let alice = pds.account("alice").await;
    let old = alice.head().await;
    let key = rkey(&alice.create("first").await.ok());
    let path = json!({ "repo": alice.did, "collection": "app.bsky.feed.post", "rkey": key });
    let with = |mut body: Value, swap: &Value| {
        body["swapCommit"] = swap["cid"].clone();
        body
    };
    let mut put = path.clone();
    put["record"] = post("new");
    refused(&alice, "createRecord", with(alice.new_post("second"), &old)).await;
    refused(&alice, "putRecord", with(put.clone(), &old)).await;
    refused(&alice, "deleteRecord", with(path.clone(), &old)).await;
    refused(&alice, "applyWrites", with(json!({ "repo": alice.did, "writes": [{
        "$type": "com.atproto.repo.applyWrites#delete", "collection": "app.bsky.feed.post", "rkey": key
    }] }), &old))
    .await;
    let head = alice.head().await;
    alice.post("com.atproto.repo.putRecord", with(put, &head)).await.ok();
}

#[tokio::test]
async fn swap_record_must_be_the_record() {
    let (pds, _dir) = Pds::start().await;
    let alice = pds.account("alice").await;
    let created = alice.create("first").await.ok();
    let other = alice.create("other").await.ok();
    let path =
        json!({ "repo": alice.did, "collection": "app.bsky.feed.post", "rkey": rkey(&created) });
    let swap = |base: &Value, swap: &Value| {
        let mut body = base.clone();
        body["swapRecord"] = swap.clone();
        body
    };
    let mut put = path.clone();
    put["record"] = post("new");
    refused(&alice, "putRecord", swap(&put, &other["cid"])).await;
    refused(&alice, "putRecord", swap(&put, &Value::Null)).await;
    refused(&alice, "deleteRecord", swap(&path, &other["cid"])).await;
    let replaced = alice.post("com.atproto.repo.putRecord", swap(&put, &created["cid"])).await.ok();
    alice.post("com.atproto.repo.deleteRecord", swap(&path, &replaced["cid"])).await.ok();
    let fresh = swap(&put, &Value::Null);
    alice.post("com.atproto.repo.putRecord", fresh).await.ok();
}
