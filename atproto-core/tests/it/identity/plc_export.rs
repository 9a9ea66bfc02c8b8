//! A directory's export, from directories that fail, lie, and hang up.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use atproto_core::crypto::{Curve, SecretKey};
use atproto_core::identity::plc::{
    self, ExportOptions, ExportStream, ExportStreamError, ExportStreamOptions, Operation,
    PlcClientError,
};
use atproto_core::identity::{FetchError, PlcClient, SafeClient, SafeClientConfig};
use atproto_core::syntax::{Datetime, Handle};
use futures::{SinkExt, StreamExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::{WebSocketStream, accept_async};

use super::server::{Server, answer, ok};

fn client(url: &str) -> PlcClient {
    let config = SafeClientConfig::default().allow_loopback(true);
    PlcClient::new(url, SafeClient::new(config).unwrap())
}

/// A line of the export.
fn line(seq: u64) -> String {
    let key = SecretKey::generate(Curve::K256);
    let (public, handle) = (key.public_key(), Handle::new("alice.test").unwrap());
    let keys = std::slice::from_ref(&public);
    let operation = Operation::account(keys, &public, &handle, "https://pds.example.com");
    let (did, genesis) = plc::create(operation, &key).unwrap();
    serde_json::json!({
        "type": "sequenced_op", "seq": seq, "did": did, "operation": genesis,
        "cid": genesis.cid(), "createdAt": "2026-01-01T00:00:00.000Z",
    })
    .to_string()
}

fn options() -> ExportOptions {
    ExportOptions::default().page(2).pace(Duration::ZERO).longest_pause(Duration::from_millis(10))
}

#[tokio::test]
async fn pages_follow_one_another_past_failures() {
    let lines: Vec<_> = (1..=5).map(line).collect();
    let failures = AtomicUsize::new(0);
    let server = Server::start(move |request| {
        if failures.fetch_add(1, Ordering::SeqCst) % 3 != 2 {
            let status = [429, 503][failures.load(Ordering::SeqCst) % 2];
            return answer(status, "retry-after: 86400\r\n", b"{}");
        }
        match request.path.as_str() {
            "/export?after=0&count=2" => ok(lines[..2].join("\n")),
            "/export?after=2&count=2" => ok(lines[2..4].join("\n") + "\n"),
            "/export?after=4&count=2" => ok(&lines[4]),
            other => panic!("{other}"),
        }
    })
    .await;
    let seen: Vec<_> = client(&server.url())
        .export_all(0, options())
        .map(|entry| entry.unwrap().seq)
        .collect()
        .await;
    assert_eq!(seen, [1, 2, 3, 4, 5]);
    assert_eq!(server.requests(), 9, "no request after the page that was not full");
}

#[tokio::test]
async fn follows_what_comes_later() {
    let asked = AtomicUsize::new(0);
    let server = Server::start(move |_| match asked.fetch_add(1, Ordering::SeqCst) {
        0..3 => ok(""),
        later => ok(line(later as u64)),
    })
    .await;
    let options = options().follow(Duration::from_millis(5));
    let seen = client(&server.url()).export_all(0, options).take(3);
    assert_eq!(seen.map(|entry| entry.unwrap().seq).collect::<Vec<_>>().await, [3, 4, 5]);
}

#[tokio::test]
async fn exports_that_end_in_an_error() {
    let first_error = async |answers: Vec<Vec<u8>>| {
        let asked = AtomicUsize::new(0);
        let server = Server::start(move |_| {
            let number = asked.fetch_add(1, Ordering::SeqCst);
            answers[number.min(answers.len() - 1)].clone()
        })
        .await;
        let pages = client(&server.url()).export_all(0, options().attempts(3));
        let entries: Vec<_> = pages.collect().await;
        let last = entries.into_iter().next_back().unwrap();
        (last.unwrap_err(), server.requests())
    };
    let again = vec![ok(line(1) + "\n" + &line(2)), ok(line(2) + "\n" + &line(3))];
    let (error, _) = first_error(again).await;
    assert!(matches!(error, PlcClientError::Order { seq: 2, after: 2 }), "{error:?}");
    let (error, _) = first_error(vec![ok("no json")]).await;
    assert!(matches!(error, PlcClientError::Json(_)), "{error:?}");
    let (error, requests) = first_error(vec![answer(400, "", b"{}")]).await;
    assert!(matches!(error, PlcClientError::Status { status: 400, .. }) && requests == 1);
    let (error, requests) = first_error(vec![answer(503, "", b"{}")]).await;
    assert!(matches!(error, PlcClientError::Status { status: 503, .. }) && requests == 3);
}

#[tokio::test]
async fn the_older_form_is_read_by_time() {
    let entry = line(1).replace(r#""seq":1"#, r#""nullified":true"#);
    let server = Server::start(move |request| match request.path.as_str() {
        "/export?after=&count=1000" => ok(&entry),
        "/export?after=2026-01-01T00%3A00%3A00.000Z&count=1" => ok(""),
        other => panic!("{other}"),
    })
    .await;
    let client = client(&server.url());
    let page = client.export_since(None, 5000).await.unwrap();
    assert!(page.len() == 1 && page[0].nullified);
    let time = Datetime::new("2026-01-01T00:00:00.000Z").unwrap();
    assert!(client.export_since(Some(&time), 1).await.unwrap().is_empty());
}

type Socket = WebSocketStream<TcpStream>;

/// Listens to a directory that does this with the one client it has.
async fn listen<F: Future<Output = ()> + Send + 'static>(
    serve: impl FnOnce(Socket) -> F + Send + 'static,
) -> ExportStream {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (socket, _) = listener.accept().await.unwrap();
        serve(accept_async(socket).await.unwrap()).await;
    });
    let options = ExportStreamOptions::default()
        .ping_interval(Duration::from_millis(50))
        .read_timeout(Duration::from_millis(300))
        .max_message(10_000);
    client(&url).export_stream(Some(0), options).await.unwrap()
}

