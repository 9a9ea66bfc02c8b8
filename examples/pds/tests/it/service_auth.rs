//! Tokens with which accounts call other services.

use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use atproto_core::syntax::Did;
use atproto_xrpc::auth::service::ServiceVerifier;
use serde_json::json;

use crate::{
    harness::Pds,
    network::{self, Directory, text},
};

const METHOD: &str = "com.atproto.server.getServiceAuth";
const TIMELINE: &str = "app.bsky.feed.getTimeline";
const AUDIENCE: &str = "did:web:api.example#bsky_appview";

async fn start() -> (Pds, tempfile::TempDir) {
    let (_directory, url) = Directory::start().await;
    let dir = tempfile::tempdir().unwrap();
    (network::pds(dir.path(), &url, &[]).await, dir)
}

fn in_seconds(seconds: i64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    (i64::try_from(now).unwrap() + seconds).to_string()
}

#[tokio::test]
async fn sa_001_a_token_is_signed_with_the_key_in_the_document() {
    let (pds, _dir) = start().await;
    let alice = pds.sign_up("alice").await;
    let token = text(&alice, "accessJwt");
    let params = [("aud", AUDIENCE), ("lxm", TIMELINE)];
    let made = pds.get_as(token, METHOD, &params).await.ok();
    let verifier = ServiceVerifier::new(Arc::clone(&pds.app.resolver), [AUDIENCE]);
    let proof = verifier.verify(text(&made, "token"), TIMELINE).await.unwrap();
    assert_eq!(proof.iss, Did::new(text(&alice, "did")).unwrap());
    let once_more = verifier.verify(text(&made, "token"), TIMELINE).await;
    assert!(once_more.is_err(), "a token is for one use");
    let other = pds.get_as(token, METHOD, &params).await.ok();
    assert_ne!(other["token"], made["token"]);
}

#[tokio::test]
async fn sa_012_lifetimes_and_audiences_are_bounded() {
    let (pds, _dir) = start().await;
    let alice = pds.sign_up("alice").await;
    let token = text(&alice, "accessJwt");
    let ask = |params: Vec<(&'static str, String)>| {
        let pds = &pds;
        async move {
            let params: Vec<_> =
                params.iter().map(|(name, value)| (*name, value.as_str())).collect();
            pds.get_as(token, METHOD, &params).await
        }
    };
    let aud = || ("aud", AUDIENCE.to_owned());
    let lxm = || ("lxm", TIMELINE.to_owned());
    ask(vec![aud(), lxm(), ("exp", in_seconds(3_500))]).await.ok();
    ask(vec![aud(), ("exp", in_seconds(50))]).await.ok();
    for wrong in [
        vec![aud(), lxm(), ("exp", in_seconds(3_700))],
        vec![aud(), lxm(), ("exp", in_seconds(-100))],
        vec![aud(), ("exp", in_seconds(100))],
    ] {
        assert_eq!(ask(wrong).await.error(), (400, "BadExpiration".to_owned()));
    }
    for wrong in [
        vec![("aud", "nonsense".to_owned()), lxm()],
        vec![("aud", format!("did:web:api.example#{}", "x".repeat(2048))), lxm()],
        vec![aud(), ("lxm", "not an nsid".to_owned())],
        vec![lxm()],
    ] {
        assert_eq!(ask(wrong).await.error(), (400, "InvalidRequest".to_owned()));
    }
}

#[tokio::test]
async fn sa_014_protected_methods_get_no_token() {
    let (pds, _dir) = start().await;
    let alice = pds.sign_up("alice").await;
    let own = text(&alice, "accessJwt");
    let create = "com.atproto.server.createAppPassword";
    let made = pds.post_as(own, create, Some(json!({ "name": "a" }))).await.ok();
    let weak = pds.log_in("alice.test", text(&made, "password")).await.ok();
    let made =
        pds.post_as(own, create, Some(json!({ "name": "b", "privileged": true }))).await.ok();
    let strong = pds.log_in("alice.test", text(&made, "password")).await.ok();
    let ask = |token: &str, method: &'static str| {
        let (pds, token) = (&pds, token.to_owned());
        async move { pds.get_as(&token, METHOD, &[("aud", AUDIENCE), ("lxm", method)]).await.status }
    };
    for method in ["com.atproto.server.getSession", "com.atproto.identity.updateHandle"] {
        assert_eq!(ask(own, method).await, 400, "{method}");
    }
    for method in ["chat.bsky.convo.getMessages", "com.atproto.server.createAccount"] {
        assert_eq!(ask(own, method).await, 200, "{method}");
        assert_eq!(ask(text(&strong, "accessJwt"), method).await, 200, "{method}");
        assert_eq!(ask(text(&weak, "accessJwt"), method).await, 400, "{method}");
    }
    assert_eq!(ask(text(&weak, "accessJwt"), TIMELINE).await, 200);
}
