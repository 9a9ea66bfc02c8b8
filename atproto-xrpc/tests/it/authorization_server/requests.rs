//! Pushing a request, and the user's word on it.

use atproto_core::syntax::{Did, Handle};
use atproto_xrpc::oauth::authorization_server::{
    Fingerprint, Form, OAuthErrorCode, REQUEST_SECONDS, paths,
};
use serde_json::json;

use super::{CALLBACK, ISSUER, PUBLIC, World, alice, browser, code_of, param};

#[tokio::test]
async fn oa_028_the_answer_has_the_code_the_state_and_the_issuer() {
    let world = World::new();
    let app = world.app();
    let request = app.push(&[("state", "a state")]).await.unwrap();
    let consent = world.server.authorize(&request, PUBLIC, browser(), app.now).await.unwrap();
    assert_eq!(consent.client.client_id.to_string(), PUBLIC);
    assert_eq!(consent.scopes.to_string(), "atproto repo:com.example.a");
    let back = app.accepted(&request).await.unwrap();
    assert!(back.as_str().starts_with(&format!("{CALLBACK}?code=")), "{back}");
    assert_eq!((param(&back, "state"), param(&back, "iss")), ("a state".into(), ISSUER.into()));
    // The answer may be hidden from the app's server.
    let hidden = app.push(&[("response_mode", "fragment")]).await.unwrap();
    let back = app.accepted(&hidden).await.unwrap();
    assert_eq!(back.query(), None);
    assert!(back.fragment().is_some_and(|text| text.starts_with("code=")), "{back}");
}

#[tokio::test]
async fn oa_028_a_refusal_has_the_state_and_the_issuer() {
    let world = World::new();
    let app = world.app();
    let request = app.push(&[("state", "a state")]).await.unwrap();
    world.server.authorize(&request, PUBLIC, browser(), app.now).await.unwrap();
    let back = world.server.deny(&request, browser(), app.now).await.unwrap().0;
    assert_eq!(param(&back, "error"), "access_denied");
    assert_eq!((param(&back, "state"), param(&back, "iss")), ("a state".into(), ISSUER.into()));
    assert_eq!(code_of(app.accepted(&request).await), OAuthErrorCode::InvalidRequest);
}

#[tokio::test]
async fn oa_001_and_t69_only_a_pushed_request_is_answered_once_and_in_time() {
    let world = World::new();
    let mut app = world.app();
    for other in ["", "urn:ietf:params:oauth:request_uri:x", "https://app.example.com/request"] {
        assert_eq!(code_of(app.accepted(other).await), OAuthErrorCode::InvalidRequest);
    }
    let request = app.push(&[]).await.unwrap();
    let by = |browser, client| world.server.authorize(&request, client, browser, super::NOW);
    assert!(by(browser(), "http://localhost").await.is_err(), "another client's");
    by(browser(), PUBLIC).await.unwrap();
    by(browser(), PUBLIC).await.unwrap();
    assert!(by(Fingerprint::of("another browser"), PUBLIC).await.is_err());
    app.accepted(&request).await.unwrap();
    assert!(app.accepted(&request).await.is_err());
    let request = app.push(&[]).await.unwrap();
    app.now += REQUEST_SECONDS;
    assert_eq!(code_of(app.accepted(&request).await), OAuthErrorCode::InvalidRequest);
}

#[tokio::test]
async fn oa_005_the_state_is_there_and_not_used_twice() {
    let world = World::new();
    let app = world.app();
    assert_eq!(code_of(app.push(&[("state", "")]).await), OAuthErrorCode::InvalidRequest);
    app.push(&[("state", "same")]).await.unwrap();
    assert_eq!(code_of(app.push(&[("state", "same")]).await), OAuthErrorCode::InvalidRequest);
    let long = "x".repeat(2_000);
    assert_eq!(code_of(app.push(&[("state", &long)]).await), OAuthErrorCode::InvalidRequest);
}

#[tokio::test]
async fn oa_002_a_plain_challenge_is_refused() {
    let world = World::new();
    let app = world.app();
    for changes in [
        [("code_challenge_method", "plain")],
        [("code_challenge_method", "")],
        [("code_challenge", "")],
        [("code_challenge", "too short")],
    ] {
        assert_eq!(code_of(app.push(&changes).await), OAuthErrorCode::InvalidRequest);
    }
}

#[tokio::test]
async fn oa_006_a_request_names_a_declared_redirect() {
    let world = World::new();
    let app = world.app();
    for other in ["", "https://app.example.com/other", "https://evil.example/callback"] {
        let refused = app.push(&[("redirect_uri", other)]).await;
        assert_eq!(code_of(refused), OAuthErrorCode::InvalidRequest, "{other}");
    }
}