async fn close(mut socket: Socket, code: u16, reason: &'static str) {
    let frame = CloseFrame { code: code.into(), reason: reason.into() };
    socket.close(Some(frame)).await.unwrap();
    while socket.next().await.is_some() {}
}

#[tokio::test]
async fn plc_012_reasons_for_closing_are_understood() {
    let end = async |code, reason| {
        let mut stream = listen(move |socket| close(socket, code, reason)).await;
        let end = stream.next().await;
        assert!(stream.next().await.is_none(), "over");
        end.map(|entry| entry.unwrap_err())
    };
    assert!(matches!(end(1000, "FutureCursor").await, Some(ExportStreamError::FutureCursor)));
    assert!(matches!(end(1000, "OutdatedCursor").await, Some(ExportStreamError::OutdatedCursor)));
    let slow = end(1000, "ConsumerTooSlow").await;
    assert!(matches!(slow, Some(ExportStreamError::ConsumerTooSlow)));
    assert!(end(1000, "").await.is_none(), "a proper goodbye");
    assert!(end(1001, "shutting down").await.is_none());
    let other = end(1011, "oops").await;
    assert!(
        matches!(&other, Some(ExportStreamError::Closed { code: 1011, reason }) if reason == "oops"),
        "{other:?}"
    );
}

#[tokio::test]
async fn streams_that_misbehave() {
    let after_one = async |second: Message| {
        let mut stream = listen(|mut socket| async move {
            socket.send(Message::text(line(7))).await.unwrap();
            // The client may leave in the middle of it.
            drop(socket.send(second).await);
            while socket.next().await.is_some_and(|message| message.is_ok()) {}
        })
        .await;
        assert_eq!(stream.next().await.unwrap().unwrap().seq, 7);
        let error = stream.next().await.unwrap().unwrap_err();
        assert!(stream.next().await.is_none());
        error
    };
    let error = after_one(Message::text("no json")).await;
    assert!(matches!(error, ExportStreamError::Json(_)), "{error:?}");
    let error = after_one(Message::text(line(7))).await;
    assert!(matches!(error, ExportStreamError::Order { seq: 7, after: 7 }), "{error:?}");
    let error = after_one(Message::text("x".repeat(20_000))).await;
    assert!(matches!(error, ExportStreamError::TooLarge { limit: 10_000 }), "{error:?}");
}

#[tokio::test]
async fn a_silent_stream_is_pinged_and_given_up() {
    // Does not read, hence does not answer pings.
    let mut deaf = listen(|socket| async move {
        std::future::pending::<()>().await;
        drop(socket);
    })
    .await;
    let error = deaf.next().await.unwrap().unwrap_err();
    assert!(matches!(error, ExportStreamError::Silent(_)), "{error:?}");

    // Answers pings, and has something to say much later than the timeout.
    let mut patient = listen(|mut socket| async move {
        for _ in 0..20 {
            assert!(matches!(socket.next().await, Some(Ok(Message::Ping(_)))));
        }
        socket.send(Message::text(line(1))).await.unwrap();
        while socket.next().await.is_some_and(|message| message.is_ok()) {}
    })
    .await;
    assert_eq!(patient.next().await.unwrap().unwrap().seq, 1);
}

#[tokio::test]
async fn t01_streams_go_through_the_address_filter() {
    let guarded = SafeClient::new(SafeClientConfig::default()).unwrap();
    for url in ["https://127.0.0.1:1", "https://10.0.0.1", "https://[::1]", "https://localhost"] {
        let client = PlcClient::new(url, guarded.clone());
        let error = client.export_stream(None, ExportStreamOptions::default()).await.err();
        assert!(
            matches!(error, Some(ExportStreamError::Connect(FetchError::AddressRefused { .. }))),
            "{url}: {error:?}"
        );
    }
    let server = Server::start(|_| answer(503, "", b"busy")).await;
    let refused = client(&server.url()).export_stream(None, ExportStreamOptions::default()).await;
    assert!(matches!(refused, Err(ExportStreamError::Refused { status: 503 })));
}
