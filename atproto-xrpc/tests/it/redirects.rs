//! Redirects of the handshake of a subscription.

use std::sync::{Arc, Mutex};

use atproto_xrpc::client::subscribe::{
    self, FrameStream, PublicDial, SubscribeError, SubscribeOptions,
};
use http::{HeaderValue, header::AUTHORIZATION};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// A server that sends everybody to `location`, where `{}` is its own address,
/// and remembers the requests.
async fn redirecting(status: &str, location: &str) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let location = location.replace("{}", &address);
    let answer =
        format!("HTTP/1.1 {status} Moved\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n");
    let requests: Arc<Mutex<Vec<String>>> = Arc::default();
    let log = Arc::clone(&requests);
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut request = vec![0; 4_096];
            let read = socket.read(&mut request).await.unwrap_or(0);
            request.truncate(read);
            log.lock().unwrap().push(String::from_utf8(request).unwrap());
            let _ = socket.write_all(answer.as_bytes()).await;
        }
    });
    (address, requests)
}

/// A server that takes any subscription, once.
async fn accepting() -> (String, tokio::task::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let task = tokio::spawn(async move {
        let (socket, _) = listener.accept().await.unwrap();
        tokio_tungstenite::accept_async(socket).await.unwrap();
    });
    (address, task)
}

fn options() -> SubscribeOptions {
    let dial = Arc::new(PublicDial::default().allow_loopback(true));
    SubscribeOptions::default().max_redirects(3).redirect_dial(dial)
}

async fn open(address: &str, options: &SubscribeOptions) -> Result<FrameStream, SubscribeError> {
    subscribe::connect(&format!("ws://{address}/xrpc/com.example.things"), options).await
}

async fn open_at(address: &str, query: &str) -> Result<FrameStream, SubscribeError> {
    let url = format!("ws://{address}/xrpc/com.example.things{query}");
    subscribe::connect(&url, &options()).await
}

#[tokio::test]
async fn every_kind_of_redirect_is_followed() {
    for status in ["301", "302", "303", "307", "308"] {
        let (target, task) = accepting().await;
        let (address, _) = redirecting(status, &format!("http://{target}/there")).await;
        assert!(open(&address, &options()).await.is_ok(), "{status}");
        task.await.unwrap();
    }
}

#[tokio::test]
async fn a_relative_redirect_stays_with_the_host() {
    let (address, requests) = redirecting("307", "/elsewhere?cursor=5").await;
    let end = open(&address, &options()).await;
    assert!(matches!(end, Err(SubscribeError::Redirect)), "it goes in circles");
    let requests = requests.lock().unwrap();
    assert_eq!(requests.len(), 4, "the first, and as many redirects as are followed");
    assert!(requests[1].starts_with("GET /elsewhere?cursor=5 "), "{}", requests[1]);
}

#[tokio::test]
async fn a_redirect_that_names_no_parameters_keeps_them() {
    let (second, requests) = redirecting("302", "/end?cursor=9").await;
    let (first, _) = redirecting("302", &format!("http://{second}/there")).await;
    assert!(open(&first, &options()).await.is_err());
    assert!(open_at(&first, "?cursor=5").await.is_err());
    let requests = requests.lock().unwrap();
    assert!(requests[0].starts_with("GET /there HTTP"), "{requests:?}");
    assert!(requests.iter().any(|request| request.starts_with("GET /there?cursor=5 ")));
    assert!(requests.iter().all(|request| !request.contains("/end?cursor=5")), "{requests:?}");
}

#[tokio::test]
async fn by_default_none_is_followed() {
    let (address, requests) = redirecting("302", "http://{}/again").await;
    let end = open(&address, &SubscribeOptions::default()).await;
    assert!(matches!(end, Err(SubscribeError::Refused(error)) if error.status == 302));
    assert_eq!(requests.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn t01_a_redirect_does_not_lead_into_the_network_of_the_reader() {
    let (inside, task) = accepting().await;
    let (address, _) = redirecting("302", &format!("ws://{inside}/")).await;
    let end = open(&address, &SubscribeOptions::default().max_redirects(3)).await;
    let Err(SubscribeError::Connect(error)) = end else { panic!() };
    assert_eq!(error.kind(), std::io::ErrorKind::PermissionDenied);
    assert!(!task.is_finished());
    task.abort();
}

#[tokio::test]
async fn a_redirect_keeps_the_rules_for_schemes() {
    for location in ["ws://relay.example/", "http://relay.example/"] {
        let (address, _) = redirecting("302", location).await;
        let end = open(&address, &options()).await;
        assert!(matches!(end, Err(SubscribeError::Redirect)), "{location}");
    }
    for location in ["ftp://relay.example/", "file:///etc/passwd", "http://[::1", "data:,x"] {
        let (address, _) = redirecting("302", location).await;
        let end = open(&address, &options()).await;
        assert!(matches!(end, Err(SubscribeError::Redirect)), "{location}");
    }
}

#[tokio::test]
async fn another_host_gets_no_credentials() {
    let (second, requests) = redirecting("302", "/end").await;
    let (first, _) = redirecting("302", &format!("http://{second}/")).await;
    let secret = HeaderValue::from_static("Bearer secret");
    let options = options().header(AUTHORIZATION, secret);
    assert!(open(&first, &options).await.is_err());
    let requests = requests.lock().unwrap();
    assert!(requests.iter().all(|request| !request.contains("secret")), "{requests:?}");
    assert!(!requests.is_empty());
}
