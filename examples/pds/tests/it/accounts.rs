//! Making, changing and deleting accounts.

use atproto_core::{
    crypto::{Curve, SecretKey},
    syntax::Did,
};
use atproto_repo::event::Event;
use atproto_xrpc::auth::service::{self, ServiceClaims};
use pds::accounts::Status;
use serde_json::json;

use crate::{
    harness::Pds,
    network::{self, Directory, text, wish},
    stream::{kinds, subscribe, take},
};

const CREATE: &str = "com.atproto.server.createAccount";

async fn start(options: &[&str]) -> (Pds, Directory, tempfile::TempDir) {
    let (directory, url) = Directory::start().await;
    let dir = tempfile::tempdir().unwrap();
    (network::pds(dir.path(), &url, options).await, directory, dir)
}

#[tokio::test]
async fn pd_007_a_new_account_is_complete() {
    let (pds, directory, _dir) = start(&[]).await;
    let alice = pds.sign_up("alice").await;
    let did = text(&alice, "did");
    assert_eq!(alice["handle"], "alice.test");
    assert_eq!(alice["didDoc"]["alsoKnownAs"], json!(["at://alice.test"]));
    let genesis = directory.log(did).remove(0).operation().unwrap();
    let own = pds.app.secrets.rotation_key.public_key().to_did_key();
    assert_eq!(genesis.rotation_keys, [own]);
    let token = text(&alice, "accessJwt");
    let session = pds.get_as(token, "com.atproto.server.getSession", &[]).await.ok();
    assert_eq!(
        (session["email"].as_str(), session["active"].as_bool()),
        (Some("alice@example.com"), Some(true))
    );
    assert_eq!(session["didDoc"]["id"], did);
    let events = take(&mut subscribe(&pds, Some(0)).await, 4).await;
    assert_eq!(kinds(&events), ["identity", "account", "commit", "sync"]);
    let post = json!({ "repo": did, "collection": "app.bsky.feed.post", "record": crate::harness::post("a") });
    pds.post_as(token, "com.atproto.repo.createRecord", Some(post)).await.ok();
    let status = pds.get_as(token, "com.atproto.server.checkAccountStatus", &[]).await.ok();
    assert_eq!(
        (status["activated"].as_bool(), status["validDid"].as_bool()),
        (Some(true), Some(true))
    );
    assert_eq!(
        (status["indexedRecords"].as_i64(), status["repoBlocks"].as_i64()),
        (Some(1), Some(3))
    );
}

#[tokio::test]
async fn recovery_keys_come_before_the_servers_own() {
    let key = || SecretKey::generate(Curve::K256).public_key().to_did_key();
    let (operators, owners) = (key(), key());
    let (pds, directory, _dir) = start(&["--recovery-key", &operators]).await;
    let mut input = wish("alice");
    input["recoveryKey"] = json!(owners);
    let alice = pds.post(CREATE, &input).await.ok();
    let genesis = directory.log(text(&alice, "did")).remove(0).operation().unwrap();
    let own = pds.app.secrets.rotation_key.public_key().to_did_key();
    assert_eq!(genesis.rotation_keys, [owners, operators, own]);
    input = wish("bobby");
    input["recoveryKey"] = json!("did:key:nonsense");
    assert_eq!(pds.post(CREATE, &input).await.error().1, "InvalidRequest");
}

