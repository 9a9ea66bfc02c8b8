//! Who asks: metadata, keys, assertions.

use std::{sync::Arc, time::Duration};

use atproto_core::crypto::{Curve, SecretKey};
use atproto_xrpc::oauth::{
    MAX_METADATA_BYTES,
    authorization_server::{
        ASSERTION_SECONDS, CLIENT_CACHE_CAPACITY, CLIENT_CACHE_SECONDS, Clients, Document,
        FetchDocument, FetchFailure, OAuthErrorCode,
    },
};
use futures::future::BoxFuture;
use http::StatusCode;
use serde_json::json;
use tokio::{task::JoinSet, time::timeout};
use url::Url;

use super::{
    App, CONFIDENTIAL, NOW, PUBLIC, World, code_of, confidential_client, named, public_client,
};

#[tokio::test]
async fn oc_002_and_t68_metadata_are_json_and_found_without_a_detour() {
    let good = public_client().to_string().into_bytes();
    for (status, content_type) in [
        (200, "text/html"),
        (200, "application/jsonp"),
        (201, "application/json"),
        (204, "application/json"),
        (301, "application/json"),
        (404, "application/json"),
        (500, "application/json"),
    ] {
        let world = World::new();
        world.published.put(PUBLIC, status, content_type, good.clone());
        let refused = world.app().push(&[]).await;
        assert_eq!(code_of(refused), OAuthErrorCode::InvalidClient, "{status} {content_type}");
    }
    let world = World::new();
    world.published.put(PUBLIC, 200, "Application/JSON; charset=utf-8", good);
    world.app().push(&[]).await.unwrap();
}

#[tokio::test]
async fn oc_015_and_t68_clients_are_known_by_their_address_alone() {
    let world = World::new();
    let stranger = |id: &str| App { client_id: id.to_owned(), ..world.app() };
    for id in [
        "https://nobody.example.com/client.json",
        "https://127.0.0.1/client.json",
        "http://app.example.com/client.json",
        "app",
    ] {
        assert_eq!(code_of(stranger(id).push(&[]).await), OAuthErrorCode::InvalidClient, "{id}");
    }
    let mut large = public_client();
    large["client_name"] = json!("x".repeat(MAX_METADATA_BYTES));
    let large_id = "https://large.example.com/client.json";
    large["client_id"] = json!(large_id);
    world.published.json(large_id, &large);
    assert_eq!(code_of(stranger(large_id).push(&[]).await), OAuthErrorCode::InvalidClient);
    let other = "https://forged.example.com/client.json";
    world.published.json(other, &public_client());
    assert_eq!(code_of(stranger(other).push(&[]).await), OAuthErrorCode::InvalidClient);
    // A failure is remembered for some seconds: nobody is flooded through this server.
    stranger(other).push(&[]).await.unwrap_err();
    let fetched = world.published.fetched.lock().unwrap();
    assert_eq!(fetched.iter().filter(|url| *url == other).count(), 1);
}

#[tokio::test]
async fn oc_014_metadata_are_used_for_minutes() {
    let world = World::new();
    let mut app = world.app();
    app.push(&[]).await.unwrap();
    let mut changed = public_client();
    changed["redirect_uris"] = json!(["https://app.example.com/elsewhere"]);
    world.published.json(PUBLIC, &changed);
    app.now += CLIENT_CACHE_SECONDS - 1;
    app.push(&[]).await.unwrap();
    assert_eq!(world.published.fetched.lock().unwrap().len(), 1);
    app.now += 1;
    app.push(&[]).await.unwrap_err();
}

#[tokio::test]
async fn an_app_on_the_developers_machine_describes_itself() {
    let world = World::new();
    let id = "http://localhost?scope=atproto&redirect_uri=http%3A%2F%2F127.0.0.1%2Fcallback";
    let app = App { client_id: id.to_owned(), scope: "atproto".to_owned(), ..world.app() };
    let redirect = [("redirect_uri", "http://127.0.0.1:4711/callback")];
    let request = app.push(&redirect).await.unwrap();
    let back = app.accepted(&request).await.unwrap();
    assert!(back.as_str().starts_with("http://127.0.0.1:4711/callback?code="));
    app.exchange(&super::param(&back, "code"), &redirect).await.unwrap();
    assert!(world.published.fetched.lock().unwrap().is_empty());
}

#[tokio::test]
async fn oa_008_a_confidential_client_authenticates_itself_with_each_request() {
    let world = World::new();
    let app = world.confidential();
    app.refresh(&app.log_in().await.refresh_token.unwrap()).await.unwrap();
    let (kid, key) = app.assertion_key.as_ref().unwrap();
    let now = app.now;
    let stranger = SecretKey::generate(Curve::P256);
    let wrong = [
        String::new(),
        "x.y.z".to_owned(),
        app.assertion(&stranger, kid, &json!({})),
        app.assertion(key, "another", &json!({})),
        app.assertion(key, kid, &json!({ "iss": PUBLIC })),
        app.assertion(key, kid, &json!({ "sub": PUBLIC })),
        app.assertion(key, kid, &json!({ "aud": "https://other.example.com" })),
        app.assertion(key, kid, &json!({ "aud": ["https://other.example.com"] })),
        app.assertion(key, kid, &json!({ "jti": "" })),
        app.assertion(key, kid, &json!({ "jti": null })),
        app.assertion(key, kid, &json!({ "iat": null })),
        app.assertion(key, kid, &json!({ "iat": now + 60 })),
        app.assertion(key, kid, &json!({ "iat": now - ASSERTION_SECONDS, "exp": now + 60 })),
        app.assertion(key, kid, &json!({ "exp": now })),
    ];
    for assertion in &wrong {
        let refused = app.push(&[("client_assertion", assertion)]).await;
        assert_eq!(code_of(refused), OAuthErrorCode::InvalidClient, "{assertion}");
    }
    let other_type = app.push(&[("client_assertion_type", "jwt")]).await;
    assert_eq!(code_of(other_type), OAuthErrorCode::InvalidClient);
    let several = app.assertion(key, kid, &json!({ "aud": ["x", super::ISSUER] }));
    app.push(&[("client_assertion", &several)]).await.unwrap();
    // Once.
    let again = app.push(&[("client_assertion", &several)]).await;
    assert_eq!(code_of(again), OAuthErrorCode::InvalidClient);
}

