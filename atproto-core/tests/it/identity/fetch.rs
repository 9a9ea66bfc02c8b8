//! The client for addresses that strangers choose.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use atproto_core::identity::safe_client::FetchLimits;
use atproto_core::identity::{FetchError, SafeClient, SafeClientConfig};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::server::{Server, answer, ok};

const SMALL: FetchLimits = FetchLimits::new(1000, Duration::from_secs(20)).max_redirects(3);

fn strict() -> SafeClient {
    SafeClient::new(SafeClientConfig::default()).unwrap()
}

fn development() -> SafeClient {
    SafeClient::new(SafeClientConfig::default().allow_loopback(true)).unwrap()
}

/// A name service that gives the next answer each time.
struct Answers {
    answers: Vec<&'static str>,
    asked: AtomicUsize,
}

impl Resolve for Answers {
    fn resolve(&self, _name: Name) -> Resolving {
        let index = self.asked.fetch_add(1, Ordering::SeqCst).min(self.answers.len() - 1);
        let addresses: Vec<SocketAddr> = self.answers[index]
            .split(' ')
            .map(|address| SocketAddr::new(address.parse().unwrap(), 0))
            .collect();
        Box::pin(async move { Ok(Box::new(addresses.into_iter()) as Addrs) })
    }
}

#[tokio::test]
async fn t01_names_of_private_addresses_are_refused() {
    for private in ["10.0.0.1", "127.0.0.1 ::1", "169.254.169.254", "::ffff:127.0.0.1", "fd00::1"] {
        let dns = Arc::new(Answers { answers: vec![private], asked: AtomicUsize::new(0) });
        let client = SafeClient::new(SafeClientConfig::default().dns(dns)).unwrap();
        let error = client.get("https://harmless.example/x", &SMALL).await.unwrap_err();
        assert!(matches!(error, FetchError::AddressRefused { .. }), "{private}: {error:?}");
        assert!(error.is_refusal());
    }
}

#[tokio::test]
async fn t02_literal_addresses_are_refused_in_every_spelling() {
    for url in [
        "https://127.0.0.1/",
        "https://127.1/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0x7f.0.0.1/",
        "https://0177.0.0.1/",
        "https://017700000001/",
        "https://10.0.0.1/",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[::ffff:7f00:1]/",
        "https://[fd00::1]/",
        "https://[64:ff9b::7f00:1]/",
        "https://0/",
        "https://localhost/",
        "https://x.localhost/",
        "https://localhost./",
        "https://①②⑦.0.0.1/",
        "https://127.0.0.1./",
        "https://0x7f.1/",
        "https://127.0.1/",
        "https://%31%32%37.0.0.1/",
        "https://[::ffff:169.254.169.254]/",
        "https://[2002:7f00:1::]/",
        "https://[64:ff9b:1::a00:1]/",
        "https://[fe80::1]/",
        "https://[::]/",
        "https://intranet/",
        "https://intranet./",
    ] {
        let error = strict().get(url, &SMALL).await.unwrap_err();
        assert!(matches!(error, FetchError::AddressRefused { .. }), "{url}: {error:?}");
        if url.is_ascii() {
            let server =
                Server::start(move |_| answer(302, &format!("location: {url}\r\n"), b"")).await;
            let config = SafeClientConfig::default().trust_origin(server.url());
            let client = SafeClient::new(config).unwrap();
            let error = client.get(&server.url(), &SMALL).await.unwrap_err();
            let refused = matches!(error, FetchError::AddressRefused { .. });
            assert!(refused, "redirected to {url}: {error:?}");
        }
    }
}

#[tokio::test]
async fn only_https_and_no_credentials() {
    for url in ["http://example.com/", "ftp://example.com/", "file:///etc/passwd"] {
        let error = strict().get(url, &SMALL).await.unwrap_err();
        assert!(matches!(error, FetchError::Scheme { .. }), "{url}: {error:?}");
        let error = development().get(url, &SMALL).await.unwrap_err();
        assert!(matches!(error, FetchError::Scheme { .. }), "{url}: {error:?}");
    }
    let error = strict().get("https://a:b@example.com/", &SMALL).await.unwrap_err();
    assert!(matches!(error, FetchError::UserInfo));
}

