//! Reading event streams.
//!
//! A [`FrameStream`] yields the frames of a subscription as they come. It is pulled:
//! nothing is read from the socket while nobody asks for the next message, so that a reader
//! that cannot keep up slows down the server instead of filling its own memory.
//! [`into_messages`](FrameStream::into_messages) makes a stream of typed messages of it.

use std::{fmt, io, sync::Arc, time::Duration};

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{LOCATION, SEC_WEBSOCKET_PROTOCOL, USER_AGENT},
};
use tokio::time::timeout;
use tokio_tungstenite::{
    Connector, client_async_tls_with_config,
    tungstenite::{self, client::IntoClientRequest, error::CapacityError},
};
use url::Url;

use super::builder::is_loopback;
use crate::{
    MAX_FRAME_BYTES, XrpcError,
    framing::{CborV0, Framing, FramingError},
    websocket,
};

mod dial;
mod messages;
mod redirect;
mod stream;

pub use dial::{Dial, PublicDial, SystemDial};
pub use messages::{MessageStream, MessagesError};
pub use stream::FrameStream;

/// Options of a subscription.
#[derive(Clone)]
#[non_exhaustive]
pub struct SubscribeOptions {
    /// The time for connecting, TLS and the handshake together. Default: 10 s.
    pub connect_timeout: Duration,
    /// How long the server may be silent while a message is waited for; pongs count as
    /// signs of life. Default: 90 s, three pings.
    pub read_timeout: Duration,
    /// How often a ping is sent while a message is waited for. Default: 30 s.
    pub ping_interval: Duration,
    /// The largest message in bytes. Default: 5,000,000, the protocol's limit.
    pub max_message: usize,
    /// Headers of the handshake. Default: only `User-Agent`.
    pub headers: HeaderMap,
    /// The form in which messages come. Default: the binary one, which needs no asking for.
    pub framing: Arc<dyn Framing>,
    /// How TCP connections are made. Default: [`SystemDial`].
    pub dial: Arc<dyn Dial>,
    /// Clear text to other machines, inside a container network. Default: no.
    pub allow_clear_text: bool,
    /// How many redirects of the handshake are followed. Default: 0. From an encrypted
    /// connection none leads to clear text, and another host is not sent credentials.
    pub max_redirects: usize,
    /// How TCP connections are made to another host that a redirect names. Default:
    /// [`PublicDial`], since not the operator chose that host.
    pub redirect_dial: Arc<dyn Dial>,
}

impl Default for SubscribeOptions {
    fn default() -> Self {
        let agent = concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION"));
        Self {
            connect_timeout: Duration::from_secs(10),
            read_timeout: Duration::from_secs(90),
            ping_interval: Duration::from_secs(30),
            max_message: MAX_FRAME_BYTES,
            headers: HeaderMap::from_iter([(USER_AGENT, HeaderValue::from_static(agent))]),
            framing: Arc::new(CborV0),
            dial: Arc::new(SystemDial),
            allow_clear_text: false,
            max_redirects: 0,
            redirect_dial: Arc::new(PublicDial::default()),
        }
    }
}

impl SubscribeOptions {
    /// Sets [`connect_timeout`](Self::connect_timeout).
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

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

    /// Adds a header to the handshake.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// Sets [`framing`](Self::framing).
    #[must_use]
    pub fn framing(mut self, framing: impl Framing) -> Self {
        self.framing = Arc::new(framing);
        self
    }

    /// Sets [`dial`](Self::dial).
    #[must_use]
    pub fn dial(mut self, dial: Arc<dyn Dial>) -> Self {
        self.dial = dial;
        self
    }

    /// Sets [`max_redirects`](Self::max_redirects).
    #[must_use]
    pub fn max_redirects(mut self, redirects: usize) -> Self {
        self.max_redirects = redirects;
        self
    }

    /// Sets [`redirect_dial`](Self::redirect_dial).
    #[must_use]
    pub fn redirect_dial(mut self, dial: Arc<dyn Dial>) -> Self {
        self.redirect_dial = dial;
        self
    }

    /// Sets [`allow_clear_text`](Self::allow_clear_text).
    #[must_use]
    pub fn allow_clear_text(mut self, allow: bool) -> Self {
        self.allow_clear_text = allow;
        self
    }
}

impl fmt::Debug for SubscribeOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SubscribeOptions")
            .field("read_timeout", &self.read_timeout)
            .field("ping_interval", &self.ping_interval)
            .field("max_message", &self.max_message)
            .finish_non_exhaustive()
    }
}

