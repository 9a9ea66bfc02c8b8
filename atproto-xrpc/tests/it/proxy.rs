//! A PDS, an AppView, and requests that go through the one to the other.

use std::{sync::Arc, time::Duration};

use atproto_core::{
    crypto::{Curve, SecretKey},
    identity::{DidDocument, SafeClient, SafeClientConfig},
};
use atproto_xrpc::{
    XrpcError,
    auth::service::{self, ServiceClaims, ServiceProof, ServiceVerifier},
    proxy::{ProxyOptions, ProxyTarget, forward},
    server::{Context, Public, RateLimit, RateLimiter, Router, RouterConfig, ServeConfig, Service},
};
use axum::extract::Request;
use http::StatusCode;

use crate::{
    directory::{Directory, account, alice, did},
    endpoints::{GetThing, PutThing, Thing},
    net::Server,
};

const APPVIEW: &str = "did:web:api.example";

/// An AppView that is asked in alice's name and says what arrived.
async fn appview(directory: Arc<Directory>) -> Server {
    let verifier = ServiceVerifier::new(directory, [format!("{APPVIEW}#bsky_appview")]);
    let policy = Service(Arc::new(verifier));
    let get = |context: Context<ServiceProof>, params: GetThing| async move {
        let header = |name| {
            let lines = context.headers.get_all(name).iter();
            let lines: Vec<_> = lines.filter_map(|line| line.to_str().ok()).collect();
            if lines.is_empty() { "-".to_owned() } else { lines.join("+") }
        };
        let seen = [
            "accept-language",
            "cookie",
            "x-secret",
            "via",
            "x-atproto-more",
            "atproto-accept-labelers",
            "traceparent",
        ]
        .map(header);
        let text = format!("{} {} {}", context.proof.iss, params.actor, seen.join(" "));
        Ok::<_, XrpcError>(Thing { text })
    };
    let put = |_context: Context<ServiceProof>, input: PutThing| async move {
        match input.text.as_str() {
            "fault" => Err(XrpcError::internal("details")),
            "refuse" => Err(XrpcError::bad_request("Custom", "because")),
            text => Ok(Thing { text: text.to_owned() }),
        }
    };
    let router = Router::new(RouterConfig::default())
        .query::<GetThing, _>(policy.clone(), get)
        .procedure::<PutThing, _>(policy, put);
    Server::start(router).await
}

/// A PDS that forwards everything in alice's name.
async fn pds(directory: Arc<Directory>, key: SecretKey, options: ProxyOptions) -> Server {
    pds_with(RouterConfig::default(), directory, key, options).await
}

async fn pds_with(
    config: RouterConfig,
    directory: Arc<Directory>,
    key: SecretKey,
    options: ProxyOptions,
) -> Server {
    let client = SafeClient::new(SafeClientConfig::default().allow_loopback(true)).unwrap();
    let key = Arc::new(key);
    let handler = move |context: Context<()>, request: Request| {
        let (directory, client, key) = (directory.clone(), client.clone(), key.clone());
        let options = options.clone();
        async move {
            let target = ProxyTarget::of(request.headers())?;
            let target = target.ok_or_else(XrpcError::method_not_implemented)?;
            let origin = target.resolve(&*directory).await?;
            let nsid = atproto_core::syntax::Nsid::new(&*context.nsid).unwrap();
            let claims = ServiceClaims::new(alice(), target.audience(), nsid.as_str());
            let token = service::mint(&*key, &claims).map_err(XrpcError::internal)?;
            forward(&client, &origin, Some(&token), &nsid, request, &options).await
        }
    };
    Server::start(Router::new(config).fallback(Public, handler)).await
}

async fn world(options: ProxyOptions) -> (Server, Server) {
    let key = SecretKey::generate(Curve::K256);
    let directory = Directory::with([account(&alice(), &key)]);
    let appview = appview(directory.clone()).await;
    let document = DidDocument::new(did(APPVIEW));
    directory.publish(document.with_service("bsky_appview", "BskyAppView", &appview.url()));
    (pds(directory, key, options).await, appview)
}

const CALLERS_TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const HEADER: &str = "atproto-proxy: did:web:api.example#bsky_appview";

