//! The client without sockets: what it sends, and what it makes of answers.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use atproto_core::{
    data::{Value, json},
    endpoint::RawBody,
    syntax::Nsid,
};
use atproto_xrpc::{
    Client, Session, XrpcError,
    client::{
        CallError, Labeler, Labelers, RetryPolicy, SessionState, TransportError, Untyped,
        UntypedOutput, Upload,
        transport::{Content, InProcess, SendError},
    },
    server::{Public, Router, RouterConfig},
};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use http::{Request, Response, StatusCode};

use crate::{
    directory::{alice, did},
    endpoints::{
        Download, GetThing, ListThings, PutThing, Status, Thing, Things, Upload as UploadCall,
    },
};

const URL: &str = "https://pds.example";

fn thing() -> GetThing {
    GetThing { actor: "x".into(), ..GetThing::default() }
}

fn nsid(name: &str) -> Nsid {
    Nsid::new(format!("org.example.{name}")).unwrap()
}

/// A client whose requests all get the same answer; they are kept, with their bodies.
fn recording(
    answer: impl Fn(usize) -> Response<Content> + Send + Sync + 'static,
) -> (Client, Arc<Mutex<Vec<Request<Bytes>>>>) {
    let seen = Arc::<Mutex<Vec<_>>>::default();
    let kept = Arc::clone(&seen);
    let answer = Arc::new(answer);
    let transport = move |request: Request<Content>| {
        let (kept, answer) = (Arc::clone(&kept), Arc::clone(&answer));
        async move {
            let (head, content) = request.into_parts();
            let body: Vec<Bytes> = content.into_stream().try_collect().await?;
            let mut kept = kept.lock().unwrap();
            kept.push(Request::from_parts(head, body.concat().into()));
            Ok(answer(kept.len() - 1))
        }
    };
    let retry = RetryPolicy::default().waits(Duration::from_millis(1), Duration::from_secs(1));
    (Client::builder().retry(retry).transport(transport).build(URL).unwrap(), seen)
}

fn json_answer(text: &'static str) -> Response<Content> {
    let answer = Response::builder().header("content-type", "application/json");
    answer.body(Content::from(text)).unwrap()
}

/// A session whose tokens nobody looks at.
fn session(client: &Client) -> impl Session + Clone + 'static {
    client.resume(SessionState {
        did: alice(),
        handle: "alice.example".parse().unwrap(),
        access_jwt: "~ no token of a known form ~".into(),
        refresh_jwt: "~ another ~".into(),
        host: None,
    })
}

#[tokio::test]
async fn a_router_in_the_same_program_is_called_by_type() {
    let router = Router::new(RouterConfig::default())
        .query::<GetThing, _>(Public, |_context, params: GetThing| async move {
            Ok::<_, XrpcError>(Thing { text: params.actor })
        })
        .procedure::<UploadCall, _>(Public, |_context, UploadCall(body)| async move {
            Ok::<_, XrpcError>(Thing { text: format!("{} bytes", body.bytes.len()) })
        })
        .raw_query::<Download, _>(Public, |_context, params: Download| async move {
            Ok::<_, XrpcError>(vec![7_u8; usize::try_from(params.size).unwrap_or_default()])
        });
    let client = Client::builder().transport(InProcess::new(router.into_router()));
    let client = client.build(URL).unwrap();
    assert_eq!(client.call(thing()).await.unwrap().text, "x");
    let body = RawBody { content_type: "image/png".into(), bytes: vec![1; 90_000].into() };
    assert_eq!(client.call(UploadCall(body)).await.unwrap().text, "90000 bytes");
    let download = client.download(Download { size: 500_000 }).await.unwrap();
    let bytes: Vec<_> = download.try_collect().await.unwrap();
    assert_eq!(bytes.iter().map(Bytes::len).sum::<usize>(), 500_000);
}

