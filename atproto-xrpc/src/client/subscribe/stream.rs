use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use atproto_core::object;
use bytes::Bytes;
use futures::{Sink, SinkExt, Stream, StreamExt};
use tokio::{
    net::TcpStream,
    time::{Instant, Sleep, sleep},
};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream,
    tungstenite::{self, Message},
};

use super::{MessageStream, SubscribeError, SubscribeOptions};
use crate::framing::{Framing, Payload};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Control messages between two binary ones. Ours: a ping a second for hours is odd, a
/// thousand without a word in between is a flood.
const MAX_CONTROL_MESSAGES: usize = 1_000;

/// The frames of a subscription, in order, each in its binary form.
///
/// Pings are sent, and the server's silence is measured, only while a message is waited for:
/// what happens between two polls is the reader's own time.
pub struct FrameStream {
    socket: Socket,
    framing: Arc<dyn Framing>,
    read_timeout: Duration,
    ping_interval: Duration,
    max_message: usize,
    silence: Pin<Box<Sleep>>,
    ping: Pin<Box<Sleep>>,
    /// Whether the clocks are to be started anew when waiting begins.
    restart: bool,
    flushing: bool,
    control_messages: usize,
    ended: bool,
}

impl FrameStream {
    pub(super) fn new(socket: Socket, options: &SubscribeOptions) -> Self {
        Self {
            socket,
            framing: Arc::clone(&options.framing),
            read_timeout: options.read_timeout,
            ping_interval: options.ping_interval,
            max_message: options.max_message,
            silence: Box::pin(sleep(options.read_timeout)),
            ping: Box::pin(sleep(options.ping_interval)),
            restart: true,
            flushing: false,
            control_messages: 0,
            ended: false,
        }
    }

    /// The frames as the messages that their lexicon has.
    pub fn into_messages<M: object::Message>(self) -> MessageStream<M> {
        MessageStream::new(self)
    }

    /// Says something to the server, which streams of XRPC do not provide for. After an error,
    /// or when the future was dropped, the stream is of no use.
    ///
    /// # Errors
    /// [`SubscribeError::WebSocket`].
    pub async fn send(&mut self, message: Payload) -> Result<(), SubscribeError> {
        let sent = self.socket.send(message.into_message()).await;
        sent.map_err(|error| SubscribeError::of(error, self.max_message))
    }

    /// Ends the subscription with the closing handshake, as far as the server takes part.
    pub async fn close(mut self) {
        let goodbye = async {
            self.socket.close(None).await?;
            while self.socket.next().await.transpose()?.is_some() {}
            Ok::<_, tungstenite::Error>(())
        };
        let _server_may_be_gone = tokio::time::timeout(Duration::from_secs(5), goodbye).await;
    }

    fn poll_message(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Bytes>, SubscribeError>> {
        loop {
            let message = match self.socket.poll_next_unpin(cx) {
                Poll::Ready(message) => message,
                Poll::Pending => return self.poll_clock(cx),
            };
            self.restart = true;
            let limit = self.max_message;
            let message = message.transpose().map_err(|error| SubscribeError::of(error, limit))?;
            match message.map(Payload::of) {
                Some(Ok(payload)) => {
                    self.control_messages = 0;
                    if let Some(frame) = self.framing.decode(payload)? {
                        return Poll::Ready(Ok(Some(frame)));
                    }
                }
                Some(Err(Message::Close(_))) | None => return Poll::Ready(Ok(None)),
                Some(Err(_)) => {
                    self.control_messages += 1;
                    if self.control_messages > MAX_CONTROL_MESSAGES {
                        return Poll::Ready(Err(SubscribeError::Flood));
                    }
                }
            }
        }
    }

    /// What is to be done while there is nothing to read. The clocks count from here:
    /// neither the reader's pauses nor the time before something was heard matter.
    fn poll_clock<T>(&mut self, cx: &mut Context<'_>) -> Poll<Result<T, SubscribeError>> {
        if self.restart {
            self.restart = false;
            let now = Instant::now();
            self.silence.as_mut().reset(now + self.read_timeout);
            self.ping.as_mut().reset(now + self.ping_interval);
        }
        if self.silence.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(SubscribeError::Silent(self.read_timeout)));
        }
        while self.ping.as_mut().poll(cx).is_ready() {
            self.ping.as_mut().reset(Instant::now() + self.ping_interval);
            self.start_ping(cx)?;
        }
        if self.flushing {
            let flushed = ready!(Pin::new(&mut self.socket).poll_flush(cx));
            self.flushing = false;
            flushed.map_err(|error| SubscribeError::of(error, self.max_message))?;
        }
        Poll::Pending
    }

    /// A ping that does not fit into the socket's buffer is left out: whatever waits there
    /// serves as well to find out whether the server is alive.
    fn start_ping(&mut self, cx: &mut Context<'_>) -> Result<(), SubscribeError> {
        let mut socket = Pin::new(&mut self.socket);
        let sent = match socket.as_mut().poll_ready(cx) {
            Poll::Ready(Ok(())) => socket.start_send(Message::Ping(Bytes::new())),
            Poll::Ready(Err(error)) => Err(error),
            Poll::Pending => return Ok(()),
        };
        self.flushing = true;
        sent.map_err(|error| SubscribeError::of(error, self.max_message))
    }
}

impl Stream for FrameStream {
    type Item = Result<Bytes, SubscribeError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let message = ready!(self.poll_message(cx)).transpose();
        self.restart = true;
        self.ended = !matches!(message, Some(Ok(_)));
        Poll::Ready(message)
    }
}

impl fmt::Debug for FrameStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FrameStream").field("ended", &self.ended).finish_non_exhaustive()
    }
}
