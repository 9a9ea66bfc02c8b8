//! A code becomes tokens.

use atproto_core::crypto::{Curve, SecretKey};
use atproto_xrpc::oauth::{
    Pkce,
    authorization_server::{
        ACCESS_TOKEN_SECONDS, CODE_CHALLENGE_SECONDS, CODE_SECONDS, OAuthErrorCode,
    },
};

use super::{App, World, alice, code_of};

#[tokio::test]
async fn oa_011_and_012_the_answer_names_the_account_and_the_scope() {
    let world = World::new();
    let app = world.app();
    let tokens = app.log_in().await;
    assert_eq!((&tokens.sub, tokens.scope.as_str()), (&alice(), "atproto repo:com.example.a"));
    assert_eq!((tokens.token_type, tokens.expires_in), ("DPoP", ACCESS_TOKEN_SECONDS));
    assert!(app.is_good(&tokens.access_token).await);
}

#[tokio::test]
async fn oa_004_and_t69_a_code_that_comes_twice_ends_its_session() {
    let world = World::new();
    let app = world.app();
    let code = app.code().await;
    let tokens = app.exchange(&code, &[]).await.unwrap();
    assert!(app.is_good(&tokens.access_token).await);
    // Whoever it is: the code has leaked.
    let thief = App { key: SecretKey::generate(Curve::P256), ..world.app() };
    assert_eq!(code_of(thief.exchange(&code, &[]).await), OAuthErrorCode::InvalidGrant);
    assert!(!app.is_good(&tokens.access_token).await);
    let refreshed = app.refresh(&tokens.refresh_token.unwrap()).await;
    assert_eq!(code_of(refreshed), OAuthErrorCode::InvalidGrant);
}

#[tokio::test]
async fn oa_002_and_t69_a_code_needs_its_verifier() {
    let world = World::new();
    let app = world.app();
    for wrong in [Pkce::generate().verifier(), &app.pkce.challenge(), "short"] {
        let code = app.code().await;
        let refused = app.exchange(&code, &[("code_verifier", wrong)]).await;
        assert_eq!(code_of(refused), OAuthErrorCode::InvalidGrant);
        // One attempt is all there is.
        assert_eq!(code_of(app.exchange(&code, &[]).await), OAuthErrorCode::InvalidGrant);
    }
    let code = app.code().await;
    let refused = app.exchange(&code, &[("code_verifier", "")]).await;
    assert_eq!(code_of(refused), OAuthErrorCode::InvalidRequest);
    app.exchange(&code, &[]).await.unwrap();
}

#[tokio::test]
async fn oa_003_and_t69_a_code_challenge_is_good_once_a_day() {
    let world = World::new();
    let mut app = world.app();
    app.log_in().await;
    let code = app.code().await;
    assert_eq!(code_of(app.exchange(&code, &[]).await), OAuthErrorCode::InvalidGrant);
    app.now += CODE_CHALLENGE_SECONDS;
    app.log_in().await;
}

#[tokio::test]
async fn oa_006_a_code_is_exchanged_under_the_same_redirect() {
    let world = World::new();
    let app = world.app();
    let code = app.code().await;
    let refused = app.exchange(&code, &[("redirect_uri", "https://app.example.com/x")]).await;
    assert_eq!(code_of(refused), OAuthErrorCode::InvalidGrant);
}

#[tokio::test]
async fn oa_017_a_code_is_bound_to_its_key_and_client() {
    let world = World::new();
    let app = world.app();
    let code = app.code().await;
    let key = SecretKey::generate(Curve::P256);
    let thief = App { key, pkce: app.pkce.clone(), ..world.app() };
    assert_eq!(code_of(thief.exchange(&code, &[]).await), OAuthErrorCode::InvalidGrant);
    let code = app.code().await;
    let client = world.confidential();
    let other = App { key: app.key.clone(), pkce: app.pkce.clone(), ..client };
    assert_eq!(code_of(other.exchange(&code, &[]).await), OAuthErrorCode::InvalidGrant);
}

#[tokio::test]
async fn a_code_lives_for_minutes() {
    let world = World::new();
    let mut app = world.app();
    let code = app.code().await;
    app.now += CODE_SECONDS;
    assert_eq!(code_of(app.exchange(&code, &[]).await), OAuthErrorCode::InvalidGrant);
    assert_eq!(code_of(app.exchange("never", &[]).await), OAuthErrorCode::InvalidGrant);
    let form = "grant_type=password&client_id=http://localhost";
    assert_eq!(code_of(app.token(form).await), OAuthErrorCode::UnsupportedGrantType);
}