#[tokio::test]
async fn wishes_that_are_refused_change_nothing() {
    let (pds, directory, _dir) = start(&[]).await;
    pds.sign_up("alice").await;
    for (field, value, error) in [
        ("handle", json!("a.b.test"), "InvalidHandle"),
        ("handle", json!("ab.test"), "InvalidHandle"),
        ("handle", json!("admin.test"), "HandleNotAvailable"),
        ("handle", json!("ALICE.test"), "HandleNotAvailable"),
        ("handle", json!("bob.example.com"), "UnsupportedDomain"),
        ("handle", json!("not a handle"), "InvalidRequest"),
        ("email", json!("Alice@Example.com"), "InvalidRequest"),
        ("email", json!("nonsense"), "InvalidRequest"),
        ("email", json!(null), "InvalidRequest"),
        ("password", json!("short"), "InvalidPassword"),
        ("password", json!("x".repeat(257)), "InvalidPassword"),
        ("did", json!("did:plc:ewvi7nxzyoun6zhxrhs64oiz"), "AuthenticationRequired"),
        ("plcOp", json!({}), "InvalidRequest"),
    ] {
        let mut input = wish("bobby");
        input[field] = value.clone();
        let refusal = pds.post(CREATE, &input).await.error();
        assert_eq!(refusal.1, error, "{field}: {value}");
        assert_eq!(refusal.0, if error == "AuthenticationRequired" { 401 } else { 400 });
    }
    assert_eq!(directory.lengths(), [1]);
    assert!(pds.app.accounts.reservations().await.unwrap().is_empty());
    pds.sign_up("bobby").await;
}

#[tokio::test]
async fn t80_of_many_who_want_one_handle_one_gets_it() {
    let (pds, directory, _dir) = start(&[]).await;
    let wishes = (0..40).map(|n| {
        let mut input = wish("alice");
        input["email"] = json!(format!("alice-{n}@example.com"));
        let pds = &pds;
        async move { pds.post(CREATE, &input).await }
    });
    let answers = futures::future::join_all(wishes).await;
    let won = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(won, 1);
    for answer in answers.into_iter().filter(|answer| answer.status != 200) {
        assert_eq!(answer.error(), (400, "HandleNotAvailable".to_owned()));
    }
    assert_eq!(directory.lengths(), [1], "the directory was asked once");
}

#[tokio::test]
async fn t81_an_invite_code_is_used_as_often_as_it_says() {
    let (pds, _directory, _dir) = start(&["--invite-required"]).await;
    let refusal = pds.post(CREATE, &wish("nobody")).await.error();
    assert_eq!(refusal, (400, "InvalidInviteCode".to_owned()));
    let uses = json!({ "useCount": 3 });
    let made = pds.post_as_admin("com.atproto.server.createInviteCode", &uses).await.ok();
    let code = text(&made, "code").to_owned();
    let wishes = (0..12).map(|n| {
        let mut input = wish(&format!("alice-{n}"));
        input["inviteCode"] = json!(code);
        let pds = &pds;
        async move { pds.post(CREATE, &input).await }
    });
    let answers = futures::future::join_all(wishes).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 3);
    for answer in answers.into_iter().filter(|answer| answer.status != 200) {
        assert_eq!(answer.error().1, "InvalidInviteCode");
    }
}

#[tokio::test]
async fn invite_codes_belong_to_somebody() {
    let (pds, _directory, _dir) = start(&["--invite-required"]).await;
    let codes = json!({ "codeCount": 2, "useCount": 1 });
    let made = pds.post_as_admin("com.atproto.server.createInviteCodes", &codes).await.ok();
    let mut input = wish("alice");
    input["inviteCode"] = made["codes"][0]["codes"][1].clone();
    assert_eq!(made["codes"][0]["account"], "admin");
    let alice = pds.post(CREATE, &input).await.ok();
    let codes = json!({ "useCount": 1, "forAccount": alice["did"] });
    let made = pds.post_as_admin("com.atproto.server.createInviteCode", &codes).await.ok();
    let mut input = wish("bobby");
    input["inviteCode"] = made["code"].clone();
    let bob = pds.post(CREATE, &input).await.ok();
    let method = "com.atproto.server.getAccountInviteCodes";
    let token = text(&alice, "accessJwt");
    let shown = pds.get_as(token, method, &[]).await.ok();
    assert_eq!(shown["codes"][0]["uses"][0]["usedBy"], bob["did"]);
    let unused = pds.get_as(token, method, &[("includeUsed", "false")]).await.ok();
    assert_eq!(unused["codes"], json!([]));
    for wrong in [json!({ "useCount": 0 }), json!({ "useCount": -1 })] {
        let refusal = pds.post_as_admin("com.atproto.server.createInviteCode", &wrong).await;
        assert_eq!(refusal.status, 400);
    }
}

