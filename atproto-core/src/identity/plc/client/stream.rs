//! New operations as they are accepted, over a WebSocket.

use std::sync::Arc;
use std::time::Duration;

use futures::{SinkExt, Stream, StreamExt, stream};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::error::CapacityError;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream, client_async_tls_with_config};
use url::Url;

use super::ExportEntry;
use crate::identity::safe_client::{FetchError, SafeClient};
use crate::identity::tls;

/// How an [`ExportStream`] listens.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ExportStreamOptions {
    /// The time for connecting, TLS and the handshake together. Default: 10 s.
    pub connect_timeout: Duration,
    /// How long the directory may be silent while an entry is waited for; pongs count as
    /// signs of life. Default: 90 s, three pings.
    pub read_timeout: Duration,
    /// How often a ping is sent while an entry is waited for. Default: 30 s.
    pub ping_interval: Duration,
    /// The largest message in bytes. Default: 128 KiB: the largest operation with every
    /// character escaped, and what is said about it.
    pub max_message: usize,
}

impl Default for ExportStreamOptions {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            read_timeout: Duration::from_secs(90),
            ping_interval: Duration::from_secs(30),
            max_message: 128 << 10,
        }
    }
}

impl ExportStreamOptions {
    /// Sets [`read_timeout`](Self::read_timeout).
    #[must_use]
    pub fn read_timeout(mut self, timeout: Duration) -> Self {
        self.read_timeout = timeout;
        self
    }

    /// Sets [`ping_interval`](Self::ping_interval).
    #[must_use]
    pub fn ping_interval(mut self, interval: Duration) -> Self {
        self.ping_interval = interval;
        self
    }

    /// Sets [`max_message`](Self::max_message).
    #[must_use]
    pub fn max_message(mut self, bytes: usize) -> Self {
        self.max_message = bytes;
        self
    }
}

