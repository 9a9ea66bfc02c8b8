use std::time::Duration;

use bytes::Bytes;
use futures::{FutureExt, SinkExt, StreamExt};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::time::{Instant, MissedTickBehavior, error::Elapsed, interval_at, timeout};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        self, Message,
        protocol::{CloseFrame, Role, frame::coding::CloseCode},
    },
};
use tokio_util::sync::CancellationToken;

use super::{Form, Frames, StreamError, SubscriptionLimits};
use crate::{framing::FramingError, websocket};

/// What a client may send in one message; it has nothing to say.
const MAX_CLIENT_MESSAGE: usize = 64 * 1024;

/// How many frames are written between two looks at what the client sends.
const BURST: usize = 64;

/// How long a client may take to answer the closing handshake.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

type Item = Result<Bytes, StreamError>;
type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// Why a subscription ended, for the log.
#[derive(Debug)]
enum End {
    Finished,
    ClientLeft,
    ClientSilent,
    ClientFloods,
    ClientTooSlow,
    /// Whoever makes the frames made something else.
    Frame(FramingError),
    Socket,
    Shutdown,
}

/// Sends frames until one side ends it.
///
/// One task owns the socket. It waits for the next frame, for the client and for the clock
/// at once; while it writes it does not read, which is at most the send timeout. The frames
/// come from a stream that is polled only when the last one is written, so a slow reader
/// is visible to whoever makes the stream.
pub(super) async fn run(
    socket: Upgraded,
    frames: Frames,
    form: &Form,
    limits: &SubscriptionLimits,
    shutdown: CancellationToken,
) {
    let config = websocket::config(MAX_CLIENT_MESSAGE);
    let socket = TokioIo::new(socket);
    let socket = WebSocketStream::from_raw_socket(socket, Role::Server, Some(config)).await;
    let mut pump = Pump { socket, frames, form, limits, heard: Instant::now(), messages: 0 };
    let end = tokio::select! {
        end = pump.run() => end,
        () = shutdown.cancelled() => End::Shutdown,
    };
    tracing::debug!(?end, "subscription ended");
    match end {
        End::Shutdown => pump.close(CloseCode::Away, "shutting down").await,
        End::ClientFloods => pump.close(CloseCode::Policy, "too many messages").await,
        End::Finished | End::ClientLeft => pump.close(CloseCode::Normal, "").await,
        End::Frame(error) => {
            tracing::error!(%error, "a frame cannot be sent");
            pump.close(CloseCode::Error, "").await;
        }
        End::ClientSilent | End::ClientTooSlow | End::Socket => {}
    }
}

struct Pump<'l> {
    socket: Socket,
    frames: Frames,
    form: &'l Form,
    limits: &'l SubscriptionLimits,
    heard: Instant,
    messages: usize,
}

impl Pump<'_> {
    async fn run(&mut self) -> End {
        let period = self.limits.ping_interval;
        let mut pings = interval_at(Instant::now() + period, period);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let step = tokio::select! {
                message = self.socket.next() => self.hear(message.as_ref()),
                frame = self.frames.next() => self.send_burst(frame).await,
                _ = pings.tick() => self.ping().await,
            };
            if let Err(end) = step {
                return end;
            }
        }
    }

    /// Notes that the client is alive. What it says is ignored.
    fn hear(&mut self, message: Option<&Result<Message, tungstenite::Error>>) -> Result<(), End> {
        match message {
            Some(Ok(Message::Close(_))) | None => return Err(End::ClientLeft),
            Some(Ok(_)) => {}
            Some(Err(_)) => return Err(End::Socket),
        }
        self.heard = Instant::now();
        self.messages += 1;
        if self.messages > self.limits.client_messages { Err(End::ClientFloods) } else { Ok(()) }
    }

    /// Writes a frame and those that are ready behind it, then flushes once.
    async fn send_burst(&mut self, first: Option<Item>) -> Result<(), End> {
        let Self { socket, frames, form, .. } = self;
        let write = async {
            let mut next = first;
            let mut room = BURST;
            loop {
                match next {
                    Some(Ok(frame)) => match form.frame(&frame) {
                        Ok(payload) => socket.feed(payload.into_message()).await?,
                        Err(error) => return Ok(Some(End::Frame(error))),
                    },
                    Some(Err(error)) => {
                        return match form.error(&error) {
                            Ok(payload) => {
                                socket.send(payload.into_message()).await?;
                                Ok(Some(End::Finished))
                            }
                            Err(error) => Ok(Some(End::Frame(error))),
                        };
                    }
                    None => return socket.flush().await.map(|()| Some(End::Finished)),
                }
                room -= 1;
                // The room is asked first: an item once taken must be written.
                let ready = (room > 0).then(|| frames.next().now_or_never()).flatten();
                match ready {
                    Some(item) => next = item,
                    None => return socket.flush().await.map(|()| None),
                }
            }
        };
        finished(timeout(self.limits.send_timeout, write).await)
    }

    async fn ping(&mut self) -> Result<(), End> {
        if self.heard.elapsed() > self.limits.idle_timeout {
            return Err(End::ClientSilent);
        }
        self.messages = 0;
        let ping = self.socket.send(Message::Ping(Bytes::new()));
        finished(timeout(self.limits.send_timeout, ping).await.map(|sent| sent.map(|()| None)))
    }

    /// Closes in order: what was written arrives only if what the client sent is read, since
    /// a socket that is closed with unread input is reset.
    async fn close(&mut self, code: CloseCode, reason: &'static str) {
        let frame = CloseFrame { code, reason: reason.into() };
        let goodbye = async {
            self.socket.close(Some(frame)).await?;
            while self.socket.next().await.transpose()?.is_some() {}
            Ok::<_, tungstenite::Error>(())
        };
        let _client_may_be_gone = timeout(CLOSE_TIMEOUT, goodbye).await;
    }
}

type Written = Result<Option<End>, tungstenite::Error>;

fn finished(written: Result<Written, Elapsed>) -> Result<(), End> {
    match written {
        Ok(Ok(None)) => Ok(()),
        Ok(Ok(Some(end))) => Err(end),
        Ok(Err(_)) => Err(End::Socket),
        Err(_) => Err(End::ClientTooSlow),
    }
}
