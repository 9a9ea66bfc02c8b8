//! Repositories over HTTP, from hosts on loopback.

use std::sync::Arc;
use std::time::Duration;

use atproto_core::identity::DidDocument;
use atproto_core::identity::safe_client::{SafeClient, SafeClientConfig};
use atproto_core::syntax::{Datetime, Did};
use atproto_firehose::state::SqliteState;
use atproto_firehose::tracker::{
    HttpLimits, HttpRepoSource, List, RepoSource, SourceError, Tracker, TrackerOptions,
};
use atproto_lexicons::app::bsky::feed::Post;
use atproto_testkit::{Author, Directory, MicroPds};
use futures::StreamExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::world::Index;

fn client() -> SafeClient {
    SafeClient::new(SafeClientConfig::default().allow_loopback(true)).unwrap()
}

#[tokio::test]
async fn repositories_are_found_and_fetched_from_a_host_and_then_followed() {
    let host = MicroPds::start().await.unwrap();
    let directory = Directory::default();
    let mut authors: Vec<_> =
        (0..5).map(|seed| Author::new(&format!("author{seed}.test"), seed)).collect();
    for author in &mut authors {
        directory.insert(author.document(host.url()));
        author.create(&Post::new("before", Datetime::now()));
        host.host(author);
    }
    let dir = tempfile::tempdir().unwrap();
    let options =
        || TrackerOptions::default().resolver(Arc::new(directory.clone())).client(client());
    let state = || SqliteState::open(dir.path().join("state")).unwrap();
    let mut tracker = Tracker::open(host.url(), state(), options()).await.unwrap();
    let mut index = Index::default();
    for count in 1..=5 {
        let delivery = tracker.next().await.unwrap();
        index.apply(delivery.event());
        assert!(delivery.ack().await);
        assert_eq!(index.records.len(), count);
    }
    host.publish(authors[2].create(&Post::new("live", Datetime::now())));
    let delivery = tracker.next().await.unwrap();
    index.apply(delivery.event());
    assert!(delivery.ack().await);
    assert_eq!(index.records.len(), 6);
    assert_eq!(index.told.iter().filter(|line| line.contains("resync")).count(), 5);
}

/// A host that answers each request with the next of these, and its URL. What is after a NUL comes
/// a byte a second.
async fn host(answers: Vec<Vec<u8>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://127.0.0.1:{}", listener.local_addr().unwrap().port());
    tokio::spawn(async move {
        for answer in answers {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 4_096];
            let _ = socket.read(&mut request).await;
            let parts: Vec<_> = answer.splitn(2, |byte| *byte == 0).collect();
            let _ = socket.write_all(parts[0]).await;
            for byte in parts.get(1).copied().unwrap_or_default() {
                tokio::time::sleep(Duration::from_secs(1)).await;
                if socket.write_all(&[*byte]).await.is_err() {
                    break;
                }
            }
        }
    });
    url
}

fn answer(status: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\nconnection: close\r\n{headers}content-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

fn document(host: &str) -> (Did, DidDocument) {
    let author = Author::new("alice.test", 1);
    (author.did().clone(), author.document(host))
}

async fn archive(source: &HttpRepoSource, host: &str) -> Result<Vec<u8>, SourceError> {
    let (did, document) = document(host);
    let mut archive = source.archive(&did, &document).await?;
    let mut whole = Vec::new();
    while let Some(chunk) = archive.next().await {
        whole.extend_from_slice(&chunk?);
    }
    Ok(whole)
}

#[tokio::test]
async fn each_way_to_refuse_is_told_apart() {
    let host = host(vec![
        answer("429 Too Many Requests", "retry-after: 7\r\n", "{}"),
        answer("429 Too Many Requests", "", "{}"),
        answer("503 Service Unavailable", "retry-after: 9\r\n", "{}"),
        answer("400 Bad Request", "", r#"{"error":"RepoDeactivated"}"#),
        answer("400 Bad Request", "", r#"{"error":"InvalidRequest"}"#),
        answer("502 Bad Gateway", "", "<html>"),
        answer("404 Not Found", "", "<html>"),
    ])
    .await;
    let source = HttpRepoSource::new(client());
    let mut told = Vec::new();
    for _ in 0..7 {
        told.push(format!("{:?}", archive(&source, &host).await.unwrap_err()));
    }
    assert_eq!(told[0], "RateLimited { retry_after: Some(7s) }");
    assert_eq!(told[1], "RateLimited { retry_after: None }");
    assert_eq!(told[2], "RateLimited { retry_after: Some(9s) }");
    assert_eq!(told[3], r#"Gone("RepoDeactivated")"#);
    assert_eq!(told[4], r#"Answer("400 Bad Request: InvalidRequest")"#);
    assert!(told[5].starts_with("Unavailable"), "{}", told[5]);
    assert_eq!(told[6], r#"Answer("404 Not Found")"#);
    let gone = archive(&source, &host).await.unwrap_err();
    assert!(matches!(gone, SourceError::Unavailable(_)), "{gone:?}: nobody listens");
}

#[tokio::test]
async fn t06_an_archive_may_be_neither_too_large_nor_too_slow_nor_cut() {
    let mut dripping = answer("200 OK", "", "some bytes at first, then");
    let text = String::from_utf8(dripping.clone()).unwrap();
    dripping = text.replace("content-length: 25", "content-length: 90").into_bytes();
    let cut = dripping.clone();
    dripping.push(0);
    dripping.extend_from_slice(&[b'x'; 60]);
    let host = host(vec![answer("200 OK", "", &"x".repeat(5_000)), cut, dripping]).await;
    let mut limits = HttpLimits::default();
    limits.max_archive = 4_999;
    limits.archive = Duration::from_secs(2);
    let source = HttpRepoSource::new(client()).limits(limits);
    let large = archive(&source, &host).await.unwrap_err();
    assert!(matches!(large, SourceError::TooLarge { limit: 4_999 }), "{large:?}");
    let cut = archive(&source, &host).await.unwrap_err();
    assert!(matches!(cut, SourceError::Unavailable(_)), "{cut:?}");
    let slow = archive(&source, &host).await.unwrap_err();
    assert!(matches!(slow, SourceError::TooSlow(_)), "{slow:?}");
}

#[tokio::test]
async fn a_list_comes_in_pages_and_what_is_none_is_said_to_be() {
    let page = r#"{"cursor":"2","repos":[{"did":"did:plc:aaaaaaaaaaaaaaaaaaaaaaaa"}]}"#;
    let host = host(vec![
        answer("200 OK", "", page),
        answer("200 OK", "", r#"{"repos":[{"did":"no"}]}"#),
        answer("200 OK", "", r#"{"hosts":[{"hostname":"pds.example"}]}"#),
    ])
    .await;
    let source = HttpRepoSource::new(client());
    let list = List::Collection { relay: host.clone(), collection: "com.example.post".to_owned() };
    let page = source.list(&list, None).await.unwrap();
    assert_eq!((page.repos.len(), page.cursor.as_deref()), (1, Some("2")));
    let wrong = source.list(&list, Some("2")).await.unwrap_err();
    assert!(matches!(wrong, SourceError::Answer(_)), "{wrong:?}");
    let page = source.list(&List::Hosts { relay: host }, None).await.unwrap();
    assert_eq!(page.hosts, ["pds.example"]);
}