#[tokio::test]
async fn oa_009_a_minute_is_not_too_old() {
    let world = World::new();
    let app = world.confidential();
    let (kid, key) = app.assertion_key.as_ref().unwrap();
    let times = json!({ "iat": app.now - 60, "exp": app.now + 60 });
    let assertion = app.assertion(key, kid, &times);
    app.push(&[("client_assertion", &assertion)]).await.unwrap();
}

#[tokio::test]
async fn oa_010_a_session_keeps_to_the_clients_first_key_and_ends_with_it() {
    let world = World::new();
    let mut app = world.confidential();
    let (_, first) = app.assertion_key.clone().unwrap();
    let second = SecretKey::generate(Curve::P256);
    let both = json!([named(&first, "one"), named(&second, "two")]);
    world.published.json(CONFIDENTIAL, &confidential_client(&both));
    let token = app.log_in().await.refresh_token.unwrap();
    app.assertion_key = Some(("two".to_owned(), second.clone()));
    assert_eq!(code_of(app.refresh(&token).await), OAuthErrorCode::InvalidGrant);
    app.assertion_key = Some(("one".to_owned(), first.clone()));
    let token = app.refresh(&token).await.unwrap().refresh_token.unwrap();
    // The first key has leaked and is withdrawn.
    let rest = json!([named(&second, "two")]);
    world.published.json(CONFIDENTIAL, &confidential_client(&rest));
    app.now += CLIENT_CACHE_SECONDS;
    assert_eq!(code_of(app.refresh(&token).await), OAuthErrorCode::InvalidClient);
    app.assertion_key = Some(("two".to_owned(), second));
    assert_eq!(code_of(app.refresh(&token).await), OAuthErrorCode::InvalidGrant);
    world.published.json(CONFIDENTIAL, &confidential_client(&both));
    app.now += CLIENT_CACHE_SECONDS;
    app.assertion_key = Some(("one".to_owned(), first));
    assert_eq!(code_of(app.refresh(&token).await), OAuthErrorCode::InvalidGrant, "it has ended");
}

#[tokio::test]
async fn oa_010_keys_may_be_in_a_document_of_their_own() {
    let world = World::new();
    let app = world.confidential();
    let (kid, key) = app.assertion_key.clone().unwrap();
    let mut document = confidential_client(&json!([]));
    document.as_object_mut().unwrap().remove("jwks");
    document["jwks_uri"] = json!("https://keys.example.com/jwks.json");
    world.published.json(CONFIDENTIAL, &document);
    let keys = json!({ "keys": [{ "kty": "RSA", "kid": "rsa" }, named(&key, &kid)] });
    world.published.json("https://keys.example.com/jwks.json", &keys);
    app.log_in().await;
}

/// Hosts that never answer, but one.
struct Silent;

impl FetchDocument for Silent {
    fn fetch<'a>(
        &'a self,
        url: &'a Url,
        _max_bytes: usize,
    ) -> BoxFuture<'a, Result<Document, FetchFailure>> {
        let answers = url.as_str() == PUBLIC;
        Box::pin(async move {
            if !answers {
                std::future::pending::<()>().await;
            }
            let body = public_client().to_string();
            Ok(Document::new(StatusCode::OK, Some("application/json".to_owned()), body.into()))
        })
    }
}

#[tokio::test(start_paused = true)]
async fn a_host_that_is_silent_leaves_room_for_others() {
    let clients = Arc::new(Clients::new(Arc::new(Silent)));
    let mut waiting = JoinSet::new();
    for number in 0..100 {
        let clients = Arc::clone(&clients);
        let id = format!("https://silent.example.com/{number}");
        waiting.spawn(async move { clients.find(&id, NOW).await.map(drop) });
    }
    tokio::task::yield_now().await;
    let found = timeout(Duration::from_secs(1), clients.find(PUBLIC, NOW)).await;
    found.expect("its host is not the silent one").unwrap();
    // Who does not get a turn is told so, and not kept for ever.
    let refused = waiting.join_next().await.unwrap().unwrap().unwrap_err();
    assert!(refused.to_string().contains("too many"), "{refused}");
}

#[tokio::test]
async fn clients_that_are_made_up_push_out_no_others() {
    let world = World::new();
    let clients = Clients::new(Arc::clone(&world.published) as Arc<dyn FetchDocument>);
    world.published.json(PUBLIC, &public_client());
    clients.find(PUBLIC, NOW).await.unwrap();
    for number in 0..CLIENT_CACHE_CAPACITY + 10 {
        let id = format!("https://made-up.example.com/{number}");
        clients.find(&id, NOW + 1).await.unwrap_err();
    }
    clients.find(PUBLIC, NOW + 2).await.unwrap();
    let fetched = world.published.fetched.lock().unwrap();
    assert_eq!(fetched.iter().filter(|url| *url == PUBLIC).count(), 1);
}