#[tokio::test]
async fn px_006_and_t10_what_arrives_at_the_service() {
    let (pds, _appview) = world(ProxyOptions::default()).await;
    let head = format!(
        "GET /xrpc/org.example.getThing?actor=a%20b\n{HEADER}\naccept-language: de\n\
        cookie: c=1\nx-secret: s\n\
        traceparent: {CALLERS_TRACE}\nauthorization: Bearer alices-own"
    );
    let answer = pds.send(&head, "").await;
    let text = "did:web:alice.example a b de - - 1.1 atproto-proxy - - -";
    assert_eq!((answer.status, answer.body), (200, format!(r#"{{"text":"{text}"}}"#)));
}

#[tokio::test]
async fn the_trace_that_goes_along_is_the_proxys_own() {
    let ours = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let options = ProxyOptions::default().propagate(move |_span, headers| {
        assert!(!headers.contains_key("traceparent"));
        headers.insert("traceparent", ours.parse().unwrap());
    });
    let (pds, _appview) = world(options).await;
    let head =
        format!("GET /xrpc/org.example.getThing?actor=a\n{HEADER}\ntraceparent: {CALLERS_TRACE}");
    let answer = pds.send(&head, "").await;
    assert!(answer.body.ends_with(&format!(" {ours}\"}}")), "{answer:?}");
}

#[tokio::test]
async fn px_007_every_line_of_a_header_and_all_of_x_atproto_are_passed_on() {
    let (pds, _appview) = world(ProxyOptions::default()).await;
    let head = format!(
        "GET /xrpc/org.example.getThing?actor=a\n{HEADER}\nx-atproto-more: 1\n\
        atproto-accept-labelers: did:web:a.example\natproto-accept-labelers: did:web:b.example"
    );
    let answer = pds.send(&head, "").await;
    assert!(answer.body.ends_with(r#" 1 did:web:a.example+did:web:b.example -"}"#), "{answer:?}");
}

#[tokio::test]
async fn bodies_and_errors_come_through() {
    let (pds, _appview) = world(ProxyOptions::default()).await;
    let post = async |text: &str| {
        let head =
            format!("POST /xrpc/org.example.putThing\n{HEADER}\ncontent-type: application/json");
        pds.send(&head, &format!(r#"{{"text":"{text}"}}"#)).await
    };
    assert_eq!(post("t").await.body, r#"{"text":"t"}"#);
    assert_eq!(post("refuse").await.error(), (400, "Custom".into(), "because".into()));
    assert_eq!(post("fault").await.error().1, "UpstreamFailure");
}

#[tokio::test]
async fn px_002_targets_that_are_none() {
    let (pds, _appview) = world(ProxyOptions::default()).await;
    for target in
        ["did:web:api.example", "did:web:api.example#other", "did:web:nobody.example#x", "x#y"]
    {
        let head = format!("GET /xrpc/org.example.getThing?actor=a\natproto-proxy: {target}");
        let answer = pds.send(&head, "").await;
        assert_eq!((answer.status, answer.error().1.as_str()), (400, "InvalidRequest"), "{target}");
    }
}

#[tokio::test]
async fn px_003_and_008_only_methods_are_passed_on() {
    let (pds, _appview) = world(ProxyOptions::default()).await;
    for path in ["/xrpc/nonsense", "/xrpc/", "/xrpc/org.example.getThing/more", "/xrpc/..%2fadmin"]
    {
        let answer = pds.send(&format!("GET {path}\n{HEADER}"), "").await;
        assert_eq!(answer.error().1, "InvalidRequest", "{path}");
    }
    assert_eq!(pds.send(&format!("GET /admin\n{HEADER}"), "").await.status, 404);
    for (method, status) in
        [("GET", 200), ("HEAD", 200), ("PUT", 405), ("DELETE", 405), ("PATCH", 405), ("TRACE", 405)]
    {
        let line = format!("{method} /xrpc/org.example.getThing?actor=a\n{HEADER}");
        assert_eq!(pds.send(&line, "").await.status, status, "{method}");
    }
}

#[tokio::test]
async fn px_005_the_limits_of_the_proxy_apply_before_anything_is_sent() {
    let (key, directory) = (SecretKey::generate(Curve::K256), Directory::with([]));
    let limiter = Arc::new(RateLimiter::new(RateLimit::new(2, Duration::from_secs(300))));
    let config = RouterConfig::default().rate_limit(limiter);
    let pds = pds_with(config, directory, key, ProxyOptions::default()).await;
    let head = format!("GET /xrpc/org.example.getThing?actor=a\n{HEADER}");
    let statuses = [(); 3].map(|()| pds.send(&head, ""));
    let statuses = futures::future::join_all(statuses).await;
    let limited = statuses.iter().filter(|answer| answer.status == 429).count();
    assert_eq!(limited, 1, "{statuses:?}");
}

#[tokio::test]
async fn t10_no_secret_of_an_answer_comes_back() {
    let app = axum::Router::new().route(
        "/{*path}",
        axum::routing::any(|| async {
            let headers =
                [("set-cookie", "a=1"), ("x-internal", "1"), ("atproto-repo-rev", "3jzfcijpj2z2a")];
            (headers, axum::Json(serde_json::json!({})))
        }),
    );
    let service = Server::start_with(app, ServeConfig::default()).await;
    let document = DidDocument::new(did(APPVIEW));
    let document = document.with_service("bsky_appview", "B", &service.url());
    let key = SecretKey::generate(Curve::K256);
    let pds = pds(Directory::with([document]), key, ProxyOptions::default()).await;
    let answer = pds.send(&format!("GET /xrpc/org.example.getThing\n{HEADER}"), "").await;
    assert_eq!((answer.status, answer.header("atproto-repo-rev")), (200, "3jzfcijpj2z2a"));
    assert_eq!((answer.header("set-cookie"), answer.header("x-internal")), ("", ""));
}

#[tokio::test]
async fn t08_and_t10_a_redirect_is_not_followed() {
    let elsewhere = Server::start_with(
        axum::Router::new().fallback(|| async { "the token came here" }),
        ServeConfig::default(),
    )
    .await;
    let location = elsewhere.url();
    let app = axum::Router::new().fallback(move || {
        let location = location.clone();
        async move { (StatusCode::TEMPORARY_REDIRECT, [("location", location)]) }
    });
    let service = Server::start_with(app, ServeConfig::default()).await;
    let document = DidDocument::new(did(APPVIEW));
    let document = document.with_service("bsky_appview", "B", &service.url());
    let key = SecretKey::generate(Curve::K256);
    let pds = pds(Directory::with([document]), key, ProxyOptions::default()).await;
    let answer = pds.send(&format!("GET /xrpc/org.example.getThing\n{HEADER}"), "").await;
    assert_eq!(answer.error().1, "UpstreamFailure");
    assert_eq!(answer.header("location"), "");
}

#[tokio::test]
async fn t09_a_request_does_not_go_round() {
    let (pds, _appview) = world(ProxyOptions::default().own_host("127.0.0.1")).await;
    let head = format!("GET /xrpc/org.example.getThing?actor=a\n{HEADER}");
    assert_eq!(pds.send(&head, "").await.status, 400, "to itself");
    let (pds, _appview) = world(ProxyOptions::default()).await;
    let again = format!("{head}\nvia: 1.1 caddy, 1.1 atproto-proxy");
    assert_eq!(pds.send(&again, "").await.status, 400, "through another like it");
    assert_eq!(pds.send(&format!("{head}\nvia: 1.1 caddy"), "").await.status, 200);
}

#[tokio::test]
async fn t08_private_addresses_and_large_answers_are_refused() {
    let key = SecretKey::generate(Curve::K256);
    for endpoint in
        ["https://127.0.0.1:444", "http://10.0.0.1", "https://10.0.0.1", "https://10.0.0.1:22"]
    {
        let document = DidDocument::new(did(APPVIEW)).with_service("bsky_appview", "B", endpoint);
        let directory = Directory::with([document]);
        let key = SecretKey::from_bytes(Curve::K256, &*key.to_bytes()).unwrap();
        let pds = pds(directory, key, ProxyOptions::default()).await;
        let answer = pds.send(&format!("GET /xrpc/org.example.getThing\n{HEADER}"), "").await;
        assert!(matches!(answer.status, 400 | 502), "{endpoint} {answer:?}");
    }
    let mut options = ProxyOptions::default();
    options.max_response = 10;
    let (pds, _appview) = world(options).await;
    let answer = pds.send(&format!("GET /xrpc/org.example.getThing?actor=a\n{HEADER}"), "").await;
    assert_eq!(answer.error().1, "UpstreamFailure");
}

#[tokio::test]
async fn t08_an_answer_in_pieces_breaks_off_at_the_limit() {
    let body = || async {
        let pieces = futures::stream::repeat_with(|| Ok::<_, std::io::Error>(vec![0_u8; 1_000]));
        axum::body::Body::from_stream(pieces)
    };
    let app = axum::Router::new().route("/{*path}", axum::routing::any(body));
    let endless = Server::start_with(app, ServeConfig::default()).await;
    let document = DidDocument::new(did(APPVIEW));
    let document = document.with_service("bsky_appview", "B", &endless.url());
    let mut options = ProxyOptions::default();
    options.max_response = 100_000;
    let pds = pds(Directory::with([document]), SecretKey::generate(Curve::K256), options).await;
    let answer = pds.send(&format!("GET /xrpc/org.example.getThing\n{HEADER}"), "").await;
    assert_eq!(answer.status, 200);
    assert!(answer.body.len() < 200_000, "{} bytes came through", answer.body.len());
}