#[tokio::test]
async fn id_005_https_at_port_443() {
    let refused = async |port: u16, limits: &FetchLimits| {
        let dns = Arc::new(Answers { answers: vec!["10.0.0.1"], asked: AtomicUsize::new(0) });
        let client = SafeClient::new(SafeClientConfig::default().dns(dns)).unwrap();
        let error = client.get(&format!("https://example.com:{port}/"), limits).await.unwrap_err();
        matches!(error, FetchError::Port { port: found } if found == port)
    };
    for port in [0, 22, 25, 80, 444, 1023] {
        assert!(refused(port, &SMALL).await, "{port}");
    }
    for port in [443, 1024, 8443, 65535] {
        assert!(!refused(port, &SMALL).await, "{port}");
        for limits in [FetchLimits::HANDLE, FetchLimits::DID_DOCUMENT] {
            assert_eq!(refused(port, &limits).await, port != 443, "{port}");
        }
    }
}

#[tokio::test]
async fn headers_end_at_a_limit() {
    let server = Server::start(|request| {
        let size: usize = request.path.trim_start_matches('/').parse().unwrap();
        answer(200, &format!("x-fill: {}\r\n", "x".repeat(size)), b"")
    })
    .await;
    let get = async |size| development().get(&format!("{}/{size}", server.url()), &SMALL).await;
    assert!(get(30 << 10).await.is_ok());
    let error = get(33 << 10).await.unwrap_err();
    assert!(matches!(error, FetchError::HeadTooLarge { .. }), "{error:?}");
    assert!(get(1 << 20).await.is_err());
}

#[tokio::test]
async fn t10_nothing_is_carried_along() {
    let server = Server::start(|request| {
        assert_eq!((request.header("cookie"), request.header("referer")), Default::default());
        assert_eq!(request.header("authorization"), "");
        match request.path.as_str() {
            "/first" => answer(302, "set-cookie: a=b; Path=/\r\nlocation: /second\r\n", b""),
            _ => ok(&request.host),
        }
    })
    .await;
    let client = development();
    let url = format!("{}/first", server.url());
    let host = format!("127.0.0.1:{}", server.port);
    assert_eq!(client.get(&url, &SMALL).await.unwrap().body, host);
    let other = client.get_as_host(&url, "alice.test", &SMALL).await.unwrap();
    assert_eq!(other.body, host, "the name was that of the first request");
}

#[tokio::test]
async fn t03_what_is_checked_is_what_is_connected_to() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    // Public at first, from then on this machine, alone and among others.
    let dns = Arc::new(Answers {
        answers: vec!["192.0.2.1 2606:4700::1", "127.0.0.1", "::ffff:127.0.0.1 127.0.0.1"],
        asked: AtomicUsize::new(0),
    });
    let mut config = SafeClientConfig::default().dns(Arc::clone(&dns) as Arc<dyn Resolve>);
    config.connect_timeout = Duration::from_millis(200);
    let client = SafeClient::new(config).unwrap();
    let url = format!("https://rebind.example:{port}/");
    for _ in 0..3 {
        assert!(client.get(&url, &SMALL).await.is_err());
    }
    assert_eq!(dns.asked.load(Ordering::SeqCst), 3, "each connection asks anew");
    let connected = tokio::time::timeout(Duration::from_millis(50), listener.accept()).await;
    assert!(connected.is_err(), "nobody connects to this machine");
}

#[tokio::test]
async fn t04_redirects_are_few_and_checked() {
    let server = Server::start(|request| {
        let redirect = |to: &str| answer(302, &format!("location: {to}\r\n"), b"");
        match request.path.trim_start_matches('/') {
            "0" => ok("done"),
            "private" => redirect("https://10.0.0.1/"),
            "other" => redirect("http://example.com/"),
            "loop" => redirect("/loop"),
            "nowhere" => answer(302, "", b"stay"),
            number => redirect(&format!("/{}", number.parse::<u32>().unwrap() - 1)),
        }
    })
    .await;
    let get =
        async |path: &str| development().get(&format!("{}/{path}", server.url()), &SMALL).await;
    for hops in 0..=3 {
        assert_eq!(get(&hops.to_string()).await.unwrap().body, "done", "{hops} redirects");
    }
    for path in ["4", "5", "loop"] {
        assert!(
            matches!(get(path).await, Err(FetchError::TooManyRedirects { limit: 3 })),
            "{path}"
        );
    }
    assert!(matches!(get("private").await, Err(FetchError::AddressRefused { .. })));
    assert!(matches!(get("other").await, Err(FetchError::Scheme { .. })));
    assert_eq!(get("nowhere").await.unwrap().status, 302);
}

