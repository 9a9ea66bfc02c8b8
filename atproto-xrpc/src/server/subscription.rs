//! The server's side of a subscription.

use std::{pin::Pin, sync::Arc, time::Duration};

use atproto_core::{frame, syntax::Nsid};
use axum::{body::Body, response::Response};
use bytes::Bytes;
use data_encoding::BASE64;
use futures::Stream;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, StatusCode,
    header::{
        ALLOW, CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL,
        SEC_WEBSOCKET_VERSION, UPGRADE,
    },
    request::Parts,
};
use hyper::upgrade::OnUpgrade;
use tokio::sync::OwnedSemaphorePermit;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tracing::Instrument;

use super::RouterConfig;
use crate::{
    XrpcError,
    framing::{CborV0, Framing, FramingError, Payload},
};

mod burst;
mod pump;

/// The frames of one subscription.
pub(super) type Frames = Pin<Box<dyn Stream<Item = Result<Bytes, StreamError>> + Send>>;

/// How the frames of one subscription go over the wire.
struct Form {
    framing: Arc<dyn Framing>,
    nsid: Nsid,
}

impl Form {
    fn frame(&self, frame: &Bytes) -> Result<Payload, FramingError> {
        self.framing.encode(&self.nsid, frame)
    }

    fn error(&self, error: &StreamError) -> Result<Payload, FramingError> {
        self.frame(&frame::encode_error(&error.name, error.message.as_deref()).into())
    }
}

/// The error that ends a subscription, sent as its last frame: `FutureCursor`,
/// `ConsumerTooSlow`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name}")]
#[non_exhaustive]
pub struct StreamError {
    /// The name that programs compare.
    pub name: String,
    /// The explanation for people.
    pub message: Option<String>,
}

impl StreamError {
    /// An error of this name.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), message: None }
    }

    /// The same error with an explanation.
    #[must_use]
    pub fn with_message(mut self, message: impl Into<String>) -> Self {
        self.message = Some(message.into());
        self
    }
}

/// The limits of subscriptions.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SubscriptionLimits {
    /// Subscriptions at a time; more are refused with 503. Ours: 4,096.
    pub connections: usize,
    /// How long one write may wait for a reader that does not read. Ours: 30 s, after which
    /// the connection is closed: whoever is that slow has to come back with a cursor.
    pub send_timeout: Duration,
    /// How often a ping is sent. As the reference servers: 30 s.
    pub ping_interval: Duration,
    /// How long a client may be silent, pongs included. Ours: three pings, 90 s.
    pub idle_timeout: Duration,
    /// Messages that a client may send between two pings. They are ignored; a client that
    /// floods is disconnected. Ours: 1,000.
    pub client_messages: usize,
}

impl Default for SubscriptionLimits {
    fn default() -> Self {
        Self {
            connections: 4_096,
            send_timeout: Duration::from_secs(30),
            ping_interval: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(90),
            client_messages: 1_000,
        }
    }
}

/// A request that asks to become a WebSocket, and may.
pub(super) struct Upgrade {
    upgrade: OnUpgrade,
    accept: HeaderValue,
    framing: Arc<dyn Framing>,
    /// Whether the client asked for that form.
    is_chosen: bool,
}

impl Upgrade {
    /// Checks the handshake of RFC 6455, section 4.2.1.
    pub(super) fn of(parts: &mut Parts, config: &RouterConfig) -> Result<Self, XrpcError> {
        if parts.method != Method::GET {
            return Err(XrpcError::wrong_verb(&parts.method, "GET")
                .with_header(ALLOW, HeaderValue::from_static("GET")));
        }
        let headers = &parts.headers;
        if !names(headers, &CONNECTION, "upgrade") || !names(headers, &UPGRADE, "websocket") {
            return Err(upgrade_required("Upgrade Required"));
        }
        if headers.get(SEC_WEBSOCKET_VERSION).is_none_or(|version| version != "13") {
            let versions = HeaderValue::from_static("13");
            return Err(XrpcError::invalid_request("Sec-WebSocket-Version must be 13")
                .with_header(SEC_WEBSOCKET_VERSION, versions));
        }
        let key = headers.get(SEC_WEBSOCKET_KEY).map(HeaderValue::as_bytes).unwrap_or_default();
        if BASE64.decode(key).ok().is_none_or(|key| key.len() != 16) {
            return Err(XrpcError::invalid_request("Sec-WebSocket-Key must be 16 bytes"));
        }
        let accept = HeaderValue::try_from(derive_accept_key(key)).map_err(XrpcError::internal)?;
        let (framing, is_chosen) = agreed_framing(headers, &config.framings);
        // Absent where the connection cannot be upgraded, as in HTTP/2.
        let upgrade = parts.extensions.remove::<OnUpgrade>();
        let upgrade = upgrade.ok_or_else(|| upgrade_required("WebSockets need HTTP/1.1"))?;
        Ok(Self { upgrade, accept, framing, is_chosen })
    }

    /// Answers 101 and sends the frames as soon as the connection is the socket's own.
    pub(super) fn accept(
        self,
        frames: Frames,
        nsid: Nsid,
        config: &RouterConfig,
        seat: OwnedSemaphorePermit,
    ) -> Response {
        let limits = config.limits.subscription.clone();
        let shutdown = config.shutdown.clone();
        let (upgrade, form) = (self.upgrade, Form { framing: Arc::clone(&self.framing), nsid });
        let serve = async move {
            match upgrade.await {
                Ok(socket) => pump::run(socket, frames, &form, &limits, shutdown).await,
                Err(error) => tracing::debug!(%error, "the client left before the upgrade"),
            }
            drop(seat);
        };
        tokio::spawn(serve.in_current_span());
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(SEC_WEBSOCKET_ACCEPT, self.accept);
        if self.is_chosen {
            let protocol = HeaderValue::from_static(self.framing.protocol());
            headers.insert(SEC_WEBSOCKET_PROTOCOL, protocol);
        }
        response
    }
}

fn upgrade_required(message: &str) -> XrpcError {
    XrpcError::new(StatusCode::UPGRADE_REQUIRED, "UpgradeRequired")
        .with_message(message)
        .with_header(UPGRADE, HeaderValue::from_static("websocket"))
        .with_header(CONNECTION, HeaderValue::from_static("upgrade"))
}

/// Whether a header's comma-separated list has this word.
fn names(headers: &HeaderMap, header: &HeaderName, word: &str) -> bool {
    list(headers, header).any(|item| item.eq_ignore_ascii_case(word))
}

fn list<'h>(headers: &'h HeaderMap, header: &HeaderName) -> impl Iterator<Item = &'h str> {
    let lines = headers.get_all(header).iter();
    lines.flat_map(|line| line.to_str().unwrap_or_default().split(',')).map(str::trim)
}

/// The first form that the client names and we speak, or else our first.
fn agreed_framing(headers: &HeaderMap, framings: &[Arc<dyn Framing>]) -> (Arc<dyn Framing>, bool) {
    let known = |name| framings.iter().find(|framing| framing.protocol() == name);
    let chosen = list(headers, &SEC_WEBSOCKET_PROTOCOL).find_map(known).cloned();
    let is_chosen = chosen.is_some();
    let default = || framings.first().cloned().unwrap_or_else(|| Arc::new(CborV0));
    (chosen.unwrap_or_else(default), is_chosen)
}
