//! What the operator does to accounts.

use serde_json::json;

use crate::{
    harness::Pds,
    network::{self, Directory, text},
    stream::{kinds, subscribe, take},
};

const UPDATE: &str = "com.atproto.admin.updateSubjectStatus";

async fn start() -> (Pds, tempfile::TempDir) {
    let (_directory, url) = Directory::start().await;
    let dir = tempfile::tempdir().unwrap();
    (network::pds(dir.path(), &url, &[]).await, dir)
}

#[tokio::test]
async fn t82_a_takedown_ends_sessions_and_is_announced() {
    let (pds, _dir) = start().await;
    let alice = pds.sign_up("alice").await;
    let mut stream = subscribe(&pds, Some(0)).await;
    take(&mut stream, 4).await;
    let subject = json!({ "$type": "com.atproto.admin.defs#repoRef", "did": alice["did"] });
    let takedown = |applied: bool| json!({ "subject": subject, "takedown": { "applied": applied, "ref": "case-7" } });
    let answer = pds.post_as_admin(UPDATE, &takedown(true)).await.ok();
    assert_eq!(answer["takedown"]["applied"], true);
    assert_eq!(kinds(&take(&mut stream, 1).await), ["account"]);
    let status = [("did", text(&alice, "did"))];
    let shown = pds.get_as_admin("com.atproto.admin.getSubjectStatus", &status).await.ok();
    assert_eq!(shown["takedown"], json!({ "applied": true, "ref": "case-7" }));
    // Neither old tokens nor new ones, and nothing is found under the handle.
    let access = text(&alice, "accessJwt");
    assert_eq!(pds.get_as(access, "com.atproto.server.getSession", &[]).await.status, 401);
    let refresh =
        pds.post_as(text(&alice, "refreshJwt"), "com.atproto.server.refreshSession", None);
    assert_eq!(refresh.await.error(), (401, "AccountTakedown".to_owned()));
    let refusal = pds.log_in("alice.test", "password of alice").await.error();
    assert_eq!(refusal, (401, "AccountTakedown".to_owned()));
    let wrong = pds.log_in("alice.test", "a guess").await.error();
    assert_eq!(wrong, (401, "AuthenticationRequired".to_owned()), "only its owner learns of it");
    let resolve = pds.get("com.atproto.identity.resolveHandle", &[("handle", "alice.test")]).await;
    assert_eq!(resolve.error().1, "HandleNotFound");
    // Its owner may leave, and do nothing else.
    let input = json!({
        "identifier": "alice.test", "password": "password of alice", "allowTakendown": true,
    });
    let session = pds.post("com.atproto.server.createSession", &input).await.ok();
    let token = text(&session, "accessJwt");
    assert_eq!(
        (session["active"].as_bool(), session["status"].as_str()),
        (Some(false), Some("takendown"))
    );
    assert_eq!(pds.get_as(token, "com.atproto.sync.getRepo", &status).await.status, 200);
    let get_token = "com.atproto.server.getServiceAuth";
    let leave = [("aud", "did:web:new.example"), ("lxm", "com.atproto.server.createAccount")];
    pds.get_as(token, get_token, &leave).await.ok();
    assert_eq!(pds.get_as(token, get_token, &leave[..1]).await.error().0, 400);
    let post = json!({ "repo": alice["did"], "collection": "app.bsky.feed.post", "record": crate::harness::post("a") });
    assert_eq!(
        pds.post_as(token, "com.atproto.repo.createRecord", Some(post)).await.error().0,
        400
    );
    // Afterwards everything is as before.
    pds.post_as_admin(UPDATE, &takedown(false)).await.ok();
    assert_eq!(kinds(&take(&mut stream, 2).await), ["account", "sync"]);
    pds.log_in("alice.test", "password of alice").await.ok();
}

#[tokio::test]
async fn what_was_switched_off_before_a_takedown_stays_off_after_it() {
    let (pds, _dir) = start().await;
    let alice = pds.sign_up("alice").await;
    let off = pds.post_as(
        text(&alice, "accessJwt"),
        "com.atproto.server.deactivateAccount",
        Some(json!({})),
    );
    off.await.ok();
    let subject = json!({ "$type": "com.atproto.admin.defs#repoRef", "did": alice["did"] });
    for applied in [true, true, false] {
        let input = json!({ "subject": subject, "takedown": { "applied": applied } });
        pds.post_as_admin(UPDATE, &input).await.ok();
    }
    let status = [("did", text(&alice, "did"))];
    let shown = pds.get("com.atproto.sync.getRepoStatus", &status).await.ok();
    assert_eq!(shown["status"], "deactivated");
}

#[tokio::test]
async fn accounts_are_shown_to_the_operator() {
    let (pds, _dir) = start().await;
    let (alice, bob) = (pds.sign_up("alice").await, pds.sign_up("bobby").await);
    let (alice, bob) = (text(&alice, "did"), text(&bob, "did"));
    let method = "com.atproto.admin.getAccountInfo";
    let info = pds.get_as_admin(method, &[("did", alice)]).await.ok();
    assert_eq!((text(&info, "handle"), text(&info, "email")), ("alice.test", "alice@example.com"));
    let dids = [("dids", alice), ("dids", bob), ("dids", "did:web:nobody.example")];
    let infos = pds.get_as_admin("com.atproto.admin.getAccountInfos", &dids).await.ok();
    assert_eq!(infos["infos"].as_array().unwrap().len(), 2);
    let nobody = [("did", "did:web:nobody.example")];
    assert_eq!(pds.get_as_admin(method, &nobody).await.error(), (400, "NotFound".to_owned()));
}

#[tokio::test]
async fn a_new_password_ends_all_sessions() {
    let (pds, _dir) = start().await;
    let alice = pds.sign_up("alice").await;
    let method = "com.atproto.admin.updateAccountPassword";
    let short = json!({ "did": alice["did"], "password": "short" });
    assert_eq!(pds.post_as_admin(method, &short).await.error().1, "InvalidPassword");
    let input = json!({ "did": alice["did"], "password": "a better password" });
    pds.post_as_admin(method, &input).await.ok();
    let access = text(&alice, "accessJwt");
    assert_eq!(pds.get_as(access, "com.atproto.server.getSession", &[]).await.status, 401);
    assert_eq!(pds.log_in("alice.test", "password of alice").await.status, 401);
    pds.log_in("alice.test", "a better password").await.ok();
    let nobody = json!({ "did": "did:web:nobody.example", "password": "a better password" });
    assert_eq!(pds.post_as_admin(method, &nobody).await.status, 400);
}

#[tokio::test]
async fn t77_the_operators_password_cannot_be_guessed_quickly() {
    let (pds, _dir) = start().await;
    let guess = |password: &'static str| {
        let url =
            format!("{}/xrpc/com.atproto.admin.getAccountInfo?did=did:web:x.example", pds.url);
        pds.http.get(url).basic_auth("admin", Some(password)).send()
    };
    for _ in 0..10 {
        assert_eq!(guess("wrong").await.unwrap().status(), 401);
    }
    assert_eq!(guess("admin-secret").await.unwrap().status(), 429);
}
