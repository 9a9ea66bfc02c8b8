//! A web server that answers what it is told to, on a port of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

type Answer = dyn Fn(&Request) -> Vec<u8> + Send + Sync;

/// What the server was asked.
pub(super) struct Request {
    pub(super) path: String,
    pub(super) host: String,
    pub(super) body: String,
    head: String,
}

impl Request {
    /// A header's value; empty if there is none.
    pub(super) fn header(&self, name: &str) -> String {
        header(&self.head, name)
    }
}

pub(super) struct Server {
    pub(super) port: u16,
    requests: Arc<AtomicUsize>,
}

impl Server {
    /// Starts a server; it ends with the test's runtime.
    pub(super) async fn start(
        answer: impl Fn(&Request) -> Vec<u8> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::new(AtomicUsize::new(0));
        let (counter, answer) = (Arc::clone(&requests), Arc::new(answer) as Arc<Answer>);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&answer), Arc::clone(&counter)));
            }
        });
        Self { port, requests }
    }

    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(super) fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

/// A complete answer.
pub(super) fn answer(status: u16, headers: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes = format!(
        "HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n{headers}\r\n",
        body.len()
    )
    .into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

pub(super) fn ok(body: impl AsRef<[u8]>) -> Vec<u8> {
    answer(200, "", body.as_ref())
}

async fn serve(mut stream: TcpStream, respond: Arc<Answer>, counter: Arc<AtomicUsize>) {
    let mut bytes = Vec::new();
    let head = loop {
        let mut chunk = [0; 4096];
        match stream.read(&mut chunk).await {
            Ok(0) | Err(_) => return,
            Ok(count) => bytes.extend_from_slice(&chunk[..count]),
        }
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
    };
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let length: usize = header(&text[..head], "content-length").parse().unwrap_or(0);
    while bytes.len() < head + length {
        let mut chunk = [0; 4096];
        match stream.read(&mut chunk).await {
            Ok(0) | Err(_) => return,
            Ok(count) => bytes.extend_from_slice(&chunk[..count]),
        }
    }
    counter.fetch_add(1, Ordering::SeqCst);
    let request = Request {
        path: text.split(' ').nth(1).unwrap_or_default().to_owned(),
        host: header(&text[..head], "host"),
        body: String::from_utf8_lossy(&bytes[head..]).into_owned(),
        head: text[..head].to_owned(),
    };
    let _ = stream.write_all(&respond(&request)).await;
}

fn header(head: &str, name: &str) -> String {
    head.lines()
        .filter_map(|line| line.split_once(": "))
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.to_owned())
        .unwrap_or_default()
}
