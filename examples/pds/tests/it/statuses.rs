//! What is shown of accounts that are not active: PD-013, PD-014, T82.

use pds::accounts::Status;
use serde_json::json;

use crate::harness::{Pds, User};

async fn set(pds: &Pds, user: &User<'_>, status: Status) {
    pds.app.accounts.set_status(&user.did, status).await.unwrap();
    let account = pds.app.accounts.by_did(&user.did).await.unwrap().unwrap();
    pds.app.announce(&account).await.unwrap();
}

#[tokio::test]
async fn every_route_minds_the_status() {
    let (pds, _dir) = Pds::start().await;
    let alice = pds.account("alice").await;
    let created = alice.create("a").await.ok();
    let (did, cid) = (alice.did.as_str(), created["cid"].as_str().unwrap().to_owned());
    let key = crate::harness::rkey(&created);
    let path = [("collection", "app.bsky.feed.post"), ("rkey", key.as_str())];
    let sync = |name: &'static str, rest: &[(&'static str, String)]| {
        let mut params = vec![("did", did.to_owned())];
        params.extend_from_slice(rest);
        (format!("com.atproto.sync.{name}"), params)
    };
    let repo = |name: &'static str, rest: &[(&'static str, String)]| {
        let mut params = vec![("repo", did.to_owned())];
        params.extend_from_slice(rest);
        (format!("com.atproto.repo.{name}"), params)
    };
    let path = path.map(|(name, value)| (name, value.to_owned()));
    let routes = [
        sync("getRepo", &[]),
        sync("getRepo", &[("since", "2222222222222".to_owned())]),
        sync("getRecord", &path),
        sync("getBlocks", &[("cids", cid.clone())]),
        sync("getBlob", &[("cid", cid.clone())]),
        sync("getLatestCommit", &[]),
        sync("listBlobs", &[]),
        repo("getRecord", &path),
        repo("listRecords", &path[..1]),
        repo("describeRepo", &[]),
    ];
    for (status, name) in [
        (Status::Deactivated, "RepoDeactivated"),
        (Status::Suspended, "RepoSuspended"),
        (Status::Takendown, "RepoTakendown"),
    ] {
        set(&pds, &alice, status).await;
        for (method, params) in &routes {
            let params: Vec<_> = params.iter().map(|(n, v)| (*n, v.as_str())).collect();
            assert_eq!(pds.get(method, &params).await.error(), (400, name.to_owned()), "{method}");
        }
        let shown = pds.get("com.atproto.sync.getRepoStatus", &[("did", did)]).await.ok();
        assert_eq!(shown, json!({ "did": did, "active": false, "status": status.as_str() }));
        let listed = pds.get("com.atproto.sync.listRepos", &[]).await.ok();
        assert_eq!(listed["repos"][0]["status"], status.as_str());
        assert_eq!(alice.create("b").await.status, 401);
        // Its owner may still take it along, and the operator look at it.
        assert_eq!(alice.get("com.atproto.sync.getRepo", &[("did", did)]).await.status, 200);
        let url = format!("{}/xrpc/com.atproto.sync.getRepo?did={did}", pds.url);
        let as_admin = |password| pds.http.get(&url).basic_auth("admin", Some(password)).send();
        assert_eq!(as_admin("admin-secret").await.unwrap().status(), 200);
        assert_eq!(as_admin("wrong").await.unwrap().status(), 401);
    }
    set(&pds, &alice, Status::Active).await;
    let shown = pds.get("com.atproto.sync.getRepoStatus", &[("did", did)]).await.ok();
    assert_eq!((&shown["active"], &shown["rev"]), (&true.into(), &alice.head().await["rev"]));
    alice.create("b").await.ok();
}

#[tokio::test]
async fn unknown_accounts_are_not_found() {
    let (pds, _dir) = Pds::start().await;
    for method in ["getRepo", "getLatestCommit", "getRepoStatus", "listBlobs"] {
        let method = format!("com.atproto.sync.{method}");
        let answer = pds.get(&method, &[("did", "did:web:nobody.example")]).await;
        assert_eq!(answer.error(), (400, "RepoNotFound".to_owned()));
    }
    let answer = pds
        .get(
            "com.atproto.repo.listRecords",
            &[("repo", "nobody.test"), ("collection", "com.example.a")],
        )
        .await;
    assert_eq!(answer.error(), (400, "RepoNotFound".to_owned()));
}
