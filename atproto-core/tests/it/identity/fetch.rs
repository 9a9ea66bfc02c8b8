//! The client for addresses that strangers choose.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use atproto_core::identity::safe_client::FetchLimits;
use atproto_core::identity::{FetchError, SafeClient, SafeClientConfig};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::server::{Server, answer, ok};

const SMALL: FetchLimits =
    FetchLimits { max_body: 1000, max_redirects: 3, deadline: Duration::from_secs(20) };

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
    ] {
        let error = strict().get(url, &SMALL).await.unwrap_err();
        assert!(matches!(error, FetchError::AddressRefused { .. }), "{url}: {error:?}");
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
async fn t03_what_is_checked_is_what_is_connected_to() {
    let server = Server::start(|_| ok("secret")).await;
    // Public at first, this machine from then on.
    let dns = Answers {
        answers: vec!["192.0.2.1 2606:4700::1", "127.0.0.1"],
        asked: AtomicUsize::new(0),
    };
    let mut config = SafeClientConfig::default().dns(Arc::new(dns));
    config.connect_timeout = Duration::from_millis(200);
    let client = SafeClient::new(config).unwrap();
    let url = format!("https://rebind.example:{}/", server.port);
    for _ in 0..3 {
        assert!(client.get(&url, &SMALL).await.is_err());
    }
    assert_eq!(server.requests(), 0);
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
    let exact = Server::start(|_| ok(vec![b'x'; 1000])).await;
    for server in [&announced, &unannounced] {
        let error = development().get(&server.url(), &SMALL).await.unwrap_err();
        assert!(matches!(error, FetchError::TooLarge { limit: 1000 }), "{error:?}");
    }
    assert_eq!(development().get(&exact.url(), &SMALL).await.unwrap().body.len(), 1000);
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
            tokio::io::AsyncReadExt::read(&mut stream, &mut [0; 4096]).await.unwrap();
            let head = b"HTTP/1.1 200 X\r\ncontent-length: 500\r\n\r\nx";
            tokio::io::AsyncWriteExt::write_all(&mut stream, head).await.unwrap();
            open.push(stream);
        }
    });
    let limits = FetchLimits { deadline: Duration::from_millis(100), ..SMALL };
    let error = development().get(&url, &limits).await.unwrap_err();
    assert!(matches!(error, FetchError::Deadline(_)), "{error:?}");
}

#[tokio::test]
async fn t07_nothing_is_decompressed() {
    let server = Server::start(|_| answer(200, "content-encoding: gzip\r\n", b"\x1f\x8b")).await;
    let fetched = development().get(&server.url(), &SMALL).await.unwrap();
    assert_eq!(fetched.body.as_ref(), b"\x1f\x8b");
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
