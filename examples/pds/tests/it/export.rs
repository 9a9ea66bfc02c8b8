//! Repositories as others read them.

use std::collections::BTreeMap;

use atproto_core::{
    crypto::PublicKey,
    syntax::{Cid, Did},
};
use atproto_repo::{BlockMap, RepoPath, car, repo};
use serde_json::json;

use crate::harness::{Pds, rkey};

/// The records of a whole repository, whose every block and signature was checked.
pub(crate) fn verified(archive: Vec<u8>, key: &PublicKey) -> BTreeMap<String, Cid> {
    let repo = repo::verify(archive, Some(key)).unwrap();
    repo.records().map(|record| (record.path.to_string(), record.cid)).collect()
}

fn blocks(archive: Vec<u8>) -> (Cid, BlockMap) {
    let (roots, blocks) = car::read_all(archive, &car::Limits::default()).unwrap();
    (roots[0], blocks)
}

async fn repo_of(pds: &Pds, did: &Did) -> Vec<u8> {
    pds.bytes("com.atproto.sync.getRepo", &[("did", did.as_str())]).await
}

#[tokio::test]
async fn get_repo_verifies_at_every_stage() {
    let (pds, _dir) = Pds::start().await;
    let alice = pds.account("alice").await;
    assert!(verified(repo_of(&pds, &alice.did).await, &alice.key).is_empty());
    let mut keys = Vec::new();
    for n in 0..40 {
        keys.push(rkey(&alice.create(&format!("post {n}")).await.ok()));
    }
    for (n, key) in keys.iter().enumerate() {
        let path = json!({ "repo": alice.did, "collection": "app.bsky.feed.post", "rkey": key });
        alice.post("com.atproto.repo.deleteRecord", path).await.ok();
        let records = verified(repo_of(&pds, &alice.did).await, &alice.key);
        assert_eq!(records.len(), keys.len() - n - 1);
    }
    // Nothing of what was deleted stays behind: a commit and an empty node.
    let (root, left) = blocks(repo_of(&pds, &alice.did).await);
    assert_eq!((root.to_string().into(), left.len()), (alice.head().await["cid"].clone(), 2));
}

#[tokio::test]
async fn car_013_archives_have_their_media_type() {
    let (pds, _dir) = Pds::start().await;
    let alice = pds.account("alice").await;
    let url = format!("{}/xrpc/com.atproto.sync.getRepo?did={}", pds.url, alice.did);
    let answer = pds.http.get(url).send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], car::MEDIA_TYPE);
    assert_eq!(car::MEDIA_TYPE, "application/vnd.ipld.car");
}

#[tokio::test]
async fn pd_016_since_gives_newer_blocks_alone() {
    let (pds, _dir) = Pds::start().await;
    let alice = pds.account("alice").await;
    let old = alice.create("old").await.ok();
    let rev = alice.head().await["rev"].as_str().unwrap().to_owned();
    let new = alice.create("new").await.ok();
    let params = [("did", alice.did.as_str()), ("since", rev.as_str())];
    let (root, diff) = blocks(pds.bytes("com.atproto.sync.getRepo", &params).await);
    let has = |answer: &serde_json::Value| {
        diff.contains(&answer["cid"].as_str().unwrap().parse().unwrap())
    };
    assert!(has(&new) && !has(&old) && diff.contains(&root));
}

#[tokio::test]
async fn get_record_proves_presence_and_absence() {
    let (pds, _dir) = Pds::start().await;
    let alice = pds.account("alice").await;
    for n in 0..20 {
        alice.create(&format!("post {n}")).await.ok();
    }
    let created = alice.create("the one").await.ok();
    for (key, there) in [(rkey(&created), true), ("3jzfcijpj2z2a".to_owned(), false)] {
        let params =
            [("did", alice.did.as_str()), ("collection", "app.bsky.feed.post"), ("rkey", &key)];
        let proof = pds.bytes("com.atproto.sync.getRecord", &params).await;
        let path: RepoPath = format!("app.bsky.feed.post/{key}").parse().unwrap();
        let record = repo::verify_record_proof(proof, &alice.did, &alice.key, &path).unwrap();
        assert_eq!(record.is_some(), there);
    }
}

#[tokio::test]
async fn get_blocks_gives_all_or_names_the_missing() {
    let (pds, _dir) = Pds::start().await;
    let alice = pds.account("alice").await;
    let created = alice.create("a").await.ok();
    let (did, head) = (alice.did.as_str(), alice.head().await);
    let (record, commit) = (created["cid"].as_str().unwrap(), head["cid"].as_str().unwrap());
    let params = [("did", did), ("cids", record), ("cids", commit)];
    let (_, found) = blocks(pds.bytes("com.atproto.sync.getBlocks", &params).await);
    assert_eq!(found.len(), 2);
    let unknown = Cid::dag_cbor(b"nothing").to_string();
    let params = [("did", did), ("cids", record), ("cids", unknown.as_str())];
    let missing = pds.get("com.atproto.sync.getBlocks", &params).await;
    assert!(missing.body["message"].as_str().unwrap().contains(&unknown));
    assert_eq!(missing.error(), (400, "BlockNotFound".to_owned()));
}

#[tokio::test]
async fn list_repos_pages_through_all_accounts() {
    let (pds, _dir) = Pds::start().await;
    let mut dids = Vec::new();
    for name in ["alice", "bob", "carol"] {
        dids.push(pds.account(name).await.did.to_string());
    }
    let first = pds.get("com.atproto.sync.listRepos", &[("limit", "2")]).await.ok();
    let cursor = first["cursor"].as_str().unwrap();
    let second =
        pds.get("com.atproto.sync.listRepos", &[("limit", "2"), ("cursor", cursor)]).await.ok();
    let pages = [&first, &second].map(|page| page["repos"].as_array().unwrap().clone()).concat();
    let listed: Vec<_> = pages.iter().map(|repo| repo["did"].as_str().unwrap()).collect();
    assert_eq!(listed, dids);
    assert!(pages.iter().all(|repo| repo["active"] == true));
    assert!(second["cursor"].is_null());
    let bad = pds.get("com.atproto.sync.listRepos", &[("cursor", "x")]).await.error();
    assert_eq!(bad, (400, "InvalidRequest".to_owned()));
}
