//! What the server answers to requests of every kind, proper and improper.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use atproto_core::endpoint::NoBody;
use atproto_xrpc::{
    XrpcError,
    server::{
        Context, Limits, Public, RateLimit, RateLimiter, Reply, Router, RouterConfig, body_error,
    },
};
use axum::body::Body;
use http::{HeaderName, HeaderValue, StatusCode};
use http_body_util::BodyExt;
use tokio::sync::Notify;

use crate::{
    endpoints::{Download, GetThing, GetThingError, PutThing, Thing, Touch, Upload},
    net::Server,
};

async fn get_thing(_context: Context<()>, params: GetThing) -> Result<Thing, XrpcError> {
    match params.actor.as_str() {
        "nobody" => Err(GetThingError::ThingNotFound(Some("no such thing".into())).into()),
        "panic" => panic!("the handler's own fault"),
        "fault" => Err(XrpcError::internal("the database is on fire")),
        "slow" => std::future::pending().await,
        actor => Ok(Thing { text: format!("{actor} {:?} {:?}", params.limit, params.tags) }),
    }
}

fn router(config: RouterConfig) -> Router {
    Router::new(config)
        .query::<GetThing, _>(Public, get_thing)
        .procedure::<PutThing, _>(Public, |_context, input| async move {
            let reply = Reply::new(Thing { text: input.text });
            let name = HeaderName::from_static("atproto-repo-rev");
            Ok::<_, XrpcError>(reply.with_header(name, HeaderValue::from_static("3jzfcijpj2z2a")))
        })
        .procedure::<Touch, _>(Public, |_context, _input| async { Ok::<_, XrpcError>(NoBody) })
        .raw_procedure::<Upload, _>(Public, |context, _params, body: Body| async move {
            let bytes = body.collect().await.map_err(|error| body_error(&error))?.to_bytes();
            let kind = context.header("content-type").unwrap_or_default();
            Ok::<_, XrpcError>(axum::Json(Thing { text: format!("{} of {kind}", bytes.len()) }))
        })
        .raw_query::<Download, _>(Public, |_context, params| async move {
            Ok::<_, XrpcError>(vec![7_u8; usize::try_from(params.size).unwrap_or_default()])
        })
}

async fn server() -> Server {
    Server::start(router(RouterConfig::default())).await
}

#[tokio::test]
async fn the_hook_of_traces_sees_the_headers_of_each_request() {
    let seen = Arc::<Mutex<Vec<String>>>::default();
    let kept = Arc::clone(&seen);
    let config = RouterConfig::default().continue_trace(move |_span, headers| {
        kept.lock().unwrap().push(headers["traceparent"].to_str().unwrap().to_owned());
    });
    let server = Server::start(router(config)).await;
    for trace in ["one", "two"] {
        let head = format!("GET /xrpc/org.example.getThing?actor=a\ntraceparent: {trace}");
        assert_eq!(server.send(&head, "").await.status, 200);
    }
    assert_eq!(*seen.lock().unwrap(), ["one", "two"]);
}

fn error(status: u16, name: &str, message: &str) -> (u16, String, String) {
    (status, name.into(), message.into())
}

#[tokio::test]
async fn xr_001_to_003_and_019_a_query_by_type() {
    let server = server().await;
    let path = "/xrpc/org.example.getThing?tags=a&actor=x%20y&limit=5&tags=b&unknown=1";
    let answer = server.get(path).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "application/json"));
    assert_eq!(answer.body, r#"{"text":"x y Some(5) [\"a\", \"b\"]"}"#);
    let head = server.send(&format!("HEAD {path}"), "").await;
    assert_eq!((head.status, head.body.as_str()), (200, ""));
}