#[tokio::test]
async fn pd_009_and_t64_moving_in_needs_proof_of_the_identity() {
    let (pds, _directory, _dir) = start(&[]).await;
    let alice = pds.sign_up("alice").await;
    // An identity of this very directory serves as one from elsewhere.
    let did = Did::new(text(&alice, "did")).unwrap();
    let key = pds.app.accounts.signing_key(&did).await.unwrap().unwrap();
    pds.app.accounts.remove(&did).await.unwrap();
    pds.app.stores.destroy(&did).await.unwrap();
    let mut input = wish("moved");
    input["did"] = json!(did);
    let token = |audience: &str, method: &str| {
        let claims = ServiceClaims::new(did.clone(), audience, method);
        service::mint(key.as_ref(), &claims).unwrap()
    };
    let own = pds.app.service_did.as_str();
    for wrong in [token("did:web:other.example", CREATE), token(own, "com.atproto.repo.uploadBlob")]
    {
        assert_eq!(pds.post_as(&wrong, CREATE, Some(input.clone())).await.status, 401);
    }
    let moved = pds.post_as(&token(own, CREATE), CREATE, Some(input)).await.ok();
    let access = text(&moved, "accessJwt");
    let session = pds.get_as(access, "com.atproto.server.getSession", &[]).await.ok();
    assert_eq!(
        (session["active"].as_bool(), session["status"].as_str()),
        (Some(false), Some("deactivated"))
    );
    // Its document still names the key that signed elsewhere.
    let refusal = pds.post_as(access, "com.atproto.server.activateAccount", None).await.error();
    assert_eq!(refusal, (400, "InvalidRequest".to_owned()));
    let status = pds.get_as(access, "com.atproto.server.checkAccountStatus", &[]).await.ok();
    assert_eq!(status["validDid"], false);
    let wanted =
        pds.get_as(access, "com.atproto.identity.getRecommendedDidCredentials", &[]).await.ok();
    assert_eq!(wanted["alsoKnownAs"], json!(["at://moved.test"]));
    assert_eq!(wanted["services"]["atproto_pds"]["endpoint"], pds.app.config.public_url());
}

#[tokio::test]
async fn pd_011_deactivation_and_activation_are_announced() {
    let (pds, _directory, _dir) = start(&[]).await;
    let alice = pds.sign_up("alice").await;
    let token = text(&alice, "accessJwt");
    let mut stream = subscribe(&pds, Some(0)).await;
    take(&mut stream, 4).await;
    pds.post_as(token, "com.atproto.server.deactivateAccount", Some(json!({}))).await.ok();
    let [Event::Account(off)] = &take(&mut stream, 1).await[..] else { panic!("no #account") };
    assert_eq!((off.active, off.status.as_deref()), (false, Some("deactivated")));
    let post = json!({ "repo": alice["did"], "collection": "app.bsky.feed.post", "record": crate::harness::post("a") });
    let refusal = pds.post_as(token, "com.atproto.repo.createRecord", Some(post)).await.error();
    assert_eq!(refusal, (401, "AccountDeactivated".to_owned()));
    pds.post_as(token, "com.atproto.server.activateAccount", None).await.ok();
    assert_eq!(kinds(&take(&mut stream, 2).await), ["account", "sync"]);
}

