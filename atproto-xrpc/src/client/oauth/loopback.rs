use std::{io, net::Ipv4Addr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use url::Url;

/// Waits on this machine for a user to come back from an authorization server.
#[derive(Debug)]
pub struct LoopbackListener {
    listener: TcpListener,
    redirect_uri: Url,
}

/// Why nobody came back.
#[derive(Debug, thiserror::Error)]
#[error("nobody can come back to this machine")]
pub struct LoopbackError(#[from] io::Error);

impl LoopbackListener {
    /// Listens on a free port of `127.0.0.1`.
    pub async fn bind() -> Result<Self, LoopbackError> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let redirect_uri = Url::parse(&format!("http://127.0.0.1:{port}{PATH}"));
        Ok(Self { listener, redirect_uri: redirect_uri.map_err(io::Error::other)? })
    }

    /// The address that the user is to be sent back to.
    pub fn redirect_uri(&self) -> &Url {
        &self.redirect_uri
    }

    /// Waits for the user and returns the query of the address, for
    /// [`OAuthClient::callback`](super::OAuthClient::callback). Other requests are turned
    /// away. How long to wait is the caller's to limit.
    pub async fn callback(self) -> Result<String, LoopbackError> {
        loop {
            let (mut stream, _) = self.listener.accept().await?;
            // A browser that hangs or goes away is not the end of waiting.
            let served = tokio::time::timeout(PATIENCE, serve(&mut stream)).await;
            if let Ok(Ok(Some(query))) = served {
                return Ok(query);
            }
        }
    }
}

async fn serve(stream: &mut TcpStream) -> io::Result<Option<String>> {
    let head = read_head(stream).await?;
    let query = query_of(&head);
    let (status, text) = match &query {
        Some(_) => ("200 OK", "You can close this page and go back to the terminal."),
        None => ("404 Not Found", "There is nothing here."),
    };
    let answer = format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: {}\r\n\
         cache-control: no-store\r\nreferrer-policy: no-referrer\r\nconnection: close\r\n\r\n{text}\n",
        text.len() + 1,
    );
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await?;
    Ok(query)
}

/// The request up to the empty line, or as much of it as is read.
async fn read_head(stream: &mut TcpStream) -> io::Result<String> {
    let mut head = Vec::new();
    let mut piece = [0; 1024];
    while !head.windows(4).any(|four| four == b"\r\n\r\n") && head.len() < MAX_HEAD {
        match stream.read(&mut piece).await? {
            0 => break,
            count => head.extend_from_slice(&piece[..count]),
        }
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

/// The query of `GET /callback?…`, if it is one that a server sends users back with.
fn query_of(head: &str) -> Option<String> {
    let mut words = head.lines().next()?.split(' ');
    let target = words.next().filter(|method| *method == "GET").and_then(|_| words.next())?;
    let query = target.strip_prefix(PATH)?.strip_prefix('?')?;
    query.split('&').any(|pair| pair.starts_with("state=")).then(|| query.to_owned())
}

const PATH: &str = "/callback";

/// The longest request head in bytes. Ours: a code and a state have some hundreds.
const MAX_HEAD: usize = 16 << 10;

/// The time that a browser has for one request.
const PATIENCE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    async fn get(listener: &LoopbackListener, target: &str) -> TcpStream {
        let port = listener.redirect_uri().port().unwrap();
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap();
        let request = format!("GET {target} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        stream
    }

    #[tokio::test]
    async fn a_user_comes_back_and_others_are_turned_away() {
        let listener = LoopbackListener::bind().await.unwrap();
        let mut lost = get(&listener, "/favicon.ico").await;
        let mut user = get(&listener, "/callback?state=s&code=c&iss=https://a.example").await;
        let query = listener.callback().await.unwrap();
        assert_eq!(query, "state=s&code=c&iss=https://a.example");
        let mut answer = String::new();
        lost.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
        answer.clear();
        user.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    }
}