#[tokio::test]
async fn xr_018_and_019_a_procedure_by_type() {
    let server = server().await;
    let path = "/xrpc/org.example.putThing";
    let answer = server.post_json(path, r#"{"text":"t","unknown":1}"#).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, r#"{"text":"t"}"#));
    assert_eq!(answer.header("atproto-repo-rev"), "3jzfcijpj2z2a");
    let touched = server.send("POST /xrpc/org.example.touch", "").await;
    assert_eq!((touched.status, touched.body.as_str()), (200, ""));
    assert_eq!(touched.header("content-type"), "");
}

#[tokio::test]
async fn xr_007_unknown_methods_and_wrong_verbs() {
    let server = server().await;
    let unknown = server.get("/xrpc/org.example.unknown").await;
    assert_eq!(unknown.error(), error(501, "MethodNotImplemented", "Method Not Implemented"));
    for path in ["/xrpc/", "/xrpc/x", "/xrpc/org.example.getThing/", "/xrpc/org.example/getThing"] {
        let answer = server.get(path).await;
        assert_eq!(answer.error(), error(400, "InvalidRequest", "invalid xrpc path"), "{path}");
    }
    let posted = server.post_json("/xrpc/org.example.getThing?actor=a", "{}").await;
    let message = "Incorrect HTTP method (POST) expected GET";
    assert_eq!(posted.error(), error(405, "InvalidRequest", message));
    assert_eq!(posted.header("allow"), "GET, HEAD");
    assert_eq!(server.get("/xrpc/org.example.putThing").await.status, 405);
}

#[tokio::test]
async fn a_compressed_upload_is_refused() {
    let server = server().await;
    for encoding in ["gzip", "br", "identity, gzip", "identity\ncontent-encoding: gzip"] {
        let head = format!("POST /xrpc/org.example.upload\ncontent-encoding: {encoding}");
        let answer = server.send(&head, "some bytes").await;
        assert_eq!((answer.status, answer.header("accept-encoding")), (415, "identity"));
        assert_eq!(answer.error().1, "UnsupportedMediaType");
    }
    let plain = "POST /xrpc/org.example.upload\ncontent-encoding: Identity";
    assert_eq!(server.send(plain, "some bytes").await.status, 200);
}

#[tokio::test]
async fn a_body_that_does_not_come_is_the_clients_fault() {
    let mut limits = Limits::default();
    limits.body_timeout = Duration::from_millis(50);
    let server = Server::start(router(RouterConfig::default().limits(limits))).await;
    let head = "content-type: application/json\ncontent-length: 100";
    let answer = server.send_raw("POST /xrpc/org.example.putThing", head, "{").await;
    let message = "the request body did not arrive in time";
    assert_eq!(answer.error(), error(408, "InvalidRequest", message));
}

#[tokio::test]
async fn bad_parameters() {
    let server = server().await;
    let path = "/xrpc/org.example.getThing";
    for (query, message) in [
        ("", r#"Error: Params must have the property "actor""#),
        ("?actor=a&limit=x", "Error: limit must be an integer"),
        ("?actor=a&limit=99999999999999999999", "Error: limit must be an integer"),
        ("?actor=a&actor=b", "Error: actor must be given once"),
        ("?actor=%ff", "Error: query string is not percent-encoded UTF-8"),
    ] {
        let answer = server.get(&format!("{path}{query}")).await;
        assert_eq!(answer.error(), error(400, "InvalidRequest", message), "{query}");
    }
}

#[tokio::test]
async fn bad_bodies() {
    let server = server().await;
    let path = "/xrpc/org.example.putThing";
    let json = "content-type: application/json";
    for (head, body, status, message) in [
        (json, "", 400, "A request body is expected but none was provided"),
        ("", "{}", 400, "Request encoding (Content-Type) required but not provided"),
        (
            "content-type: text/plain; charset=utf-8",
            "{}",
            400,
            "Wrong request encoding (Content-Type): text/plain",
        ),
        (
            "content-type: application/json\ncontent-encoding: gzip",
            "{}",
            415,
            "compressed request bodies are not supported",
        ),
    ] {
        let answer = server.send(&format!("POST {path}\n{head}"), body).await;
        let (got, _, text) = answer.error();
        assert_eq!((got, text.as_str()), (status, message));
    }
    for body in ["{", "[]", r#"{"text":5}"#, r#"{"text":"a"} x"#, "\u{0}"] {
        let (status, name, _) = server.post_json(path, body).await.error();
        assert_eq!((status, name.as_str()), (400, "InvalidRequest"), "{body}");
    }
    let unexpected = server.post_json("/xrpc/org.example.touch", "{}").await;
    let message = "A request body was provided when none was expected";
    assert_eq!(unexpected.error(), error(400, "InvalidRequest", message));
}

#[tokio::test]
async fn xr_005_errors_say_what_they_may_and_no_more() {
    let server = server().await;
    let get =
        async |actor: &str| server.get(&format!("/xrpc/org.example.getThing?actor={actor}")).await;
    assert_eq!(get("nobody").await.error(), error(400, "ThingNotFound", "no such thing"));
    let fault = error(500, "InternalServerError", "Internal Server Error");
    assert_eq!(get("fault").await.error(), fault);
    assert_eq!(get("panic").await.error(), fault);
    assert_eq!(get("nobody").await.header("content-type"), "application/json");
}

#[tokio::test]
async fn t107_urls_parameters_and_bodies_are_limited() {
    let mut limits = Limits::default();
    (limits.body_bytes, limits.upload_bytes) = (100, 1_000);
    let server = Server::start(router(RouterConfig::default().limits(limits))).await;
    let long = format!("/xrpc/org.example.getThing?actor={}", "a".repeat(9_000));
    assert_eq!(server.get(&long).await.status, 414);
    let many = format!("/xrpc/org.example.getThing?actor=a{}", "&tags=x".repeat(100));
    let message = "Error: query string has more than 100 parameters";
    assert_eq!(server.get(&many).await.error(), error(400, "InvalidRequest", message));

    let too_large = error(413, "PayloadTooLarge", "request entity too large");
    let body = format!(r#"{{"text":"{}"}}"#, "x".repeat(100));
    assert_eq!(server.post_json("/xrpc/org.example.putThing", &body).await.error(), too_large);
    // Without an announced length the limit holds all the same.
    let head = "content-type: application/json\ntransfer-encoding: chunked";
    let chunk = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    let answer = server.send_raw("POST /xrpc/org.example.putThing", head, &chunk).await;
    assert_eq!(answer.error(), too_large);
    let upload = format!("{:x}\r\n{}\r\n0\r\n\r\n", 2_000, "x".repeat(2_000));
    let answer = server.send_raw("POST /xrpc/org.example.upload", head, &upload).await;
    assert_eq!(answer.error(), too_large);
}

#[tokio::test]
async fn xr_017_json_of_150_kb_is_taken_and_no_more() {
    let server = server().await;
    let limit = Limits::default().body_bytes;
    assert_eq!(limit, 150 * 1024);
    for (len, status) in [(limit, 200), (limit + 1, 413)] {
        let body = format!(r#"{{"text":"{}"}}"#, "x".repeat(len - 11));
        assert_eq!(body.len(), len);
        assert_eq!(server.post_json("/xrpc/org.example.putThing", &body).await.status, status);
    }
}

#[tokio::test]
async fn raw_bodies_pass_both_ways() {
    let server = server().await;
    let answer = server.send("POST /xrpc/org.example.upload\ncontent-type: image/png", "abc").await;
    assert_eq!(answer.body, r#"{"text":"3 of image/png"}"#);
    let answer = server.get("/xrpc/org.example.download?size=5").await;
    assert_eq!(answer.body.len(), 5);
    assert_eq!(answer.header("content-type"), "application/octet-stream");
}

#[tokio::test]
async fn a_deadline_ends_a_request() {
    let mut limits = Limits::default();
    limits.deadline = Duration::from_millis(50);
    let server = Server::start(router(RouterConfig::default().limits(limits))).await;
    let answer = server.get("/xrpc/org.example.getThing?actor=slow").await;
    let (status, name, _) = answer.error();
    assert_eq!((status, name.as_str()), (504, "UpstreamTimeout"));
}

#[tokio::test]
async fn more_requests_at_a_time_than_are_allowed_are_refused() {
    let mut limits = Limits::default();
    limits.requests = 1;
    let (inside, leave) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (entered, left) = (Arc::clone(&inside), Arc::clone(&leave));
    let handler = move |_context: Context<()>, _params: GetThing| {
        let (entered, left) = (Arc::clone(&entered), Arc::clone(&left));
        async move {
            entered.notify_one();
            left.notified().await;
            Ok::<_, XrpcError>(Thing { text: String::new() })
        }
    };
    let router =
        Router::new(RouterConfig::default().limits(limits)).query::<GetThing, _>(Public, handler);
    let server = Arc::new(Server::start(router).await);
    let path = "/xrpc/org.example.getThing?actor=a";
    let first = tokio::spawn({
        let server = Arc::clone(&server);
        async move { server.get(path).await }
    });
    inside.notified().await;
    let second = server.get(path).await;
    assert_eq!(second.error(), error(503, "NotEnoughResources", "Too many requests at a time"));
    assert_eq!(second.header("retry-after"), "1");
    leave.notify_one();
    assert_eq!(first.await.unwrap().status, 200);
    leave.notify_one();
    assert_eq!(server.get(path).await.status, 200, "there is room again");
}

#[tokio::test]
async fn request_ids_are_echoed_or_made() {
    let server = server().await;
    let path = "GET /xrpc/org.example.getThing?actor=a";
    let answer = server.send(&format!("{path}\nx-request-id: abc-1"), "").await;
    assert_eq!(answer.header("x-request-id"), "abc-1");
    assert_eq!(server.send(path, "").await.header("x-request-id").len(), 32);
    assert_eq!(server.get("/xrpc/x.y.z").await.header("x-request-id").len(), 32);
}

#[tokio::test]
async fn xr_016_browsers_of_any_origin_may_call() {
    let server = server().await;
    let preflight = "OPTIONS /xrpc/org.example.putThing\norigin: https://app.example\n\
        access-control-request-method: POST\n\
        access-control-request-headers: authorization, dpop, content-type";
    let answer = server.send(preflight, "").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    let allowed = answer.header("access-control-allow-headers");
    assert!(allowed.contains("authorization") && allowed.contains("dpop"), "{allowed}");
    let refused = server.send("GET /xrpc/a.b.c\norigin: https://app.example", "").await;
    assert_eq!(refused.header("access-control-allow-origin"), "*");
}

#[tokio::test]
async fn xr_009_rate_limits_have_their_headers() {
    let limiter = RateLimiter::new(RateLimit::new(2, Duration::from_secs(300)));
    let server = Server::start(router(RouterConfig::default().rate_limit(Arc::new(limiter)))).await;
    let path = "/xrpc/org.example.getThing?actor=a";
    let first = server.get(path).await;
    assert_eq!((first.status, first.header("ratelimit-remaining")), (200, "1"));
    assert_eq!(first.header("ratelimit-policy"), "2;w=300");
    server.get(path).await;
    let third = server.get(path).await;
    assert_eq!(third.error(), error(429, "RateLimitExceeded", "Rate Limit Exceeded"));
    assert_eq!(third.header("ratelimit-remaining"), "0");
    assert!(third.header("retry-after").parse::<u64>().unwrap() <= 300);
}

#[tokio::test]
async fn a_fallback_gets_what_no_route_answers() {
    let router = router(RouterConfig::default()).fallback(
        Public,
        |context: Context<()>, request: axum::extract::Request| async move {
            let path = request.uri().path().to_owned();
            Ok::<_, XrpcError>((StatusCode::ACCEPTED, format!("{} {path}", context.nsid)))
        },
    );
    let server = Server::start(router).await;
    let answer = server.get("/xrpc/org.example.other?x=1").await;
    assert_eq!(answer.status, 202);
    assert_eq!(answer.body, "org.example.other /xrpc/org.example.other");
    assert_eq!(server.get("/xrpc/nonsense").await.status, 400);
}

#[test]
#[should_panic(expected = "org.example.getThing has two routes")]
fn a_method_has_one_route() {
    let router = router(RouterConfig::default());
    let _never = router.query::<GetThing, _>(Public, get_thing);
}
