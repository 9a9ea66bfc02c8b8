//! Servers on free ports, and requests as no proper client would send them.

use std::{collections::HashMap, net::SocketAddr};

use atproto_xrpc::{
    Client,
    server::{Router, ServeConfig, serve},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::oneshot,
};

/// A server that ends when it is dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    _stop: oneshot::Sender<()>,
}

impl Server {
    pub(crate) async fn start(router: Router) -> Self {
        Self::start_with(router.into_router(), ServeConfig::default()).await
    }

    pub(crate) async fn start_with(app: axum::Router, config: ServeConfig) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let stopped = async {
            let _dropped = stopped.await;
        };
        tokio::spawn(serve(listener, app, config, stopped));
        Self { address, _stop: stop }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(&self.url()).unwrap()
    }

    /// Sends a request: the first line of `head` without the version, then headers. `Host`,
    /// `Connection: close` and the length of the body are added.
    pub(crate) async fn send(&self, head: &str, body: &str) -> Answer {
        let (line, headers) = head.split_once('\n').unwrap_or((head, ""));
        if body.is_empty() {
            return self.send_raw(line, headers, "").await;
        }
        self.send_raw(line, &format!("{headers}\ncontent-length: {}", body.len()), body).await
    }

    /// As [`send`](Self::send), without saying how long the body is.
    pub(crate) async fn send_raw(&self, line: &str, headers: &str, body: &str) -> Answer {
        let mut text = format!("{line} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n");
        for header in headers.lines().filter(|header| !header.is_empty()) {
            text += &format!("{}\r\n", header.trim());
        }
        text += "\r\n";
        text += body;
        let mut socket = TcpStream::connect(self.address).await.unwrap();
        socket.write_all(text.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        // A server that refuses a body may reset the connection after its answer.
        let _reset = socket.read_to_end(&mut answer).await;
        Answer::parse(&answer)
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(&format!("GET {path}"), "").await
    }

    pub(crate) async fn post_json(&self, path: &str, body: &str) -> Answer {
        self.send(&format!("POST {path}\ncontent-type: application/json"), body).await
    }
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok());
        let headers = lines.filter_map(|line| line.split_once(": "));
        let headers = headers.map(|(name, value)| (name.to_lowercase(), value.to_owned()));
        Self { status: status.unwrap_or(0), headers: headers.collect(), body: body.to_owned() }
    }

    /// Status, error name and message.
    pub(crate) fn error(&self) -> (u16, String, String) {
        let json: serde_json::Value = serde_json::from_str(&self.body).unwrap_or_default();
        let field = |name: &str| json[name].as_str().unwrap_or_default().to_owned();
        (self.status, field("error"), field("message"))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(String::as_str).unwrap_or_default()
    }
}
