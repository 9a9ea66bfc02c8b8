//! Logging in and out, and what tokens are good for.

use std::time::{SystemTime, UNIX_EPOCH};

use atproto_core::syntax::Did;
use atproto_xrpc::auth::{
    service::{self, ServiceClaims},
    session::Scope,
};
use pds::accounts::{GRACE_SECONDS, RefreshToken, Rotation};
use serde_json::json;

use crate::{
    harness::Pds,
    network::{self, Directory, text},
};

const REFRESH: &str = "com.atproto.server.refreshSession";
const SESSION: &str = "com.atproto.server.getSession";
const DELETE: &str = "com.atproto.server.deleteSession";

async fn start() -> (Pds, tempfile::TempDir) {
    let (_directory, url) = Directory::start().await;
    let dir = tempfile::tempdir().unwrap();
    (network::pds(dir.path(), &url, &[]).await, dir)
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

#[tokio::test]
async fn an_account_logs_in_by_handle_did_and_address() {
    let (pds, _dir) = start().await;
    let alice = pds.sign_up("alice").await;
    for identifier in
        ["alice.test", "Alice.Test", "@alice.test", text(&alice, "did"), "ALICE@example.com"]
    {
        let session = pds.log_in(identifier, "password of alice").await.ok();
        assert_eq!(session["did"], alice["did"], "{identifier}");
        assert_eq!(session["didDoc"]["id"], alice["did"]);
    }
    for (identifier, password) in [
        ("alice.test", "password of alicE"),
        ("alice.test", ""),
        ("nobody.test", "password of alice"),
        ("nobody@example.com", "password of alice"),
        ("x", "y"),
    ] {
        let refusal = pds.log_in(identifier, password).await.error();
        assert_eq!(refusal, (401, "AuthenticationRequired".to_owned()), "{identifier}");
    }
    let long = "x".repeat(100_000);
    assert_eq!(pds.log_in("alice.test", &long).await.status, 401);
}

#[tokio::test]
async fn t74_guessing_is_slowed_down() {
    let (pds, _dir) = start().await;
    pds.sign_up("alice").await;
    for _ in 0..5 {
        assert_eq!(pds.log_in("alice.test", "a guess").await.status, 401);
    }
    let refusal = pds.log_in("alice.test", "password of alice").await.error();
    assert_eq!(refusal, (429, "RateLimitExceeded".to_owned()));
    // An account that does not exist looks the same.
    for _ in 0..5 {
        assert_eq!(pds.log_in("nobody.test", "a guess").await.status, 401);
    }
    assert_eq!(pds.log_in("nobody.test", "a guess").await.status, 429);
}

#[tokio::test]
async fn t72_two_refreshes_at_once_get_the_same_successor() {
    let (pds, _dir) = start().await;
    let alice = pds.sign_up("alice").await;
    let token = text(&alice, "refreshJwt");
    let (one, two) =
        tokio::join!(pds.post_as(token, REFRESH, None), pds.post_as(token, REFRESH, None));
    let (one, two) = (one.ok(), two.ok());
    let id = |answer: &serde_json::Value| {
        pds.app.sessions.verify_refresh(text(answer, "refreshJwt")).unwrap().jti
    };
    assert_eq!(id(&one), id(&two));
    assert_ne!(id(&one), id(&alice));
    pds.post_as(text(&two, "refreshJwt"), REFRESH, None).await.ok();
    for session in [&alice, &one, &two] {
        pds.get_as(text(session, "accessJwt"), SESSION, &[]).await.ok();
    }
}

#[tokio::test]
async fn t72_a_token_that_comes_back_late_ends_the_session() {
    let (pds, _dir) = start().await;
    let alice = pds.sign_up("alice").await;
    let did = Did::new(text(&alice, "did")).unwrap();
    let accounts = &pds.app.accounts;
    let token = RefreshToken {
        id: "first".to_owned(),
        did: did.clone(),
        scope: Scope::AppPassword,
        app_password: None,
        expires: now() + 1_000_000,
    };
    accounts.begin_session(token).await.unwrap();
    let expires = now() + 2_000_000;
    let rotate = |id: &'static str, next: &'static str, at: u64| {
        accounts.rotate_session(id, next, expires, at)
    };
    let next = |id: &str| Rotation::Next { id: id.to_owned(), scope: Scope::AppPassword };
    let start = now();
    assert_eq!(rotate("first", "second", start).await.unwrap(), next("second"));
    let last_second = start + GRACE_SECONDS - 1;
    assert_eq!(rotate("first", "other", last_second).await.unwrap(), next("second"));
    assert_eq!(rotate("second", "third", last_second).await.unwrap(), next("third"));
    assert!(accounts.by_session(&did, "third").await.unwrap().is_some());
    assert_eq!(rotate("first", "x", start + GRACE_SECONDS).await.unwrap(), Rotation::Reused);
    for id in ["first", "second", "third"] {
        assert_eq!(rotate(id, "x", start).await.unwrap(), Rotation::Unknown);
        assert!(accounts.by_session(&did, id).await.unwrap().is_none());
    }
    // Other sessions of the account go on.
    pds.post_as(text(&alice, "refreshJwt"), REFRESH, None).await.ok();
}

#[tokio::test]
async fn a_session_that_has_ended_is_over_at_once() {
    let (pds, _dir) = start().await;
    let alice = pds.sign_up("alice").await;
    let other = pds.log_in("alice.test", "password of alice").await.ok();
    let (access, refresh) = (text(&alice, "accessJwt"), text(&alice, "refreshJwt"));
    pds.post_as(refresh, DELETE, None).await.ok();
    let refusal = pds.get_as(access, SESSION, &[]).await.error();
    assert_eq!(refusal, (401, "InvalidToken".to_owned()));
    let refusal = pds.post_as(refresh, REFRESH, None).await.error();
    assert_eq!(refusal, (400, "ExpiredToken".to_owned()));
    // Ending it again is no error.
    pds.post_as(refresh, DELETE, None).await.ok();
    pds.get_as(text(&other, "accessJwt"), SESSION, &[]).await.ok();
}

#[tokio::test]
async fn an_expired_token_can_only_end_its_session() {
    let (pds, _dir) = start().await;
    let alice = pds.sign_up("alice").await;
    let did = Did::new(text(&alice, "did")).unwrap();
    let old = pds.app.sessions.mint_at(&did, Scope::Access, "old".to_owned(), 1_000);
    let refusal = pds.get_as(&old.access_jwt, SESSION, &[]).await.error();
    assert_eq!(refusal, (400, "ExpiredToken".to_owned()));
    let refusal = pds.post_as(&old.refresh_jwt, REFRESH, None).await.error();
    assert_eq!(refusal, (400, "ExpiredToken".to_owned()));
    pds.post_as(&old.refresh_jwt, DELETE, None).await.ok();
    assert_eq!(pds.post_as("nonsense", DELETE, None).await.error().0, 401);
}

#[tokio::test]
async fn t63_no_token_is_good_as_another() {
    let (pds, _dir) = start().await;
    let alice = pds.sign_up("alice").await;
    let did = Did::new(text(&alice, "did")).unwrap();
    let key = pds.app.signing_key(&did).await.unwrap();
    let claims = ServiceClaims::new(did, pds.app.service_did.as_str(), SESSION);
    let service = service::mint(key.as_ref(), &claims).unwrap();
    let (access, refresh) = (text(&alice, "accessJwt"), text(&alice, "refreshJwt"));
    for wrong in [refresh, &service, "x.y.z", ""] {
        assert_eq!(pds.get_as(wrong, SESSION, &[]).await.error().0, 401);
    }
    for wrong in [access, &service] {
        assert_eq!(pds.post_as(wrong, REFRESH, None).await.error().0, 401);
        assert_eq!(pds.post_as(wrong, DELETE, None).await.error().0, 401);
    }
    let made =
        pds.post_as(access, "com.atproto.server.createAccount", Some(network::wish("bobby")));
    assert_eq!(made.await.error().0, 401);
}

#[tokio::test]
async fn t78_an_app_password_is_not_the_accounts_own() {
    let (pds, _dir) = start().await;
    let alice = pds.sign_up("alice").await;
    let own = text(&alice, "accessJwt");
    let create = "com.atproto.server.createAppPassword";
    let made = pds.post_as(own, create, Some(json!({ "name": "phone" }))).await.ok();
    let password = text(&made, "password");
    let again = pds.post_as(own, create, Some(json!({ "name": "phone" }))).await.error();
    assert_eq!(again, (400, "InvalidRequest".to_owned()));
    let session = pds.log_in("alice.test", password).await.ok();
    assert!(session["email"].is_null(), "the address is the owner's");
    let token = text(&session, "accessJwt");
    pds.get_as(token, "com.atproto.server.listAppPasswords", &[]).await.ok();
    for (method, input) in [
        (create, Some(json!({ "name": "other" }))),
        ("com.atproto.server.revokeAppPassword", Some(json!({ "name": "phone" }))),
        ("com.atproto.server.deactivateAccount", Some(json!({}))),
        ("com.atproto.server.activateAccount", None),
        ("com.atproto.identity.updateHandle", Some(json!({ "handle": "carol.test" }))),
    ] {
        let refusal = pds.post_as(token, method, input).await.error();
        assert_eq!(refusal, (400, "InvalidToken".to_owned()), "{method}");
    }
    // Its scope lasts beyond a refresh, and its end is the end of its sessions.
    let next = pds.post_as(text(&session, "refreshJwt"), REFRESH, None).await.ok();
    let refusal = pds.post_as(text(&next, "accessJwt"), create, Some(json!({ "name": "b" }))).await;
    assert_eq!(refusal.error(), (400, "InvalidToken".to_owned()));
    let revoke =
        pds.post_as(own, "com.atproto.server.revokeAppPassword", Some(json!({ "name": "phone" })));
    revoke.await.ok();
    assert_eq!(pds.get_as(text(&next, "accessJwt"), SESSION, &[]).await.status, 401);
    assert_eq!(pds.post_as(text(&next, "refreshJwt"), REFRESH, None).await.status, 400);
    assert_eq!(pds.log_in("alice.test", password).await.status, 401);
}

#[tokio::test]
async fn t104_secrets_are_readable_for_the_servers_user_alone() {
    use std::os::unix::fs::PermissionsExt;

    let (pds, dir) = start().await;
    pds.sign_up("alice").await;
    let mode = |path: &str| {
        let metadata = std::fs::metadata(dir.path().join(path)).unwrap();
        metadata.permissions().mode() & 0o777
    };
    // Nobody else can enter the directory of the database with the signing keys.
    assert_eq!(mode(""), 0o700);
    assert_eq!(mode("secrets/jwt"), 0o600);
    assert_eq!(mode("secrets/rotation-key"), 0o600);
}
