//! Sessions: refreshed, given back, and over.

use atproto_core::{
    crypto::{Curve, SecretKey},
    syntax::Did,
};
use atproto_xrpc::oauth::authorization_server::{
    ACCESS_TOKEN_SECONDS, AccountGate, CONFIDENTIAL_REFRESH_SECONDS, CONFIDENTIAL_SESSION_SECONDS,
    OAuthErrorCode, PUBLIC_SESSION_SECONDS, store::StoreError,
};
use futures::future::BoxFuture;
use serde_json::json;
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use super::{App, PUBLIC, World, alice, code_of, public_client};

#[tokio::test]
async fn oa_014_and_t72_a_refresh_token_is_good_once_and_its_second_use_ends_the_session() {
    let world = World::new();
    let app = world.app();
    let first = app.log_in().await;
    let token = first.refresh_token.unwrap();
    let second = app.refresh(&token).await.unwrap();
    assert!(app.is_good(&second.access_token).await);
    assert!(!app.is_good(&first.access_token).await, "one access token at a time");
    assert_eq!(code_of(app.refresh(&token).await), OAuthErrorCode::InvalidGrant);
    assert!(!app.is_good(&second.access_token).await);
    let refused = app.refresh(&second.refresh_token.unwrap()).await;
    assert_eq!(code_of(refused), OAuthErrorCode::InvalidGrant);
}

#[tokio::test]
async fn oa_017_tokens_are_bound_to_their_key_and_client() {
    let world = World::new();
    let app = world.app();
    let tokens = app.log_in().await;
    let thief = App { key: SecretKey::generate(Curve::P256), ..world.app() };
    assert!(!thief.is_good(&tokens.access_token).await);
    let token = tokens.refresh_token.unwrap();
    assert_eq!(code_of(thief.refresh(&token).await), OAuthErrorCode::InvalidGrant);
    let client = world.confidential();
    let other = App { key: app.key.clone(), ..client };
    assert_eq!(code_of(other.refresh(&token).await), OAuthErrorCode::InvalidGrant);
    // A thief who can do nothing does not end it either.
    app.refresh(&token).await.unwrap();
}

#[tokio::test]
async fn oa_013_an_access_token_expires() {
    let world = World::new();
    let mut app = world.app();
    let tokens = app.log_in().await;
    app.now += ACCESS_TOKEN_SECONDS - 1;
    assert!(app.is_good(&tokens.access_token).await);
    app.now += 1;
    assert!(!app.is_good(&tokens.access_token).await);
}

#[tokio::test]
async fn oa_015_the_session_of_a_public_client_ends_after_two_weeks_however_often_refreshed() {
    let world = World::new();
    let mut app = world.app();
    let mut token = app.log_in().await.refresh_token.unwrap();
    for _ in 0..3 {
        app.now += PUBLIC_SESSION_SECONDS / 4;
        token = app.refresh(&token).await.unwrap().refresh_token.unwrap();
    }
    app.now += PUBLIC_SESSION_SECONDS / 4;
    assert_eq!(code_of(app.refresh(&token).await), OAuthErrorCode::InvalidGrant);
}

#[tokio::test]
async fn oa_016_a_confidential_client_refreshes_for_longer() {
    let world = World::new();
    let mut app = world.confidential();
    let mut token = app.log_in().await.refresh_token.unwrap();
    app.now += CONFIDENTIAL_REFRESH_SECONDS - 1;
    token = app.refresh(&token).await.unwrap().refresh_token.unwrap();
    app.now += CONFIDENTIAL_REFRESH_SECONDS;
    assert_eq!(code_of(app.refresh(&token).await), OAuthErrorCode::InvalidGrant);
    const { assert!(CONFIDENTIAL_SESSION_SECONDS > PUBLIC_SESSION_SECONDS) };
}

#[tokio::test]
async fn a_token_that_is_given_back_ends_its_session() {
    let world = World::new();
    let app = world.app();
    let other = world.confidential();
    for by_access in [true, false] {
        let app = App { key: app.key.clone(), ..world.app() };
        let tokens = app.log_in().await;
        let refresh = tokens.refresh_token.unwrap();
        let token = if by_access { &tokens.access_token } else { &refresh };
        other.revoke(token).await.unwrap();
        assert!(app.is_good(&tokens.access_token).await, "it is another client's");
        app.revoke("nonsense").await.unwrap();
        app.revoke(token).await.unwrap();
        assert!(!app.is_good(&tokens.access_token).await);
        assert_eq!(code_of(app.refresh(&refresh).await), OAuthErrorCode::InvalidGrant);
        app.revoke(token).await.unwrap();
    }
}

#[tokio::test]
async fn pm_014_permissions_change_at_a_refresh() {
    let world = World::new();
    let repo = |name| json!([{ "type": "permission", "resource": "repo", "collection": [name] }]);
    world.sets.put("com.example.set", &repo("com.example.old"));
    let app = App { scope: "atproto include:com.example.set".to_owned(), ..world.app() };
    let tokens = app.log_in().await;
    assert_eq!(tokens.scope, "atproto repo:com.example.old");
    world.sets.put("com.example.set", &repo("com.example.new"));
    let jkt = atproto_xrpc::oauth::Jwk(app.key.public_key()).thumbprint();
    let found = world.server.introspect(&tokens.access_token, &jkt, app.now).await.unwrap();
    assert_eq!(found.grant.scopes().to_string(), "atproto repo:com.example.old");
    let tokens = app.refresh(&tokens.refresh_token.unwrap()).await.unwrap();
    assert_eq!(tokens.scope, "atproto repo:com.example.new");
}

#[tokio::test]
async fn a_client_without_the_grant_gets_no_refresh_token() {
    let world = World::new();
    let mut document = public_client();
    document["grant_types"] = json!(["authorization_code"]);
    world.published.json(PUBLIC, &document);
    let mut app = world.app();
    let tokens = app.log_in().await;
    assert_eq!(tokens.refresh_token, None);
    app.now += ACCESS_TOKEN_SECONDS;
    assert_eq!(world.server.store().sessions_of(&alice(), app.now).await.unwrap(), []);
}

/// Accounts that may be switched off.
struct Gate(AtomicBool);

impl AccountGate for Gate {
    fn admits<'a>(&'a self, _account: &'a Did) -> BoxFuture<'a, Result<bool, StoreError>> {
        let open = self.0.load(Ordering::SeqCst);
        Box::pin(async move { Ok(open) })
    }
}

#[tokio::test]
async fn t82_an_account_that_is_taken_down_gets_no_tokens() {
    let gate = Arc::new(Gate(AtomicBool::new(true)));
    let world = World::with(|server| server.account_gate(Arc::clone(&gate) as _));
    let app = world.app();
    let token = app.log_in().await.refresh_token.unwrap();
    let app = world.app();
    let (code, pushed) = (app.code().await, app.push(&[]).await.unwrap());
    gate.0.store(false, Ordering::SeqCst);
    assert_eq!(code_of(app.refresh(&token).await), OAuthErrorCode::InvalidGrant);
    assert_eq!(code_of(app.exchange(&code, &[]).await), OAuthErrorCode::InvalidGrant);
    assert_eq!(code_of(app.accepted(&pushed).await), OAuthErrorCode::InvalidGrant);
}
