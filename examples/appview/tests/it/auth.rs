//! Service tokens.

use atproto_xrpc::auth::service::ServiceClaims;

use crate::support::*;

const METHOD: &str = "app.bsky.feed.getTimeline";

#[tokio::test]
async fn only_a_fresh_token_for_this_service_and_method_is_taken() {
    let net = Network::start().await;
    let (alice, bob) = (net.account("alice", 1), net.account("bob", 2));
    let refused =
        async |token: Option<String>| net.get_with(token.as_deref(), METHOD, &[]).await.error();
    let named = |status, name: &str| (status, name.to_owned());

    assert_eq!(refused(None).await.0, 401);
    let wrong = token(&alice, "did:web:other.test", METHOD);
    assert_eq!(refused(Some(wrong)).await, named(401, "BadJwtAudience"));
    let wrong = token(&alice, SERVICE, "app.bsky.feed.getLikes");
    assert_eq!(refused(Some(wrong)).await, named(401, "BadJwtLexiconMethod"));
    let any = ServiceClaims::new(alice.did().clone(), SERVICE, METHOD).for_any_method();
    assert_eq!(refused(Some(signed(&alice, &any))).await, named(401, "BadJwtLexiconMethod"));
    let mut old = ServiceClaims::new(alice.did().clone(), SERVICE, METHOD);
    (old.iat, old.exp) = (old.iat - 600, old.exp - 600);
    assert_eq!(refused(Some(signed(&alice, &old))).await, named(401, "ExpiredToken"));
    let forged = signed(&bob, &ServiceClaims::new(alice.did().clone(), SERVICE, METHOD));
    assert_eq!(refused(Some(forged)).await, named(401, "BadJwtSignature"));
    assert_eq!(refused(Some("nonsense".to_owned())).await.0, 401);

    let once = token(&alice, SERVICE, METHOD);
    net.get_with(Some(&once), METHOD, &[]).await.ok();
    assert_eq!(refused(Some(once)).await.0, 401);
    let named_service = token(&alice, &format!("{SERVICE}#bsky_appview"), METHOD);
    net.get_with(Some(&named_service), METHOD, &[]).await.ok();
}

/// A public method takes no token, but not a bad one.
#[tokio::test]
async fn a_bad_token_is_refused_where_none_is_needed() {
    let net = Network::start().await;
    let alice = net.account("alice", 1);
    net.indexed().await;
    let method = "app.bsky.actor.getProfile";
    let actor = [("actor", alice.did().as_str())];
    net.get(None, method, &actor).await.ok();
    let wrong = token(&alice, "did:web:other.test", method);
    assert_eq!(net.get_with(Some(&wrong), method, &actor).await.status, 401);
}
