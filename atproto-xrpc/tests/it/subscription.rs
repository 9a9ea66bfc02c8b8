//! Subscriptions from end to end.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use atproto_core::{
    data::cbor::Writer,
    frame::{self, Frame},
};
use atproto_xrpc::{
    XrpcError,
    client::subscribe::{self, FrameStream, SubscribeError, SubscribeOptions},
    server::{Context, Limits, Public, Router, RouterConfig, StreamError},
};
use bytes::Bytes;
use futures::{Stream, StreamExt, stream};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_util::sync::CancellationToken;

use crate::{
    endpoints::SubscribeThings,
    net::{Answer, Server},
};

const PATH: &str = "/xrpc/org.example.subscribeThings";

fn numbered(seq: i64) -> Bytes {
    let mut body = Writer::new();
    body.map(1).text("seq").int(seq);
    frame::encode_message("#thing", &body.into_bytes()).into()
}

/// Ten frames from the cursor on, then the end; a cursor above 100 is in the future.
async fn things(
    _context: Context<()>,
    params: SubscribeThings,
) -> Result<impl Stream<Item = Result<Bytes, StreamError>>, XrpcError> {
    let cursor = params.cursor.unwrap_or_default();
    if cursor < 0 {
        return Err(XrpcError::invalid_request("cursor must not be negative"));
    }
    let future = StreamError::new("FutureCursor").with_message("Cursor in the future.");
    let error = (cursor > 100).then_some(Err(future));
    let frames = (cursor..cursor + 10).map(|seq| Ok(numbered(seq)));
    Ok(stream::iter(error.into_iter().chain(frames)))
}

async fn server() -> Server {
    let router = Router::new(RouterConfig::default());
    Server::start(router.subscription::<SubscribeThings, _>(Public, things)).await
}

/// A server whose streams never end by themselves and count what is taken from them.
async fn endless(config: RouterConfig, frame: Bytes) -> (Server, Arc<AtomicUsize>) {
    let taken = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&taken);
    let handler = move |_context: Context<()>, _params: SubscribeThings| {
        let (counter, frame) = (Arc::clone(&counter), frame.clone());
        async move {
            Ok::<_, XrpcError>(stream::repeat_with(move || {
                counter.fetch_add(1, Ordering::Relaxed);
                Ok(frame.clone())
            }))
        }
    };
    let router = Router::new(config).subscription::<SubscribeThings, _>(Public, handler);
    (Server::start(router).await, taken)
}

async fn subscribe(server: &Server, cursor: i64) -> Result<FrameStream, SubscribeError> {
    server.client().subscribe(&SubscribeThings { cursor: Some(cursor) }).await
}

/// The first bytes of an answer to a request that may become a socket.
async fn shake(server: &Server, method: &str, headers: &[&str]) -> Answer {
    let host = ["host: test"].iter().chain(headers).map(|header| format!("{header}\r\n"));
    let head: String = host.collect();
    let mut socket = TcpStream::connect(server.address).await.unwrap();
    let request = format!("{method} {PATH} HTTP/1.1\r\n{head}\r\n");
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    while !bytes.windows(4).any(|window| window == b"\r\n\r\n") {
        assert_ne!(socket.read_buf(&mut bytes).await.unwrap(), 0);
    }
    Answer::parse(&bytes)
}

#[tokio::test]
async fn frames_arrive_in_order_and_the_end_is_proper() {
    let server = server().await;
    let mut frames = subscribe(&server, 5).await.unwrap();
    for seq in 5..15 {
        assert_eq!(frames.next().await.unwrap().unwrap(), numbered(seq));
    }
    assert!(frames.next().await.is_none());
    assert!(frames.next().await.is_none());
}

#[tokio::test]
async fn ev_007_and_014_an_error_is_the_last_frame() {
    let server = server().await;
    let mut frames = subscribe(&server, 101).await.unwrap();
    let last = frames.next().await.unwrap().unwrap();
    let Ok(Frame::Error { name, message }) = frame::decode(&last) else { panic!("{last:?}") };
    assert_eq!((name, message), ("FutureCursor", Some("Cursor in the future.")));
    assert!(frames.next().await.is_none());
}