/// Why an export stream did not begin, or why it ended.
///
/// Source of the named reasons:
/// [did:plc specification](https://web.plc.directory/spec/v0.1/did-plc#export-streaming-websocket).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportStreamError {
    /// The directory closed the stream for another reason.
    #[error("the directory closed the stream: {code} {reason:?}")]
    Closed {
        /// The code of RFC 6455.
        code: u16,
        /// The reason in the directory's words.
        reason: String,
    },
    /// There was no connection.
    #[error("the directory cannot be reached")]
    Connect(#[from] FetchError),
    /// The stream was not read fast enough; connect again at the last entry.
    #[error("the stream was not read fast enough")]
    ConsumerTooSlow,
    /// The cursor is higher than any sequence number that was ever given: it belongs to
    /// another directory, or this one lost data.
    #[error("the cursor is in the future")]
    FutureCursor,
    /// A message is not an entry.
    #[error("a message is not understood")]
    Json(#[from] serde_json::Error),
    /// Sequence numbers do not rise.
    #[error("entry {seq} came after {after}")]
    Order {
        /// The entry's number.
        seq: u64,
        /// The highest number before.
        after: u64,
    },
    /// The cursor is older than what the stream still goes back to: read pages, then
    /// connect again.
    #[error("the cursor is too old for the stream")]
    OutdatedCursor,
    /// The directory answered the handshake with an error.
    #[error("the directory answered the handshake with status {status}")]
    Refused {
        /// The HTTP status.
        status: u16,
    },
    /// Nothing came, not even an answer to a ping.
    #[error("nothing was heard for {0:?}")]
    Silent(Duration),
    /// A message is larger than the limit.
    #[error("a message is larger than {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// The connection broke, or what came is no WebSocket.
    #[error("the connection failed")]
    WebSocket(#[source] Box<tungstenite::Error>),
}

/// The directory's operations in the order of their acceptance, as they come.
///
/// Pulled: nothing is read from the socket while nobody asks for the next entry, so that
/// nothing piles up here; a directory may close the stream of one who pauses for long.
pub struct ExportStream {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    options: ExportStreamOptions,
    last: Option<u64>,
    ended: bool,
}

impl ExportStream {
    pub(super) async fn open(
        client: &SafeClient,
        url: &str,
        options: ExportStreamOptions,
    ) -> Result<Self, ExportStreamError> {
        let late = || FetchError::Deadline(options.connect_timeout);
        let socket = timeout(options.connect_timeout, handshake(client, url, &options))
            .await
            .map_err(|_| late())??;
        Ok(Self { socket, options, last: None, ended: false })
    }

    /// The next entry; `None` is the directory's proper goodbye. After an error there are no
    /// more entries.
    pub async fn next(&mut self) -> Option<Result<ExportEntry, ExportStreamError>> {
        if self.ended {
            return None;
        }
        let entry = self.receive().await.transpose();
        self.ended = !matches!(entry, Some(Ok(_)));
        entry
    }

    /// The sequence number of the last entry, to continue after.
    pub fn cursor(&self) -> Option<u64> {
        self.last
    }

    /// The same as a [`Stream`].
    pub fn into_stream(
        self,
    ) -> impl Stream<Item = Result<ExportEntry, ExportStreamError>> + Send + 'static {
        stream::unfold(self, |mut this| async { Some((this.next().await?, this)) })
    }

    /// Pings are sent, and silence is measured, from when waiting begins: the time between
    /// two calls is the reader's own.
    async fn receive(&mut self) -> Result<Option<ExportEntry>, ExportStreamError> {
        let mut heard = Instant::now();
        let mut ping = heard + self.options.ping_interval;
        loop {
            tokio::select! {
                message = self.socket.next() => {
                    heard = Instant::now();
                    match message.transpose().map_err(|error| self.failed(error))? {
                        Some(Message::Text(text)) => return self.entry(text.as_bytes()).map(Some),
                        Some(Message::Binary(bytes)) => return self.entry(&bytes).map(Some),
                        Some(Message::Close(frame)) => return closed(frame),
                        Some(_) => {}
                        None => return Ok(None),
                    }
                }
                () = sleep_until(ping) => {
                    ping = Instant::now() + self.options.ping_interval;
                    let sent = self.socket.send(Message::Ping(bytes::Bytes::new()));
                    match timeout(self.options.ping_interval, sent).await {
                        Ok(sent) => sent.map_err(|error| self.failed(error))?,
                        Err(_) => return Err(ExportStreamError::Silent(heard.elapsed())),
                    }
                }
                () = sleep_until(heard + self.options.read_timeout) => {
                    return Err(ExportStreamError::Silent(self.options.read_timeout));
                }
            }
        }
    }

    fn entry(&mut self, json: &[u8]) -> Result<ExportEntry, ExportStreamError> {
        let entry: ExportEntry = serde_json::from_slice(json)?;
        if let Some(after) = self.last.filter(|last| entry.seq <= *last) {
            return Err(ExportStreamError::Order { seq: entry.seq, after });
        }
        self.last = Some(entry.seq);
        Ok(entry)
    }

    fn failed(&self, error: tungstenite::Error) -> ExportStreamError {
        failed(error, self.options.max_message)
    }
}

async fn handshake(
    client: &SafeClient,
    url: &str,
    options: &ExportStreamOptions,
) -> Result<WebSocketStream<MaybeTlsStream<TcpStream>>, ExportStreamError> {
    let mut url = Url::parse(url).map_err(FetchError::Url)?;
    let scheme = match url.scheme() {
        "https" => "wss",
        "http" => "ws",
        other => return Err(FetchError::Scheme { scheme: other.to_owned() }.into()),
    };
    let unchanged = url.set_scheme(scheme);
    debug_assert!(unchanged.is_ok(), "http and ws are both special schemes");
    let socket = client.connect(&url).await?;
    let request = url.as_str().into_client_request();
    let request = request.map_err(|error| failed(error, options.max_message))?;
    let config = WebSocketConfig::default()
        .read_buffer_size(BUFFER_BYTES)
        .write_buffer_size(0)
        .max_write_buffer_size(BUFFER_BYTES)
        .max_message_size(Some(options.max_message))
        .max_frame_size(Some(options.max_message));
    let connector = Connector::Rustls(Arc::new(tls::client_config()));
    let opened = client_async_tls_with_config(request, socket, Some(config), Some(connector));
    let (socket, _) = opened.await.map_err(|error| failed(error, options.max_message))?;
    Ok(socket)
}

fn closed(frame: Option<CloseFrame>) -> Result<Option<ExportEntry>, ExportStreamError> {
    let Some(CloseFrame { code, reason }) = frame else { return Ok(None) };
    let code = u16::from(code);
    Err(match reason.as_str() {
        "ConsumerTooSlow" => ExportStreamError::ConsumerTooSlow,
        "FutureCursor" => ExportStreamError::FutureCursor,
        "OutdatedCursor" => ExportStreamError::OutdatedCursor,
        _ if code == NORMAL || code == GOING_AWAY => return Ok(None),
        reason => ExportStreamError::Closed { code, reason: reason.to_owned() },
    })
}

fn failed(error: tungstenite::Error, limit: usize) -> ExportStreamError {
    match error {
        tungstenite::Error::Capacity(CapacityError::MessageTooLong { .. }) => {
            ExportStreamError::TooLarge { limit }
        }
        tungstenite::Error::Http(response) => {
            ExportStreamError::Refused { status: response.status().as_u16() }
        }
        other => ExportStreamError::WebSocket(Box::new(other)),
    }
}

/// RFC 6455, section 7.4.1.
const NORMAL: u16 = 1000;
const GOING_AWAY: u16 = 1001;

/// Ours: holds several entries, and pings are all that is written.
const BUFFER_BYTES: usize = 8 << 10;