#[tokio::test]
async fn xr_014_a_body_has_its_media_type_and_its_length() {
    let (client, seen) = recording(|_| json_answer(r#"{"text":"t"}"#));
    client.call(PutThing { text: "t".into() }).await.unwrap();
    client.call(thing()).await.unwrap();
    let seen = seen.lock().unwrap();
    assert_eq!(seen[0].headers()["content-type"], "application/json");
    assert!(!seen[1].headers().contains_key("content-type"));
    let agent = seen[0].headers()["user-agent"].to_str().unwrap();
    assert!(agent.starts_with("atproto-xrpc/"), "{agent}");
}

#[tokio::test]
async fn methods_without_types_are_called_with_values() {
    let (client, seen) = recording(|call| match call {
        0 => json_answer(
            r#"{"cid":{"$link":"bafyreidfayvfuwqa7qlnopdjiqrxzs6blmoeu4rujcjtnci5beludirz2a"}}"#,
        ),
        1 => Response::builder()
            .header("content-type", "application/vnd.ipld.car")
            .body(Content::from(vec![0xa1]))
            .unwrap(),
        _ => json_answer("1.5"),
    });
    let params = json::decode(r#"{"limit":5,"tags":["a","b"],"deep":true}"#).unwrap();
    let found = client.call_untyped(Untyped::query(nsid("any")).params(params)).await.unwrap();
    assert!(found.value().unwrap().get("cid").and_then(Value::as_link).is_some());

    let input = json::decode(r#"{"blob":{"$bytes":"AAE"}}"#).unwrap();
    let call = Untyped::procedure(nsid("change")).input(&input);
    let changed = client.call_untyped(call).await.unwrap();
    let UntypedOutput::Bytes { content_type, bytes } = &changed else { panic!("{changed:?}") };
    assert_eq!((&**content_type, &bytes[..]), ("application/vnd.ipld.car", &[0xa1][..]));
    assert!(changed.value().is_err());

    let error = client.call_untyped(Untyped::query(nsid("float"))).await.unwrap_err();
    assert!(matches!(error, CallError::Transport(TransportError::Value(_))), "{error}");

    let seen = seen.lock().unwrap();
    let target = seen[0].uri().path_and_query().unwrap().as_str();
    assert_eq!(target, "/xrpc/org.example.any?deep=true&limit=5&tags=a&tags=b");
    assert_eq!(
        (seen[1].method().as_str(), &seen[1].body()[..]),
        ("POST", &br#"{"blob":{"$bytes":"AAE"}}"#[..])
    );
}

#[tokio::test]
async fn an_upload_is_begun_anew_for_each_attempt() {
    let (client, seen) = recording(|call| match call {
        0 => Response::builder().status(429).body(Content::empty()).unwrap(),
        _ => json_answer(r#"{"text":"t"}"#),
    });
    let opened = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&opened);
    let upload = Upload::new(Some(6), move || {
        counter.fetch_add(1, Ordering::Relaxed);
        stream::iter(["abc", "def"].map(|piece| Ok::<_, std::io::Error>(Bytes::from(piece))))
    });
    let call = Untyped::procedure(nsid("upload")).upload("text/plain", upload);
    client.call_untyped(call).await.unwrap();
    assert_eq!(opened.load(Ordering::Relaxed), 2);
    let seen = seen.lock().unwrap();
    assert!(seen.iter().all(|request| &request.body()[..] == b"abcdef"));
}

#[tokio::test]
async fn an_upload_that_breaks_off_is_not_sent_again() {
    let (client, seen) = recording(|_| json_answer("{}"));
    let upload = Upload::new(None, || {
        stream::iter([Ok(Bytes::from("abc")), Err(std::io::Error::other("the disk"))])
    });
    let call = Untyped::procedure(nsid("upload")).upload("text/plain", upload);
    let error = client.call_untyped(call).await.unwrap_err();
    assert!(!error.is_transient(), "{error}");
    assert!(seen.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_large_body_may_take_its_time_but_silence_may_not() {
    let slow = |request: Request<Content>| async move {
        let mut pieces = request.into_body().into_stream();
        while let Some(piece) = pieces.next().await {
            piece?;
            tokio::time::sleep(Duration::from_secs(20)).await;
        }
        Ok(json_answer(r#"{"text":"t"}"#))
    };
    let client = Client::builder().retry(RetryPolicy::never()).transport(slow).build(URL).unwrap();
    let body = RawBody { content_type: "image/png".into(), bytes: vec![1; 1 << 20].into() };
    let start = tokio::time::Instant::now();
    client.call(UploadCall(body)).await.unwrap();
    assert!(start.elapsed() > Duration::from_secs(300), "{:?}", start.elapsed());

    let silent = |_: Request<Content>| std::future::pending();
    let client =
        Client::builder().retry(RetryPolicy::never()).transport(silent).build(URL).unwrap();
    let error = client.call(thing()).await.unwrap_err();
    assert!(matches!(error, CallError::Transport(TransportError::Send(_))), "{error}");
    assert!(error.is_transient());
    let stalled = |_: Request<Content>| async {
        let pieces = stream::iter([Ok(Bytes::from("{"))]).chain(stream::pending());
        Ok(Response::new(Content::stream(None, pieces)))
    };
    let client =
        Client::builder().retry(RetryPolicy::never()).transport(stalled).build(URL).unwrap();
    assert!(client.call(thing()).await.unwrap_err().is_transient());
}

#[tokio::test]
async fn a_transport_says_whether_the_server_was_reached() {
    let attempts = async |error: fn(&'static str) -> SendError| {
        let asked = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&asked);
        let transport = move |_: Request<Content>| {
            counter.fetch_add(1, Ordering::Relaxed);
            async move { Err(error("as told")) }
        };
        let retry = RetryPolicy::default().waits(Duration::ZERO, Duration::ZERO);
        let client = Client::builder().retry(retry).transport(transport).build(URL).unwrap();
        client.call(PutThing { text: "t".into() }).await.unwrap_err();
        let procedure = asked.swap(0, Ordering::Relaxed);
        client.call(thing()).await.unwrap_err();
        (procedure, asked.load(Ordering::Relaxed))
    };
    assert_eq!(attempts(SendError::unsent).await, (3, 3));
    assert_eq!(attempts(SendError::lost).await, (1, 3));
    assert_eq!(attempts(SendError::refused).await, (1, 1));
}

#[tokio::test]
async fn xr_018_what_comes_with_an_answer_is_kept() {
    let (client, _) = recording(|call| {
        let rev = if call == 0 { "3jzfcijpj2z2a" } else { "not a revision" };
        let mut answer = json_answer(r#"{"text":"t"}"#);
        for (name, value) in [
            ("atproto-repo-rev", rev),
            ("atproto-content-labelers", "did:web:a.example"),
            ("ratelimit-limit", "3000"),
            ("ratelimit-remaining", "12"),
            ("ratelimit-reset", "60"),
        ] {
            answer.headers_mut().insert(name, value.parse().unwrap());
        }
        answer
    });
    let answer = client.answer(thing()).await.unwrap();
    assert_eq!(answer.repo_rev().unwrap().to_string(), "3jzfcijpj2z2a");
    assert_eq!(answer.content_labelers(), Some("did:web:a.example"));
    let limit = answer.rate_limit().unwrap();
    assert_eq!((limit.limit, limit.remaining, limit.reset), (3000, 12, Duration::from_secs(60)));
    assert_eq!(answer.output.text, "t");
    let second = session(&client).answer(thing()).await.unwrap();
    assert_eq!(second.repo_rev(), None);
}

#[tokio::test]
async fn lb_012_no_labelers_are_not_the_same_as_no_header() {
    let (client, seen) = recording(|_| json_answer(r#"{"text":"t"}"#));
    client.call(thing()).await.unwrap();
    client.clone().with_labelers(&Labelers::default()).call(thing()).await.unwrap();
    let labelers: Labelers =
        [Labeler::new(did("did:web:a.example")).redact(), Labeler::new(did("did:web:b.example"))]
            .into_iter()
            .collect();
    session(&client).with_labelers(&labelers).call(thing()).await.unwrap();
    let seen = seen.lock().unwrap();
    let header = |index: usize| seen[index].headers().get("atproto-accept-labelers");
    assert_eq!(header(0), None);
    assert_eq!(header(1).unwrap(), "");
    assert_eq!(header(2).unwrap(), "did:web:a.example;redact, did:web:b.example");
}

#[tokio::test]
async fn a_session_of_any_kind_takes_headers_and_turns_pages() {
    let (client, seen) = recording(|call| match call {
        0 => json_answer(r#"{"cursor":"next","things":["a"]}"#),
        1 => json_answer(r#"{"things":["b"]}"#),
        _ => json_answer(
            r#"{"uri":"at://did:web:alice.example/org.example.status/a","cid":"bafyreidfayvfuwqa7qlnopdjiqrxzs6blmoeu4rujcjtnci5beludirz2a"}"#,
        ),
    });
    let any: Arc<dyn Session> = Arc::new(session(&client));
    let proxied = any.with_proxy(&did("did:web:api.example"), "bsky_appview");
    let pages: Vec<Things> = proxied.pages(ListThings::default()).try_collect().await.unwrap();
    assert_eq!(pages.iter().flat_map(|page| &page.things).collect::<Vec<_>>(), ["a", "b"]);
    any.create(&Status { status: "fine".into() }).await.unwrap();
    let seen = seen.lock().unwrap();
    let proxy = |index: usize| seen[index].headers().get("atproto-proxy");
    assert!((0..2).all(|index| proxy(index).unwrap() == "did:web:api.example#bsky_appview"));
    assert_eq!(proxy(2), None);
}

#[tokio::test]
async fn ls_003_tokens_are_sent_as_they_are() {
    let (client, seen) = recording(|_| json_answer(r#"{"text":"t"}"#));
    session(&client).call(thing()).await.unwrap();
    let seen = seen.lock().unwrap();
    assert_eq!(seen[0].headers()["authorization"], "Bearer ~ no token of a known form ~");
    assert!(seen[0].headers()["authorization"].is_sensitive());
}

#[tokio::test]
async fn the_trace_of_a_call_goes_along() {
    let seen = Arc::<Mutex<Vec<String>>>::default();
    let kept = Arc::clone(&seen);
    let transport = move |request: Request<Content>| {
        let header = request.headers()["traceparent"].to_str().unwrap().to_owned();
        kept.lock().unwrap().push(header);
        async { Ok(json_answer(r#"{"text":"t"}"#)) }
    };
    let client = Client::builder().transport(transport).propagate(|_span, headers| {
        let value = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        headers.insert("traceparent", value.parse().unwrap());
    });
    client.build(URL).unwrap().call(thing()).await.unwrap();
    assert!(seen.lock().unwrap()[0].starts_with("00-0af7651916cd43dd"));
}

#[tokio::test]
async fn everything_that_came_with_an_error_is_kept() {
    let (client, _) = recording(|_| {
        let answer = Response::builder().status(StatusCode::CONFLICT).header("x-reason", "r");
        answer.body(Content::from(r#"{"error":"Strange","message":"m","more":[1]}"#)).unwrap()
    });
    let CallError::Other(error) = client.call(thing()).await.unwrap_err() else { panic!() };
    assert_eq!((error.status, &*error.error), (StatusCode::CONFLICT, "Strange"));
    assert_eq!(error.headers().unwrap()["x-reason"], "r");
    let body: serde_json::Value = serde_json::from_slice(error.body()).unwrap();
    assert_eq!(body["more"][0], 1);
}

#[tokio::test]
async fn the_budget_of_retries_is_the_clients() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let transport = move |_: Request<Content>| {
        counter.fetch_add(1, Ordering::Relaxed);
        async { Ok(Response::builder().status(503).body(Content::empty()).unwrap()) }
    };
    let retry = RetryPolicy::default().waits(Duration::ZERO, Duration::ZERO).budget(3, 0.0);
    let client = Client::builder().retry(retry).transport(transport).build(URL).unwrap();
    for _ in 0..5 {
        client.call(thing()).await.unwrap_err();
    }
    assert_eq!(asked.load(Ordering::Relaxed), 5 + 3);
}
