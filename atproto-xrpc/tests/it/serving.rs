//! Connections: how many, how large a head, how slow a client, and how they end.

use std::{sync::Arc, time::Duration};

use atproto_xrpc::{
    XrpcError,
    server::{Context, Public, Router, RouterConfig, ServeConfig, serve},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Notify,
};
use tokio_util::sync::CancellationToken;

use crate::{
    endpoints::{GetThing, Thing},
    net::{Answer, Server},
};

const PATH: &str = "/xrpc/org.example.getThing?actor=a";

fn app() -> axum::Router {
    let handler = |_context: Context<()>, params: GetThing| async move {
        Ok::<_, XrpcError>(Thing { text: params.actor })
    };
    Router::new(RouterConfig::default()).query::<GetThing, _>(Public, handler).into_router()
}

#[tokio::test]
async fn t107_heads_are_limited() {
    let mut config = ServeConfig::default();
    config.head_bytes = 8 * 1024;
    let server = Server::start_with(app(), config).await;
    let line = format!("GET {PATH}");
    let large = format!("x-large: {}", "x".repeat(10_000));
    assert_eq!(server.send_raw(&line, &large, "").await.status, 431);
    let many: String = (0..200).map(|number| format!("x-{number}: 1\n")).collect();
    assert_eq!(server.send_raw(&line, &many, "").await.status, 431);
    assert_eq!(server.send_raw(&line, "x-small: 1", "").await.status, 200);
}

/// HTTP/2 ends at a proxy in front: its floods of resets and frames do not reach a server.
#[tokio::test]
async fn t108_http_2_is_not_spoken() {
    let server = Server::start_with(app(), ServeConfig::default()).await;
    let mut socket = TcpStream::connect(server.address).await.unwrap();
    socket.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    let mut answer = Vec::new();
    let _reset = socket.read_to_end(&mut answer).await;
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 4"), "{answer:?}");
    assert_eq!(server.send(&format!("GET {PATH}"), "").await.status, 200);
}

#[tokio::test]
async fn a_client_that_does_not_finish_its_head_is_disconnected() {
    let mut config = ServeConfig::default();
    config.head_timeout = Duration::from_millis(50);
    let server = Server::start_with(app(), config).await;
    let mut socket = TcpStream::connect(server.address).await.unwrap();
    socket.write_all(b"GET /xrpc/").await.unwrap();
    let mut rest = Vec::new();
    let _reset = socket.read_to_end(&mut rest).await;
    let answer = Answer::parse(&rest);
    assert!(matches!(answer.status, 0 | 408), "{answer:?}");
}

#[tokio::test]
async fn connections_beyond_the_limit_wait() {
    let mut config = ServeConfig::default();
    config.connections = 1;
    let server = Server::start_with(app(), config).await;
    let only = TcpStream::connect(server.address).await.unwrap();
    let waiting = tokio::time::timeout(Duration::from_millis(200), server.get(PATH));
    assert!(waiting.await.is_err(), "the only place is taken");
    drop(only);
    assert_eq!(server.get(PATH).await.status, 200);
}

/// A server with one request inside, and what happens to it when it is told to stop.
struct Stopping {
    stop: CancellationToken,
    leave: Arc<Notify>,
    request: tokio::task::JoinHandle<Answer>,
    served: tokio::task::JoinHandle<std::io::Result<()>>,
    address: std::net::SocketAddr,
}

impl Stopping {
    async fn begin(drain_timeout: Duration) -> Self {
        let (inside, leave) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (entered, left) = (Arc::clone(&inside), Arc::clone(&leave));
        let handler = move |_context: Context<()>, _params: GetThing| {
            let (entered, left) = (Arc::clone(&entered), Arc::clone(&left));
            async move {
                entered.notify_one();
                left.notified().await;
                Ok::<_, XrpcError>(Thing { text: "done".into() })
            }
        };
        let router = Router::new(RouterConfig::default()).query::<GetThing, _>(Public, handler);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut config = ServeConfig::default();
        config.drain_timeout = drain_timeout;
        let stop = CancellationToken::new();
        let stopped = stop.clone().cancelled_owned();
        let served = tokio::spawn(serve(listener, router.into_router(), config, stopped));
        let request = tokio::spawn(async move {
            let mut socket = TcpStream::connect(address).await.unwrap();
            let head = format!("GET {PATH} HTTP/1.1\r\nhost: test\r\n\r\n");
            socket.write_all(head.as_bytes()).await.unwrap();
            let mut answer = Vec::new();
            let _reset = socket.read_to_end(&mut answer).await;
            Answer::parse(&answer)
        });
        inside.notified().await;
        Self { stop, leave, request, served, address }
    }
}

#[tokio::test]
async fn a_running_request_is_finished_before_the_server_ends() {
    let it = Stopping::begin(Duration::from_secs(60)).await;
    it.stop.cancel();
    while TcpStream::connect(it.address).await.is_ok() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(!it.served.is_finished());
    it.leave.notify_one();
    let answer = it.request.await.unwrap();
    assert_eq!((answer.status, answer.body.as_str()), (200, r#"{"text":"done"}"#));
    assert_eq!(answer.header("connection"), "close");
    it.served.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_request_that_does_not_end_does_not_hold_up_the_end() {
    let it = Stopping::begin(Duration::from_millis(50)).await;
    it.stop.cancel();
    it.served.await.unwrap().unwrap();
}
