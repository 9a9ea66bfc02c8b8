//! The client against servers good and bad.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use atproto_core::{
    endpoint::{NoParams, RawBody},
    syntax::Nsid,
};
use atproto_xrpc::{
    Client, XrpcError,
    client::{CallError, RetryPolicy, TransportError},
    server::{Context, Public, Router, RouterConfig, ServeConfig},
};
use axum::{
    response::{Html, IntoResponse, Response},
    routing::any,
};
use futures::{StreamExt, TryStreamExt};
use http::{HeaderMap, Method, StatusCode};

use crate::{
    directory::did,
    endpoints::{
        Download, GetThing, GetThingError, ListThings, PutThing, Thing, Things, Touch, Upload,
    },
    net::Server,
};

/// A server that gives the same answer to everything and counts how often it is asked.
async fn always(
    answer: impl Fn(usize) -> Response + Clone + Send + Sync + 'static,
) -> (Server, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let handler = move || {
        let answer = answer(counter.fetch_add(1, Ordering::Relaxed));
        async { answer }
    };
    let app = axum::Router::new().route("/{*path}", any(handler));
    (Server::start_with(app, ServeConfig::default()).await, asked)
}

fn quick(server: &Server) -> Client {
    let waits = RetryPolicy::default().waits(Duration::from_millis(1), Duration::from_secs(2));
    Client::builder().retry(waits).build(&server.url()).unwrap()
}

fn thing(actor: &str) -> GetThing {
    GetThing { actor: actor.into(), ..GetThing::default() }
}

async fn get_thing(context: Context<()>, params: GetThing) -> Result<Thing, XrpcError> {
    if params.actor == "nobody" {
        return Err(GetThingError::ThingNotFound(None).into());
    }
    let proxy = context.header("atproto-proxy").unwrap_or_default();
    Ok(Thing { text: format!("{} {:?} {:?} {proxy}", params.actor, params.limit, params.tags) })
}

fn router() -> Router {
    Router::new(RouterConfig::default())
        .query::<GetThing, _>(Public, get_thing)
        .procedure::<PutThing, _>(Public, |_context, input| async move {
            Ok::<_, XrpcError>(Thing { text: input.text })
        })
        .procedure::<Touch, _>(Public, |_context, _input| async {
            Ok::<_, XrpcError>(atproto_core::endpoint::NoBody)
        })
        .procedure::<Upload, _>(Public, |_context, Upload(body)| async move {
            let text = format!("{} {}", body.content_type, body.bytes.len());
            Ok::<_, XrpcError>(Thing { text })
        })
        .raw_query::<Download, _>(Public, |_context, params| async move {
            Ok::<_, XrpcError>(vec![7_u8; usize::try_from(params.size).unwrap_or_default()])
        })
}

#[tokio::test]
async fn calls_by_type() {
    let server = Server::start(router()).await;
    let client = server.client();
    let params =
        GetThing { actor: "ü&".into(), limit: Some(5), tags: vec!["a".into(), "b".into()] };
    let found = client.call(params).await.unwrap();
    assert_eq!(found.text, "ü& Some(5) [\"a\", \"b\"] ");
    assert_eq!(client.call(PutThing { text: "t".into() }).await.unwrap().text, "t");
    client.call(Touch).await.unwrap();
    let body = RawBody { content_type: "image/png".into(), bytes: vec![1; 9].into() };
    assert_eq!(client.procedure(Upload(body)).await.unwrap().text, "image/png 9");
    let raw = client.query(Download { size: 3 }).await.unwrap();
    assert_eq!((raw.content_type.as_str(), raw.bytes.len()), ("application/octet-stream", 3));
}

#[tokio::test]
async fn declared_errors_have_types_and_others_keep_everything() {
    let server = Server::start(router()).await;
    let error = server.client().call(thing("nobody")).await.unwrap_err();
    let CallError::Declared(GetThingError::ThingNotFound(message)) = &error else { panic!() };
    assert_eq!(message.as_deref(), Some("ThingNotFound"));
    let unknown = Nsid::new("org.example.unknown").unwrap();
    let error = server.client().raw(Method::GET, &unknown, &NoParams {}, None).await.unwrap_err();
    assert_eq!(
        (error.name(), error.status()),
        (Some("MethodNotImplemented"), Some(StatusCode::NOT_IMPLEMENTED))
    );
    assert_eq!(error.to_string(), "501 MethodNotImplemented: Method Not Implemented");
}