#[tokio::test]
async fn ev_022_handshake_errors_are_http_errors() {
    let server = server().await;
    let upgrade = ["connection: keep-alive, Upgrade", "upgrade: WebSocket"];
    let version = "sec-websocket-version: 13";
    let key = "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==";
    let proper = [upgrade[0], upgrade[1], version, key];

    let accepted = shake(&server, "GET", &proper).await;
    assert_eq!(accepted.status, 101);
    assert_eq!(accepted.header("sec-websocket-accept"), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");

    assert_eq!(shake(&server, "POST", &proper).await.status, 405);
    let plain = shake(&server, "GET", &[]).await;
    assert_eq!((plain.status, plain.header("upgrade")), (426, "websocket"));
    let old = [upgrade[0], upgrade[1], "sec-websocket-version: 8", key];
    let old = shake(&server, "GET", &old).await;
    assert_eq!((old.status, old.header("sec-websocket-version")), (400, "13"));
    let short = [upgrade[0], upgrade[1], version, "sec-websocket-key: YWJj"];
    assert_eq!(shake(&server, "GET", &short).await.status, 400);

    let ours = [upgrade[0], upgrade[1], version, key, "sec-websocket-protocol: x, xrpc.v0.cbor"];
    let ours = shake(&server, "GET", &ours).await;
    assert_eq!((ours.status, ours.header("sec-websocket-protocol")), (101, "xrpc.v0.cbor"));
    let other = [upgrade[0], upgrade[1], version, key, "sec-websocket-protocol: other"];
    let other = shake(&server, "GET", &other).await;
    assert_eq!((other.status, other.header("sec-websocket-protocol")), (101, ""));
}

#[tokio::test]
async fn ev_025_the_client_understands_a_refusal() {
    let server = server().await;
    let Err(SubscribeError::Refused(error)) = subscribe(&server, -1).await else { panic!() };
    assert_eq!((error.status.as_u16(), error.error.as_str()), (400, "InvalidRequest"));
    assert_eq!(error.message.as_deref(), Some("cursor must not be negative"));
    let unknown = format!("{}/xrpc/org.example.unknown", server.url());
    let refused = subscribe::connect(&unknown, &SubscribeOptions::default()).await;
    let Err(SubscribeError::Refused(error)) = refused else { panic!() };
    assert_eq!(error.status.as_u16(), 501);
}

#[tokio::test]
async fn a_reader_that_does_not_poll_holds_up_the_producer() {
    let (server, taken) = endless(RouterConfig::default(), vec![1; 100_000].into()).await;
    let mut frames = subscribe(&server, 0).await.unwrap();
    assert_eq!(frames.next().await.unwrap().unwrap().len(), 100_000);
    // Nobody reads: the producer fills the sockets' buffers and then stands still.
    let mut before = usize::MAX;
    while taken.load(Ordering::Relaxed) != before {
        before = taken.load(Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert!(before < 1_000, "{before} frames of 100 kB were buffered");
    // It goes on where it stood.
    for _ in 0..before + 100 {
        frames.next().await.unwrap().unwrap();
    }
    assert!(taken.load(Ordering::Relaxed) > before);
}

#[tokio::test]
async fn ev_010_a_reader_that_never_reads_is_disconnected() {
    let mut limits = Limits::default();
    limits.subscription.send_timeout = Duration::from_millis(100);
    limits.subscription.connections = 1;
    let (server, _) =
        endless(RouterConfig::default().limits(limits), vec![1; 100_000].into()).await;
    let stuck = subscribe(&server, 0).await.unwrap();
    // The only place becomes free again without the reader having done anything.
    let mut second = subscribe(&server, 0).await;
    while let Err(error) = &second {
        let SubscribeError::Refused(error) = error else { panic!("{error}") };
        assert_eq!(error.status.as_u16(), 503);
        tokio::time::sleep(Duration::from_millis(20)).await;
        second = subscribe(&server, 0).await;
    }
    drop(stuck);
}

#[tokio::test]
async fn ev_027_a_silent_client_is_disconnected() {
    let mut limits = Limits::default();
    limits.subscription.ping_interval = Duration::from_millis(20);
    limits.subscription.idle_timeout = Duration::from_millis(100);
    let router = Router::new(RouterConfig::default().limits(limits))
        .subscription::<SubscribeThings, _>(Public, |_context, _params| async {
            Ok::<_, XrpcError>(stream::pending())
        });
    let server = Server::start(router).await;
    // A client that reads answers pings and stays; nothing comes, and no end either.
    let mut alive = subscribe(&server, 0).await.unwrap();
    let waited = tokio::time::timeout(Duration::from_millis(500), alive.next()).await;
    assert!(waited.is_err());
    // One that does not read is gone when it looks again.
    let mut silent = subscribe(&server, 0).await.unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let end = tokio::time::timeout(Duration::from_secs(5), silent.next()).await.unwrap();
    assert!(!matches!(end, Some(Ok(_))));
}

#[tokio::test]
async fn ev_006_what_a_client_sends_is_ignored_unless_it_floods() {
    let server = server().await;
    let (mut socket, _) =
        tokio_tungstenite::connect_async(format!("ws://{}{PATH}", server.address)).await.unwrap();
    futures::SinkExt::send(&mut socket, "hello".into()).await.unwrap();
    let received = socket.filter(|message| {
        let binary = matches!(message, Ok(message) if message.is_binary());
        async move { binary }
    });
    assert_eq!(received.count().await, 10);

    let router = Router::new(RouterConfig::default())
        .subscription::<SubscribeThings, _>(Public, |_context, _params| async {
            Ok::<_, XrpcError>(stream::pending())
        });
    let server = Server::start(router).await;
    let (mut socket, _) =
        tokio_tungstenite::connect_async(format!("ws://{}{PATH}", server.address)).await.unwrap();
    for _ in 0..1_001 {
        let _closed_meanwhile = futures::SinkExt::send(&mut socket, "x".into()).await;
    }
    let end = socket.next().await.unwrap();
    let Ok(tokio_tungstenite::tungstenite::Message::Close(Some(close))) = end else {
        panic!("{end:?}")
    };
    assert_eq!(u16::from(close.code), 1008);
}

#[tokio::test]
async fn shutdown_says_goodbye() {
    let shutdown = CancellationToken::new();
    let config = RouterConfig::default().shutdown(shutdown.clone());
    let router = Router::new(config)
        .subscription::<SubscribeThings, _>(Public, |_context, _params| async {
            Ok::<_, XrpcError>(stream::pending())
        });
    let server = Server::start(router).await;
    let mut frames = subscribe(&server, 0).await.unwrap();
    shutdown.cancel();
    assert!(frames.next().await.is_none());
}

#[tokio::test]
async fn ev_009_too_large_a_message_is_an_error() {
    let (server, _) = endless(RouterConfig::default(), vec![1; 2_000].into()).await;
    let url = format!("{}{PATH}", server.url());
    let options = SubscribeOptions::default().max_message(1_000);
    let mut frames = subscribe::connect(&url, &options).await.unwrap();
    let end = frames.next().await.unwrap();
    assert!(matches!(end, Err(SubscribeError::TooLarge { limit: 1_000 })), "{end:?}");
    assert!(frames.next().await.is_none());
}

#[tokio::test]
async fn a_silent_server_is_given_up() {
    let router = Router::new(RouterConfig::default())
        .subscription::<SubscribeThings, _>(Public, |_context, _params| async {
            Ok::<_, XrpcError>(stream::pending())
        });
    let server = Server::start(router).await;
    let url = format!("{}{PATH}", server.url());
    let options = SubscribeOptions::default().read_timeout(Duration::from_millis(50));
    let mut frames = subscribe::connect(&url, &options).await.unwrap();
    assert!(matches!(frames.next().await, Some(Err(SubscribeError::Silent(_)))));
    // With pings in between the same silence is none: the server answers them.
    // A busy machine may stall for a while, hence the distance between the times.
    let options =
        options.read_timeout(Duration::from_secs(1)).ping_interval(Duration::from_millis(50));
    let mut frames = subscribe::connect(&url, &options).await.unwrap();
    let waited = tokio::time::timeout(Duration::from_millis(2_500), frames.next()).await;
    assert!(waited.is_err());
}

#[tokio::test]
async fn a_server_that_accepts_and_says_nothing_times_out() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}{PATH}", listener.local_addr().unwrap());
    let options = SubscribeOptions::default().connect_timeout(Duration::from_millis(50));
    let error = subscribe::connect(&url, &options).await.unwrap_err();
    assert!(matches!(error, SubscribeError::ConnectTimeout(_)), "{error:?}");
}

#[tokio::test]
async fn ev_024_clear_text_is_for_this_machine() {
    let options = SubscribeOptions::default();
    for (url, clear) in [("ws://relay.example/x", true), ("ftp://relay.example", false)] {
        let error = subscribe::connect(url, &options).await.unwrap_err();
        assert_eq!(matches!(error, SubscribeError::ClearText), clear, "{url}");
    }
}