/// Why a subscription did not begin, or why it ended. The stream is over after an error;
/// the end without one is the server's proper goodbye.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SubscribeError {
    /// Clear text is for this machine; see [`SubscribeOptions::allow_clear_text`].
    #[error("the subscription is not encrypted")]
    ClearText,
    /// There was no connection.
    #[error("cannot connect")]
    Connect(#[source] io::Error),
    /// The server sends control messages and nothing else.
    #[error("the server floods with control messages")]
    Flood,
    /// There was no connection, or no answer to the handshake, in time.
    #[error("no connection within {0:?}")]
    ConnectTimeout(Duration),
    /// The server redirects more often than is followed, or to where it may not.
    #[error("the redirect is not followed")]
    Redirect,
    /// The server answered the handshake with an error.
    #[error(transparent)]
    Refused(XrpcError),
    /// Nothing came, not even an answer to a ping.
    #[error("nothing was heard for {0:?}")]
    Silent(Duration),
    /// A message is no frame of the form that was asked for.
    #[error(transparent)]
    Framing(#[from] FramingError),
    /// A message is larger than the limit.
    #[error("a message is larger than {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// Not the URL of a subscription.
    #[error("not the URL of a subscription")]
    Url,
    /// The connection broke, or what came is no WebSocket.
    #[error("the connection failed")]
    WebSocket(#[source] Box<tungstenite::Error>),
}

impl SubscribeError {
    fn of(error: tungstenite::Error, limit: usize) -> Self {
        match error {
            tungstenite::Error::Capacity(CapacityError::MessageTooLong { .. }) => {
                Self::TooLarge { limit }
            }
            tungstenite::Error::Http(response) => {
                let (parts, body) = response.into_parts();
                let body = body.unwrap_or_default();
                Self::Refused(XrpcError::from_response(parts.status, &parts.headers, &body))
            }
            other => Self::WebSocket(Box::new(other)),
        }
    }
}

/// Opens the subscription at a URL: `wss://host/xrpc/<nsid>?cursor=5`, `https` being taken
/// for `wss`.
pub async fn connect(url: &str, options: &SubscribeOptions) -> Result<FrameStream, SubscribeError> {
    let url = Url::parse(url).map_err(|_| SubscribeError::Url)?;
    let tls = Arc::new(atproto_core::identity::tls::client_config());
    open(url, options, tls).await
}

/// As [`connect`], under a TLS configuration that many subscriptions share.
pub async fn connect_with_tls(
    url: &str,
    options: &SubscribeOptions,
    tls: Arc<rustls::ClientConfig>,
) -> Result<FrameStream, SubscribeError> {
    open(Url::parse(url).map_err(|_| SubscribeError::Url)?, options, tls).await
}

pub(super) async fn open(
    url: Url,
    options: &SubscribeOptions,
    tls: Arc<rustls::ClientConfig>,
) -> Result<FrameStream, SubscribeError> {
    let late = |_| SubscribeError::ConnectTimeout(options.connect_timeout);
    timeout(options.connect_timeout, redirect::follow(url, options, tls)).await.map_err(late)?
}

/// The URL in the form of WebSockets, if it may be connected to.
fn checked(mut url: Url, options: &SubscribeOptions) -> Result<Url, SubscribeError> {
    let scheme = match url.scheme() {
        "wss" | "https" => "wss",
        "ws" | "http" if options.allow_clear_text || is_loopback(&url) => "ws",
        "ws" | "http" => return Err(SubscribeError::ClearText),
        _ => return Err(SubscribeError::Url),
    };
    url.set_scheme(scheme).map_err(|()| SubscribeError::Url)?;
    Ok(url)
}

async fn handshake(
    url: &Url,
    options: &SubscribeOptions,
    dial: &dyn Dial,
    headers: HeaderMap,
    tls: Arc<rustls::ClientConfig>,
) -> Result<FrameStream, Failed> {
    let port = url.port_or_known_default().ok_or(SubscribeError::Url)?;
    let host = url.host_str().ok_or(SubscribeError::Url)?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let socket = dial.dial(host, port).await.map_err(SubscribeError::Connect)?;
    let _slower_without_but_not_wrong = socket.set_nodelay(true);

    let mut request = url.as_str().into_client_request().map_err(|_| SubscribeError::Url)?;
    request.headers_mut().extend(headers);
    // Old servers know the binary form only, and no names for it.
    let protocol = options.framing.protocol();
    if !protocol.is_empty() && protocol != CborV0.protocol() {
        let name = HeaderValue::from_static(protocol);
        request.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, name);
    }
    let config = websocket::config(options.max_message, websocket::BUFFER_BYTES);
    let connector = Connector::Rustls(tls);
    let opened = client_async_tls_with_config(request, socket, Some(config), Some(connector));
    match opened.await {
        Ok((socket, _response)) => Ok(FrameStream::new(socket, options)),
        Err(tungstenite::Error::Http(answer)) if answer.status().is_redirection() => {
            let location = answer.headers().get(LOCATION).cloned();
            let refused = SubscribeError::of(tungstenite::Error::Http(answer), options.max_message);
            Err(Failed { error: refused, location })
        }
        Err(error) => Err(SubscribeError::of(error, options.max_message).into()),
    }
}

/// A handshake that failed, and where the server sends its clients instead.
struct Failed {
    error: SubscribeError,
    location: Option<HeaderValue>,
}

impl From<SubscribeError> for Failed {
    fn from(error: SubscribeError) -> Self {
        Self { error, location: None }
    }
}