#[tokio::test]
async fn oa_007_and_t73_the_scope_is_part_of_what_is_declared() {
    let world = World::new();
    let app = world.app();
    for other in ["", "repo:com.example.a", "atproto repo:com.example.c", "atproto repo:*"] {
        let refused = app.push(&[("scope", other)]).await;
        let code = code_of(refused);
        let expected = match other {
            "" => OAuthErrorCode::InvalidRequest,
            _ => OAuthErrorCode::InvalidScope,
        };
        assert_eq!(code, expected, "{other}");
    }
    app.push(&[("scope", "atproto")]).await.unwrap();
}

#[tokio::test]
async fn pm_013_a_set_that_is_not_there_fails_the_request() {
    let world = World::new();
    let app = world.app();
    let scope = [("scope", "atproto include:com.example.set")];
    assert_eq!(code_of(app.push(&scope).await), OAuthErrorCode::InvalidScope);
    let repo =
        json!([{ "type": "permission", "resource": "repo", "collection": ["com.example.z"] }]);
    world.sets.put("com.example.set", &repo);
    let request = app.push(&scope).await.unwrap();
    let consent = world.server.authorize(&request, PUBLIC, browser(), app.now).await.unwrap();
    assert_eq!(consent.grant.scopes().to_string(), "atproto repo:com.example.z");
    assert_eq!(consent.sets[0].1.title.as_deref(), Some("Everything"));
}

#[tokio::test]
async fn oa_018_a_request_is_pushed_with_a_proof_that_has_the_nonce() {
    let world = World::new();
    let app = world.app();
    let form = format!("client_id={PUBLIC}");
    let form = Form::parse(form.as_bytes()).unwrap();
    let push = |proof| world.server.push(&form, proof, app.now);
    assert_eq!(code_of(push(None).await), OAuthErrorCode::InvalidDpopProof);
    let url = url::Url::parse(&format!("{ISSUER}{}", paths::PAR)).unwrap();
    let request =
        atproto_xrpc::oauth::DpopRequest { method: "POST", url: &url, access_token: None };
    let without_nonce = request.prove(&app.key, None, app.now).unwrap();
    assert_eq!(code_of(push(Some(&without_nonce)).await), OAuthErrorCode::UseDpopNonce);
    let for_token = app.proof(paths::TOKEN);
    assert_eq!(code_of(push(Some(&for_token)).await), OAuthErrorCode::InvalidDpopProof);
    // What is announced has to be what is shown.
    let other = app.push(&[("dpop_jkt", "another key")]).await;
    assert_eq!(code_of(other), OAuthErrorCode::InvalidDpopProof);
}

#[tokio::test]
async fn oa_029_with_a_hint_only_that_account_may_answer() {
    let world = World::new();
    let app = world.app();
    let server = &world.server;
    for (hint, is_alice) in [
        ("alice.test", true),
        ("@Alice.Test", true),
        ("did:web:alice.example", true),
        ("bob.test", false),
        ("did:web:bob.example", false),
    ] {
        let request = app.push(&[("login_hint", hint)]).await.unwrap();
        let answered = app.accepted(&request).await;
        assert_eq!(answered.is_ok(), is_alice, "{hint}");
        let (bob, handle) = (Did::new("did:web:bob.example").unwrap(), Handle::new("bob.test"));
        if is_alice {
            continue;
        }
        let handle = handle.unwrap();
        server.accept(&request, browser(), &bob, Some(&handle), app.now).await.unwrap();
    }
    let nonsense = app.push(&[("login_hint", "no one")]).await;
    assert_eq!(code_of(nonsense), OAuthErrorCode::InvalidRequest);
    assert_eq!(alice().as_str(), "did:web:alice.example");
}

#[tokio::test]
async fn oa_033_nobody_signs_in_silently() {
    let world = World::new();
    for app in [world.app(), world.confidential()] {
        assert_eq!(code_of(app.push(&[("prompt", "none")]).await), OAuthErrorCode::InvalidRequest);
        app.push(&[("prompt", "consent")]).await.unwrap();
    }
}

#[tokio::test]
async fn what_would_change_the_meaning_is_not_passed_over() {
    let world = World::new();
    let app = world.app();
    for change in [
        ("request", "e30.e30."),
        ("request_uri", "https://app.example.com/request"),
        ("response_mode", "form_post"),
        ("response_type", ""),
    ] {
        assert_eq!(code_of(app.push(&[change]).await), OAuthErrorCode::InvalidRequest);
    }
    let token = app.push(&[("response_type", "token")]).await;
    assert_eq!(code_of(token), OAuthErrorCode::UnsupportedResponseType);
}