#[tokio::test]
async fn a_handle_is_changed_here_and_in_the_directory() {
    let (pds, directory, _dir) = start(&[]).await;
    let alice = pds.sign_up("alice").await;
    pds.sign_up("bobby").await;
    let (did, token) = (text(&alice, "did"), text(&alice, "accessJwt"));
    let mut stream = subscribe(&pds, Some(0)).await;
    // An account begins with four events, which get their numbers in their own time.
    take(&mut stream, 8).await;
    let update = "com.atproto.identity.updateHandle";
    for (handle, error) in [
        ("bobby.test", "HandleNotAvailable"),
        ("root.test", "HandleNotAvailable"),
        ("x.test", "InvalidHandle"),
    ] {
        let refusal = pds.post_as(token, update, Some(json!({ "handle": handle }))).await.error();
        assert_eq!(refusal, (400, error.to_owned()), "{handle}");
    }
    directory.refuse(400);
    let carol = || Some(json!({ "handle": "carol.test" }));
    assert_eq!(pds.post_as(token, update, carol()).await.error().0, 502);
    directory.refuse(0);
    pds.post_as(token, update, carol()).await.ok();
    let names = directory.log(did).pop().unwrap().operation().unwrap().also_known_as;
    assert_eq!(names, ["at://carol.test"]);
    let [Event::Identity(event)] = &take(&mut stream, 1).await[..] else { panic!("no #identity") };
    assert_eq!(event.handle.as_ref().unwrap().as_str(), "carol.test");
    let resolve = "com.atproto.identity.resolveHandle";
    assert_eq!(pds.get(resolve, &[("handle", "carol.test")]).await.ok()["did"], did);
    let refusal = pds.get(resolve, &[("handle", "alice.test")]).await.error();
    assert_eq!(refusal, (400, "HandleNotFound".to_owned()));
    // The old one is free.
    let mut input = wish("alice");
    input["email"] = json!("another-alice@example.com");
    pds.post(CREATE, &input).await.ok();
}

#[tokio::test]
async fn t106_a_deleted_account_leaves_nothing() {
    let (pds, _directory, dir) = start(&[]).await;
    let alice = pds.sign_up("alice").await;
    let did = Did::new(text(&alice, "did")).unwrap();
    let mut stream = subscribe(&pds, Some(0)).await;
    take(&mut stream, 4).await;
    let input = json!({ "did": did });
    pds.post_as_admin("com.atproto.admin.deleteAccount", &input).await.ok();
    let token = text(&alice, "accessJwt");
    assert_eq!(pds.get_as(token, "com.atproto.server.getSession", &[]).await.status, 401);
    assert_eq!(pds.log_in("alice.test", "password of alice").await.status, 401);
    let [Event::Account(event)] = &take(&mut stream, 1).await[..] else { panic!("no #account") };
    assert_eq!((event.active, event.status.as_deref()), (false, Some("deleted")));
    gone(&pds, &did).await;
    let files = walk(&dir.path().join("actors"));
    assert!(files.is_empty(), "{files:?}");
    pds.sign_up("alice").await;
}

#[tokio::test]
async fn t106_an_interrupted_deletion_is_finished_at_the_next_start() {
    let (directory, url) = Directory::start().await;
    let dir = tempfile::tempdir().unwrap();
    let pds = network::pds(dir.path(), &url, &[]).await;
    let alice = pds.sign_up("alice").await;
    let did = Did::new(text(&alice, "did")).unwrap();
    take(&mut subscribe(&pds, Some(0)).await, 4).await;
    pds.app.accounts.begin_deletion(&did).await.unwrap();
    assert_eq!(pds.app.accounts.by_did(&did).await.unwrap().unwrap().status, Status::Deleted);
    pds.stop().await;
    let pds = network::pds(dir.path(), &url, &[]).await;
    gone(&pds, &did).await;
    let events = take(&mut subscribe(&pds, Some(4)).await, 1).await;
    assert_eq!(kinds(&events), ["account"]);
    assert_eq!(directory.lengths(), [1], "the identity is its owner's");
}

/// Waits until an account's data is removed.
async fn gone(pds: &Pds, did: &Did) {
    while pds.app.accounts.by_did(did).await.unwrap().is_some() {
        tokio::task::yield_now().await;
    }
    assert!(pds.app.stores.open(did).await.unwrap().is_none());
}

fn walk(path: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}