#[tokio::test]
async fn t05_bodies_end_at_the_limit() {
    let announced = Server::start(|_| ok(vec![b'x'; 1001])).await;
    let unannounced = Server::start(|_| {
        let mut bytes = b"HTTP/1.1 200 X\r\nconnection: close\r\n\r\n".to_vec();
        bytes.resize(1 << 20, b'x');
        bytes
    })
    .await;
    let (endless, sent) = endless_server().await;
    let error = development().get(&endless, &SMALL).await.unwrap_err();
    assert!(matches!(error, FetchError::TooLarge { limit: 1000 }), "{error:?}");
    // What the sockets of both sides hold was sent, and nothing after the connection's end.
    assert!(sent.await.unwrap() < 32 << 20);

    let exact = Server::start(|_| ok(vec![b'x'; 1000])).await;
    for server in [&announced, &unannounced] {
        let error = development().get(&server.url(), &SMALL).await.unwrap_err();
        assert!(matches!(error, FetchError::TooLarge { limit: 1000 }), "{error:?}");
    }
    assert_eq!(development().get(&exact.url(), &SMALL).await.unwrap().body.len(), 1000);
}

/// Sends a body without end; says how much of it went out before the connection broke.
async fn endless_server() -> (String, tokio::task::JoinHandle<usize>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let sent = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let _request = stream.read(&mut [0; 4096]).await.unwrap();
        stream.write_all(b"HTTP/1.1 200 X\r\n\r\n").await.unwrap();
        let (piece, mut sent) = ([b'x'; 16 << 10], 0);
        while stream.write_all(&piece).await.is_ok() {
            sent += piece.len();
        }
        sent
    });
    (url, sent)
}

#[tokio::test]
async fn t06_headers_that_never_come() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let head = Duration::from_millis(50);
    let limits = FetchLimits::new(1000, Duration::from_secs(3600)).head_deadline(head);
    let error = development().get(&url, &limits).await.unwrap_err();
    assert!(matches!(error, FetchError::Deadline(limit) if limit == head), "{error:?}");
}

#[tokio::test]
async fn t06_a_slow_answer_ends_at_the_deadline() {
    // Promises more than it sends and keeps the connection open.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            // The request fits into one segment; answering before it came is another error.
            let _request = stream.read(&mut [0; 4096]).await.unwrap();
            let head = b"HTTP/1.1 200 X\r\ncontent-length: 500\r\n\r\nx";
            stream.write_all(head).await.unwrap();
            open.push(stream);
        }
    });
    let limits = FetchLimits::new(1000, Duration::from_millis(200));
    let error = development().get(&url, &limits).await.unwrap_err();
    assert!(matches!(error, FetchError::Deadline(_)), "{error:?}");
}

#[tokio::test]
async fn t07_what_is_compressed_is_refused() {
    for encoding in ["gzip", "br", "zstd", "deflate", "gzip, gzip", "x-unheard-of"] {
        let header = format!("content-encoding: {encoding}\r\n");
        let server = Server::start(move |request| {
            assert_eq!(request.header("accept-encoding"), "identity");
            answer(200, &header, b"\x1f\x8b")
        })
        .await;
        let error = development().get(&server.url(), &SMALL).await.unwrap_err();
        assert!(matches!(error, FetchError::Encoded { .. }), "{encoding}: {error:?}");
        let error = development().post_json(&server.url(), vec![], &SMALL).await.unwrap_err();
        assert!(matches!(error, FetchError::Encoded { .. }), "{encoding}: {error:?}");
    }
    let plain = "content-encoding: Identity\r\n";
    let server = Server::start(move |_| answer(200, plain, b"\x1f\x8b")).await;
    assert_eq!(development().get(&server.url(), &SMALL).await.unwrap().body, &b"\x1f\x8b"[..]);
}

#[tokio::test]
async fn trusted_origins_are_the_operators_own() {
    let server = Server::start(|request| match request.path.as_str() {
        "/away" => answer(302, "location: https://192.168.1.1/\r\n", b""),
        _ => ok("own"),
    })
    .await;
    let config = SafeClientConfig::default().trust_origin(server.url());
    let client = SafeClient::new(config).unwrap();
    assert_eq!(client.get(&server.url(), &SMALL).await.unwrap().body, "own");
    let away = client.get(&format!("{}/away", server.url()), &SMALL).await;
    assert!(matches!(away, Err(FetchError::AddressRefused { .. })));

    let other = Server::start(|_| ok("not own")).await;
    assert!(client.get(&other.url(), &SMALL).await.is_err(), "another port is another origin");
    let pointer = server.url();
    let stranger =
        Server::start(move |_| answer(302, &format!("location: {pointer}/\r\n"), b"")).await;
    let config = SafeClientConfig::default().allow_loopback(true).trust_origin(server.url());
    let error = SafeClient::new(config).unwrap().get(&stranger.url(), &SMALL).await.unwrap_err();
    assert!(matches!(error, FetchError::AddressRefused { .. }), "trust is not lent: {error:?}");
}
