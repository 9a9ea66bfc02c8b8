//! WebSockets, whatever is said over them.
//!
//! A [`Handshake`] makes a socket of a request, and a [`Conversation`] says what goes over it.
//! One task serves each socket: it writes what the conversation has, pings, and hangs up on
//! clients that do not read, are silent or flood.
//! [`Router::subscription`](super::Router::subscription) serves event streams by it.

use std::time::Duration;

use axum::{body::Body, response::Response};
use data_encoding::BASE64;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, StatusCode,
    header::{
        ALLOW, CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE,
    },
    request::Parts,
};
use hyper::upgrade::OnUpgrade;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::{XrpcError, framing::Payload};

mod burst;
mod pump;

/// What one client is told, and what it says.
pub trait Conversation: Send + 'static {
    /// The next message for the client; after `None` the socket is closed in order. It is
    /// asked for when the last one is written, so a slow client is visible here. Dropping the
    /// future must lose nothing.
    fn next(&mut self) -> impl Future<Output = Option<Result<Payload, Goodbye>>> + Send;

    /// The client has said something. By default that is of no interest.
    ///
    /// # Errors
    /// The [`Goodbye`] that closes the socket.
    fn hear(&mut self, message: Payload) -> Result<(), Goodbye> {
        drop(message);
        Ok(())
    }
}

/// Why a server closes a socket: a code of RFC 6455, section 7.4.1, and a reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Goodbye {
    code: u16,
    reason: String,
}

impl Goodbye {
    /// The server cannot go on (1011).
    pub fn internal(reason: impl Into<String>) -> Self {
        Self::new(1011, reason.into())
    }

    /// What the client said is not allowed (1008).
    pub fn policy(reason: impl Into<String>) -> Self {
        Self::new(1008, reason.into())
    }

    /// What the client said has not the form it should have (1007).
    pub fn malformed(reason: impl Into<String>) -> Self {
        Self::new(1007, reason.into())
    }

    /// The client may come again later (1013).
    pub fn try_again(reason: impl Into<String>) -> Self {
        Self::new(1013, reason.into())
    }

    fn new(code: u16, mut reason: String) -> Self {
        let fits = (0..=MAX_REASON).rev().find(|end| reason.is_char_boundary(*end));
        reason.truncate(fits.unwrap_or_default());
        Self { code, reason }
    }
}

/// The limits of a socket.
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
    /// Messages that a client may send between two pings; one that floods is disconnected.
    /// Ours: 1,000.
    pub client_messages: usize,
    /// The largest message of a client in bytes. Ours: 64 KiB; to an event stream it has
    /// nothing to say.
    pub client_message_bytes: usize,
}

impl Default for SubscriptionLimits {
    fn default() -> Self {
        Self {
            connections: 4_096,
            send_timeout: Duration::from_secs(30),
            ping_interval: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(90),
            client_messages: 1_000,
            client_message_bytes: 64 << 10,
        }
    }
}

/// A request that asks to become a WebSocket, and may.
pub struct Handshake {
    upgrade: OnUpgrade,
    accept: HeaderValue,
}

impl Handshake {
    /// Checks the handshake of RFC 6455, section 4.2.1.
    ///
    /// # Errors
    /// The answer to what is none.
    pub fn of(parts: &mut Parts) -> Result<Self, XrpcError> {
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
        // Absent where the connection cannot be upgraded, as in HTTP/2.
        let upgrade = parts.extensions.remove::<OnUpgrade>();
        let upgrade = upgrade.ok_or_else(|| upgrade_required("WebSockets need HTTP/1.1"))?;
        Ok(Self { upgrade, accept })
    }

    /// The answer 101; the conversation begins as soon as the connection is the socket's own.
    /// When `shutdown` is cancelled the socket is closed as going away (1001). How many
    /// sockets there are at a time is the caller's to limit.
    pub fn accept(
        self,
        conversation: impl Conversation,
        limits: SubscriptionLimits,
        shutdown: CancellationToken,
    ) -> Response {
        let upgrade = self.upgrade;
        let serve = async move {
            match upgrade.await {
                Ok(socket) => pump::run(socket, conversation, &limits, shutdown).await,
                Err(error) => tracing::debug!(%error, "the client left before the upgrade"),
            }
        };
        tokio::spawn(serve.in_current_span());
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(SEC_WEBSOCKET_ACCEPT, self.accept);
        response
    }
}

impl std::fmt::Debug for Handshake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handshake").finish_non_exhaustive()
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

/// The items of a header's comma-separated list.
pub(super) fn list<'h>(
    headers: &'h HeaderMap,
    header: &HeaderName,
) -> impl Iterator<Item = &'h str> {
    let lines = headers.get_all(header).iter();
    lines.flat_map(|line| line.to_str().unwrap_or_default().split(',')).map(str::trim)
}

/// The reason of a close frame in bytes (RFC 6455, section 5.5): 125 without the code.
const MAX_REASON: usize = 123;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_fits_into_a_close_frame_and_stays_text() {
        let short = Goodbye::policy("too slow");
        assert_eq!((short.code, short.reason.as_str()), (1008, "too slow"));
        let long = Goodbye::malformed(format!("x{}", "ü".repeat(100)));
        assert_eq!((long.code, long.reason.len()), (1007, 123));
        let cut = Goodbye::internal("ü".repeat(100));
        assert_eq!((cut.code, cut.reason.len()), (1011, 122));
    }
}
