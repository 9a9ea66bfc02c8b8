use atproto_core::endpoint::Subscription;
use atproto_lexicons::com::atproto::{label::SubscribeLabels, sync::SubscribeRepos};
use atproto_xrpc::client::subscribe::{self, FrameStream, SubscribeError, SubscribeOptions};
use futures::{FutureExt, StreamExt};

use super::transport::{Connecting, FrameSource, NextFrame, Transport, TransportError, Wire};

/// `com.atproto.sync.subscribeRepos` of a host, or `com.atproto.label.subscribeLabels` of a
/// labeler, over WebSocket.
#[derive(Clone, Debug)]
pub struct WebSocket {
    url: String,
    wire: Wire,
    options: SubscribeOptions,
}

impl WebSocket {
    /// The stream of a host such as `wss://relay.example`. A URL that names an
    /// endpoint is taken as it is.
    pub fn new(url: &str) -> Self {
        Self::of(url, SubscribeRepos::NSID, Wire::SubscribeRepos)
    }

    /// The stream of a labeler such as `wss://labels.example`: the service
    /// `#atproto_labeler` of its DID document. A URL that names an endpoint is
    /// taken as it is.
    pub fn labels(url: &str) -> Self {
        Self::of(url, SubscribeLabels::NSID, Wire::SubscribeLabels)
    }

    fn of(url: &str, endpoint: &str, wire: Wire) -> Self {
        let url = url.trim_end_matches('/');
        let url =
            if url.contains("/xrpc/") { url.to_owned() } else { format!("{url}/xrpc/{endpoint}") };
        Self { url, wire, options: SubscribeOptions::default().max_redirects(MAX_REDIRECTS) }
    }

    /// Sets deadlines, limits, redirects and headers of the connection.
    #[must_use]
    pub fn options(mut self, options: SubscribeOptions) -> Self {
        self.options = options;
        self
    }
}

impl Transport for WebSocket {
    fn connect(&self, cursor: Option<i64>) -> Connecting<'_> {
        async move {
            let separator = if self.url.contains('?') { '&' } else { '?' };
            let url = cursor.map_or_else(
                || self.url.clone(),
                |cursor| format!("{}{separator}cursor={cursor}", self.url),
            );
            let frames = subscribe::connect(&url, &self.options).await.map_err(failed)?;
            Ok(Box::new(Frames(frames)) as Box<dyn FrameSource>)
        }
        .boxed()
    }

    fn wire(&self) -> Wire {
        self.wire
    }
}

pub(super) struct Frames(pub(super) FrameStream);

impl FrameSource for Frames {
    fn next_frame(&mut self) -> NextFrame<'_> {
        async move { Some(self.0.next().await?.map_err(failed)) }.boxed()
    }
}

pub(super) fn failed(error: SubscribeError) -> TransportError {
    let label = match &error {
        SubscribeError::ClearText => "clear_text",
        SubscribeError::Connect(_) => "connect",
        SubscribeError::ConnectTimeout(_) => "connect_timeout",
        SubscribeError::Redirect => "redirect",
        SubscribeError::Refused(_) => "refused",
        SubscribeError::Silent(_) => "silent",
        SubscribeError::TooLarge { .. } => "frame_too_large",
        SubscribeError::Url => "url",
        _ => "websocket",
    };
    let permanent = match &error {
        SubscribeError::ClearText | SubscribeError::Url => true,
        SubscribeError::Refused(answer) => answer.status == http::StatusCode::NOT_IMPLEMENTED,
        _ => false,
    };
    TransportError { label, permanent, source: error.into() }
}

/// Redirects that are followed by default. Ours: enough for a host that has moved.
pub(super) const MAX_REDIRECTS: usize = 3;
