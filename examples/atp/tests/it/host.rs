//! A host on this machine that answers as it is told.

use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use crate::support::{Run, atp};

/// Serves bodies by path until the process ends.
pub(crate) struct Host {
    url: String,
    bodies: Arc<Mutex<HashMap<String, Vec<u8>>>>,
}

impl Host {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let bodies = Arc::default();
        let served = Arc::clone(&bodies);
        thread::spawn(move || {
            for stream in listener.incoming() {
                // A client that went away is not the host's business.
                let _gone = stream.and_then(|stream| answer(&stream, &served));
            }
        });
        Self { url, bodies }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn put(&self, path: &str, body: Vec<u8>) {
        self.bodies.lock().unwrap().insert(path.to_owned(), body);
    }

    /// Resolves a handle as this host and directory has it.
    pub(crate) fn resolve(&self, handle: &str) -> Run {
        let suffix = format!(".test={}", self.url);
        let network = ["--plc-url", &self.url, "--handle-host", &suffix];
        atp(&[&["--json", "handle", "resolve", handle][..], &network].concat())
    }
}

fn answer(mut stream: &TcpStream, bodies: &Mutex<HashMap<String, Vec<u8>>>) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    while lines.next().transpose()?.is_some_and(|header| !header.is_empty()) {}
    let path = request.split(' ').nth(1).unwrap_or_default();
    let body = bodies.lock().unwrap().get(path).cloned();
    let status = if body.is_some() { "200 OK" } else { "404 Not Found" };
    let body = body.unwrap_or_default();
    let kind = if body.starts_with(b"{") { "application/json" } else { "application/octet-stream" };
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(&body)
}
