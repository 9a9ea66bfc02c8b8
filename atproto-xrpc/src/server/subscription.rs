//! The server's side of a subscription.

use std::{pin::Pin, sync::Arc};

use atproto_core::{frame, syntax::Nsid};
use axum::response::Response;
use bytes::Bytes;
use futures::{Stream, StreamExt};
use http::{HeaderMap, HeaderValue, header::SEC_WEBSOCKET_PROTOCOL, request::Parts};
use tokio::sync::OwnedSemaphorePermit;

use super::{
    RouterConfig,
    socket::{self, Conversation, Goodbye, Handshake},
};
use crate::{
    XrpcError,
    framing::{CborV0, Framing, FramingError, Payload},
};

/// The frames of one subscription.
pub(super) type Frames = Pin<Box<dyn Stream<Item = Result<Bytes, StreamError>> + Send>>;

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

/// A request for a subscription.
pub(super) struct Upgrade {
    handshake: Handshake,
    framing: Arc<dyn Framing>,
    /// Whether the client asked for that form.
    is_chosen: bool,
}

impl Upgrade {
    pub(super) fn of(parts: &mut Parts, config: &RouterConfig) -> Result<Self, XrpcError> {
        let handshake = Handshake::of(parts)?;
        let (framing, is_chosen) = agreed_framing(&parts.headers, &config.framings);
        Ok(Self { handshake, framing, is_chosen })
    }

    /// Answers 101 and sends the frames.
    pub(super) fn accept(
        self,
        frames: Frames,
        nsid: Nsid,
        config: &RouterConfig,
        seat: OwnedSemaphorePermit,
    ) -> Response {
        let limits = config.limits.subscription.clone();
        let shutdown = config.shutdown.clone();
        let framing = Arc::clone(&self.framing);
        let subscription = Subscription { frames, framing, nsid, is_over: false, _seat: seat };
        let mut response = self.handshake.accept(subscription, limits, shutdown);
        if self.is_chosen {
            let protocol = HeaderValue::from_static(self.framing.protocol());
            response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, protocol);
        }
        response
    }
}

/// Frames, and the form in which they go over the wire. What the client says is ignored.
struct Subscription {
    frames: Frames,
    framing: Arc<dyn Framing>,
    nsid: Nsid,
    is_over: bool,
    _seat: OwnedSemaphorePermit,
}

impl Conversation for Subscription {
    async fn next(&mut self) -> Option<Result<Payload, Goodbye>> {
        if self.is_over {
            return None;
        }
        let payload = match self.frames.next().await? {
            Ok(frame) => self.frame(&frame),
            Err(error) => {
                self.is_over = true;
                self.frame(&frame::encode_error(&error.name, error.message.as_deref()).into())
            }
        };
        Some(payload.map_err(|error| {
            tracing::error!(%error, "a frame cannot be sent");
            Goodbye::internal("")
        }))
    }
}

impl Subscription {
    fn frame(&self, frame: &Bytes) -> Result<Payload, FramingError> {
        self.framing.encode(&self.nsid, frame)
    }
}

/// The first form that the client names and we speak, or else our first.
fn agreed_framing(headers: &HeaderMap, framings: &[Arc<dyn Framing>]) -> (Arc<dyn Framing>, bool) {
    let known = |name| framings.iter().find(|framing| framing.protocol() == name);
    let chosen = socket::list(headers, &SEC_WEBSOCKET_PROTOCOL).find_map(known).cloned();
    let is_chosen = chosen.is_some();
    let default = || framings.first().cloned().unwrap_or_else(|| Arc::new(CborV0));
    (chosen.unwrap_or_else(default), is_chosen)
}