#[tokio::test]
async fn raw_calls_need_no_types() {
    let server = Server::start(router()).await;
    let nsid = Nsid::new("org.example.putThing").unwrap();
    let body = Some(("application/json", bytes::Bytes::from_static(br#"{"text":"t"}"#)));
    let answer = server.client().raw(Method::POST, &nsid, &NoParams {}, body).await.unwrap();
    assert_eq!(&answer.body[..], br#"{"text":"t"}"#);
}

#[tokio::test]
async fn px_001_a_proxy_is_named_in_a_header() {
    let server = Server::start(router()).await;
    let client = server.client().with_proxy(&did("did:web:api.example"), "#bsky_appview");
    let found = client.call(thing("a")).await.unwrap();
    assert!(found.text.ends_with("did:web:api.example#bsky_appview"), "{}", found.text);
}

#[tokio::test]
async fn xr_013_pages_follow_the_cursor() {
    let handler = |_context, params: ListThings| async move {
        let page: usize = params.cursor.map_or(0, |cursor| cursor.parse().unwrap());
        assert_eq!(params.limit, 2, "other parameters stay");
        let cursor = (page < 3).then(|| (page + 1).to_string());
        Ok::<_, XrpcError>(Things { cursor, things: vec![page.to_string()] })
    };
    let router = Router::new(RouterConfig::default()).query::<ListThings, _>(Public, handler);
    let server = Server::start(router).await;
    let things = |cursor: Option<&str>| {
        let query = ListThings { cursor: cursor.map(Into::into), limit: 2 };
        server.client().pages(query).map_ok(|page| page.things.concat()).try_collect::<Vec<_>>()
    };
    assert_eq!(things(None).await.unwrap(), ["0", "1", "2", "3"]);
    assert_eq!(things(Some("2")).await.unwrap(), ["2", "3"]);
}

#[tokio::test]
async fn a_repeated_cursor_ends_the_pages() {
    let handler = |_context, _params: ListThings| async move {
        Ok::<_, XrpcError>(Things { cursor: Some("again".into()), things: Vec::new() })
    };
    let router = Router::new(RouterConfig::default()).query::<ListThings, _>(Public, handler);
    let server = Server::start(router).await;
    let pages = server.client().pages(ListThings::default()).collect::<Vec<_>>().await;
    assert_eq!(pages.len(), 2);
    let Err(CallError::Transport(TransportError::RepeatedCursor(cursor))) = &pages[1] else {
        panic!()
    };
    assert_eq!(cursor, "again");
}

#[tokio::test]
async fn xr_011_a_query_is_tried_again_and_a_procedure_is_not() {
    let flaky = |asked: usize| match asked {
        0 | 1 => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        _ => axum::Json(Thing { text: "at last".into() }).into_response(),
    };
    let (server, asked) = always(flaky).await;
    assert_eq!(quick(&server).call(thing("a")).await.unwrap().text, "at last");
    assert_eq!(asked.load(Ordering::Relaxed), 3);
    let (server, asked) = always(flaky).await;
    let error = quick(&server).call(PutThing { text: "t".into() }).await.unwrap_err();
    assert_eq!((error.name(), asked.load(Ordering::Relaxed)), (Some("NotEnoughResources"), 1));
}

#[tokio::test]
async fn xr_010_a_501_is_final() {
    let (server, asked) = always(|_| StatusCode::NOT_IMPLEMENTED.into_response()).await;
    quick(&server).call(thing("a")).await.unwrap_err();
    assert_eq!(asked.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn xr_009_retry_after_is_obeyed() {
    let (server, asked) = always(|asked| match asked {
        0 => XrpcError::rate_limited(Duration::from_secs(1)).into_response(),
        _ => axum::Json(Thing { text: "t".into() }).into_response(),
    })
    .await;
    quick(&server).call(PutThing { text: "t".into() }).await.unwrap();
    assert_eq!(asked.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn xr_012_and_020_answers_that_are_none() {
    let client = async |answer: fn(usize) -> Response| {
        let (server, _) = always(answer).await;
        let client = Client::builder().retry(RetryPolicy::never()).max_response(1_000);
        let error = client.build(&server.url()).unwrap().call(thing("a")).await.unwrap_err();
        (server, error)
    };
    let (_server, error) = client(|_| Html("<h1>hello</h1>").into_response()).await;
    assert!(matches!(error, CallError::Transport(TransportError::ContentType { .. })), "{error}");
    let (_server, error) =
        client(|_| (StatusCode::BAD_GATEWAY, Html("<h1>oh</h1>")).into_response()).await;
    assert_eq!(error.name(), Some("UpstreamFailure"));
    let (_server, error) = client(|_| axum::Json("no object").into_response()).await;
    assert!(matches!(error, CallError::Transport(TransportError::Body(_))), "{error}");
    let (_server, error) =
        client(|_| axum::Json(Thing { text: "x".repeat(1_000) }).into_response()).await;
    assert!(matches!(error, CallError::Transport(TransportError::TooLarge { limit: 1_000 })));
}

#[tokio::test]
async fn t10_redirects_are_not_followed() {
    let (other, asked) = always(|_| axum::Json(Thing { text: "t".into() }).into_response()).await;
    let to = other.url();
    let (server, _) = always(move |_| {
        (StatusCode::FOUND, [("location", format!("{to}/xrpc/a.b.c"))]).into_response()
    })
    .await;
    let error = server.client().call(thing("a")).await.unwrap_err();
    assert_eq!(error.status(), Some(StatusCode::FOUND));
    assert_eq!(asked.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_download_arrives_piece_by_piece() {
    let server = Server::start(router()).await;
    let client = Client::builder().max_response(10).build(&server.url()).unwrap();
    let download = client.download(Download { size: 100_000 }).await.unwrap();
    assert_eq!(download.length(), Some(100_000));
    assert_eq!(download.content_type(), Some("application/octet-stream"));
    let bytes: Vec<_> = download.try_collect().await.unwrap();
    assert_eq!(bytes.iter().map(bytes::Bytes::len).sum::<usize>(), 100_000);
}

#[tokio::test]
async fn a_server_that_hangs_times_out() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let client = Client::builder().timeout(Duration::from_millis(50)).retry(RetryPolicy::never());
    let error = client.build(&url).unwrap().call(thing("a")).await.unwrap_err();
    assert!(matches!(error, CallError::Transport(_)) && error.is_transient(), "{error}");
}

#[tokio::test]
async fn the_client_says_what_it_accepts() {
    let echo = |headers: HeaderMap| async move {
        let accept = headers["accept"].to_str().unwrap().to_owned();
        axum::Json(Thing { text: format!("{accept} {}", headers.contains_key("content-type")) })
    };
    let app = axum::Router::new().route("/{*path}", any(echo));
    let server = Server::start_with(app, ServeConfig::default()).await;
    let text = server.client().call(thing("a")).await.unwrap().text;
    assert_eq!(text, "application/json false");
}
