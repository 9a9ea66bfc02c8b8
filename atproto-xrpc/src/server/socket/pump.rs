use std::time::Duration;

use bytes::{Buf, Bytes};
use futures::{FutureExt, SinkExt, StreamExt};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::{
    io::AsyncWriteExt,
    time::{Instant, MissedTickBehavior, error::Elapsed, interval_at, timeout},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        self, Message,
        protocol::{CloseFrame, Role, frame::coding::CloseCode},
    },
};
use tokio_util::sync::CancellationToken;

use super::{Conversation, Goodbye, SubscriptionLimits, burst::Burst};
use crate::{framing::Payload, websocket};

/// What is read of it at a time: room for its pings.
const CLIENT_BUFFER: usize = 512;

/// How many frames are written between two looks at what the client sends: as many as one
/// call of the system takes, head and body apart.
const BURST: usize = 32;

/// How many bytes are enough for one burst, whatever the number of its frames.
const BURST_BYTES: usize = 64 << 10;

/// How long a client may take to answer the closing handshake.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

type Item = Result<Payload, Goodbye>;
type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// Why a conversation ended, for the log.
#[derive(Debug)]
enum End {
    Finished,
    ClientLeft,
    ClientSilent,
    ClientFloods,
    ClientTooSlow,
    /// The server's side ends it.
    Goodbye(Goodbye),
    Socket,
    Shutdown,
}

/// Talks until one side ends it.
///
/// One task owns the socket. It waits for the next message, for the client and for the clock
/// at once; while it writes it does not read, which is at most the send timeout.
pub(super) async fn run(
    socket: Upgraded,
    conversation: impl Conversation,
    limits: &SubscriptionLimits,
    shutdown: CancellationToken,
) {
    let config = websocket::config(limits.client_message_bytes, CLIENT_BUFFER);
    let socket = TokioIo::new(socket);
    let socket = WebSocketStream::from_raw_socket(socket, Role::Server, Some(config)).await;
    let heard = Instant::now();
    let mut pump = Pump { socket, conversation, limits, shutdown, heard, messages: 0 };
    let end = pump.run().await;
    tracing::debug!(?end, "a socket is closed");
    match end {
        End::Shutdown => pump.close(CloseCode::Away, "shutting down").await,
        End::ClientFloods => pump.close(CloseCode::Policy, "too many messages").await,
        End::Finished | End::ClientLeft => pump.close(CloseCode::Normal, "").await,
        End::Goodbye(why) => pump.close(why.code.into(), &why.reason).await,
        End::ClientSilent | End::ClientTooSlow | End::Socket => {}
    }
}

struct Pump<'l, C> {
    socket: Socket,
    conversation: C,
    limits: &'l SubscriptionLimits,
    shutdown: CancellationToken,
    heard: Instant,
    messages: usize,
}

impl<C: Conversation> Pump<'_, C> {
    async fn run(&mut self) -> End {
        let period = self.limits.ping_interval;
        let mut pings = interval_at(Instant::now() + period, period);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let step = tokio::select! {
                message = self.socket.next() => self.hear(message),
                message = self.conversation.next() => self.send_burst(message).await,
                _ = pings.tick() => self.ping().await,
                () = self.shutdown.cancelled() => Err(End::Shutdown),
            };
            if let Err(end) = step {
                return end;
            }
        }
    }

    /// Notes that the client is alive, and what it says.
    fn hear(&mut self, message: Option<Result<Message, tungstenite::Error>>) -> Result<(), End> {
        let message = match message {
            Some(Ok(Message::Close(_))) | None => return Err(End::ClientLeft),
            Some(Ok(message)) => message,
            Some(Err(_)) => return Err(End::Socket),
        };
        self.heard = Instant::now();
        self.messages += 1;
        if self.messages > self.limits.client_messages {
            return Err(End::ClientFloods);
        }
        match Payload::of(message) {
            Ok(said) => self.conversation.hear(said).map_err(End::Goodbye),
            Err(_control) => Ok(()),
        }
    }

    /// Writes a message and those that are ready behind it.
    async fn send_burst(&mut self, first: Option<Item>) -> Result<(), End> {
        let (mut burst, end) = self.gather(first);
        let Self { socket, limits, shutdown, .. } = self;
        let write = async {
            // What the library has to send, such as the answer to a ping, is never in the
            // middle of a frame of ours.
            socket.flush().await?;
            let stream = socket.get_mut();
            stream.write_all_buf(&mut burst).await?;
            Ok(stream.flush().await?)
        };
        let mut write = std::pin::pin!(write);
        let written = tokio::select! {
            written = timeout(limits.send_timeout, &mut write) => written,
            // A frame is finished before the goodbye, if that does not take long.
            () = shutdown.cancelled() => timeout(CLOSE_TIMEOUT, write).await,
        };
        finished(&written)?;
        end.map_or(Ok(()), Err)
    }

    /// The messages that are ready, and whether the conversation is over behind them.
    fn gather(&mut self, first: Option<Item>) -> (Burst, Option<End>) {
        let (mut burst, mut room, mut next) = (Burst::default(), BURST, first);
        loop {
            match next {
                Some(Ok(message)) => burst.push(message),
                Some(Err(goodbye)) => return (burst, Some(End::Goodbye(goodbye))),
                None => return (burst, Some(End::Finished)),
            }
            room -= 1;
            if room == 0 || burst.remaining() >= BURST_BYTES {
                return (burst, None);
            }
            match self.conversation.next().now_or_never() {
                Some(item) => next = item,
                None => return (burst, None),
            }
        }
    }

    async fn ping(&mut self) -> Result<(), End> {
        if self.heard.elapsed() > self.limits.idle_timeout {
            return Err(End::ClientSilent);
        }
        self.messages = 0;
        let ping = self.socket.send(Message::Ping(Bytes::new()));
        finished(&timeout(self.limits.send_timeout, ping).await)
    }

    /// Closes in order: what was written arrives only if what the client sent is read, since
    /// a socket that is closed with unread input is reset.
    async fn close(&mut self, code: CloseCode, reason: &str) {
        let frame = CloseFrame { code, reason: reason.into() };
        let goodbye = async {
            self.socket.close(Some(frame)).await?;
            while self.socket.next().await.transpose()?.is_some() {}
            Ok::<_, tungstenite::Error>(())
        };
        let _client_may_be_gone = timeout(CLOSE_TIMEOUT, goodbye).await;
    }
}

fn finished(written: &Result<tungstenite::Result<()>, Elapsed>) -> Result<(), End> {
    match written {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(End::Socket),
        Err(_) => Err(End::ClientTooSlow),
    }
}
