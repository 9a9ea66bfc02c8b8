//! Operations as they are accepted, over a WebSocket.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use futures::{SinkExt, StreamExt};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::server::create_response;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{self, Message};

use super::error::ApiError;
use super::export::sequenced;
use super::{Api, SHARES_OF_EXPORT};

pub(super) async fn stream(State(api): State<Api>, request: Request) -> Result<Response, ApiError> {
    let cursor = cursor(request.uri().query().unwrap_or_default())?;
    let (mut parts, _) = request.into_parts();
    let required = || ApiError::with_status(StatusCode::UPGRADE_REQUIRED, "upgrade required");
    let upgrade = parts.extensions.remove::<OnUpgrade>().ok_or_else(required)?;
    let answer = create_response(&Request::from_parts(parts, ())).map_err(|_| required())?;
    let seat = api.streams.clone().try_acquire_owned().map_err(|_| {
        ApiError::with_status(StatusCode::SERVICE_UNAVAILABLE, "Too many streams are open")
    })?;

    // Listening begins before the client is answered: what is accepted from its first moment
    // on will be sent.
    let accepted = api.directory.accepted();
    let start = start(&api, cursor).await?;
    tokio::spawn(async move {
        match upgrade.await {
            Ok(socket) => serve(api, socket, accepted, start).await,
            Err(error) => tracing::debug!(%error, "the client left before the upgrade"),
        }
        drop(seat);
    });
    Ok(answer.map(|()| Body::empty()))
}

/// Where a stream begins: after this sequence number, or not at all, for this reason.
type Start = Result<u64, &'static str>;

async fn start(api: &Api, cursor: Option<u64>) -> Result<Start, ApiError> {
    let oldest = api.directory.now().saturating_sub(CATCH_UP_MILLIS);
    api.read(move |store| {
        let newest = store.last_seq()?;
        let Some(cursor) = cursor else { return Ok(Ok(newest)) };
        if cursor > newest {
            return Ok(Err("FutureCursor"));
        }
        let next = store.after_seq(cursor, 1)?;
        let outdated = next.first().is_some_and(|next| next.created_at < oldest);
        Ok(if outdated { Err("OutdatedCursor") } else { Ok(cursor) })
    })
    .await
}

async fn serve(api: Api, socket: Upgraded, accepted: watch::Receiver<()>, start: Start) {
    let config = WebSocketConfig::default()
        .read_buffer_size(BUFFER_BYTES)
        .write_buffer_size(BUFFER_BYTES)
        .max_message_size(Some(BUFFER_BYTES))
        .max_frame_size(Some(BUFFER_BYTES));
    let socket = TokioIo::new(socket);
    let socket = WebSocketStream::from_raw_socket(socket, Role::Server, Some(config)).await;
    let mut feed = Feed { api, socket, accepted, heard: Instant::now() };
    let end = match start {
        Ok(after) => feed.run(after).await,
        Err(reason) => End::Told(reason),
    };
    tracing::debug!(?end, "export stream ended");
    if let End::Told(reason) = end {
        feed.close(reason).await;
    }
}

/// Why a stream ended.
#[derive(Debug)]
enum End {
    ClientLeft,
    ClientSilent,
    Socket,
    Store,
    /// The client is told, by a reason of the specification.
    Told(&'static str),
}

/// One client's stream. Operations are read from the store when the client has taken those
/// before: however slow it is, a page is all that is held for it.
struct Feed {
    api: Api,
    socket: WebSocketStream<TokioIo<Upgraded>>,
    accepted: watch::Receiver<()>,
    heard: Instant,
}

impl Feed {
    async fn run(&mut self, mut after: u64) -> End {
        let mut pings = interval_at(Instant::now() + PING_INTERVAL, PING_INTERVAL);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            // Seen before the store is read, so that nothing falls between the two.
            self.accepted.borrow_and_update();
            match self.send_page(after).await {
                Ok(last) if last > after => {
                    after = last;
                    continue;
                }
                Ok(_) => {}
                Err(end) => return end,
            }
            let step = tokio::select! {
                changed = self.accepted.changed() => changed.map_err(|_| End::Store),
                message = self.socket.next() => self.hear(message.as_ref()),
                _ = pings.tick() => self.ping().await,
            };
            if let Err(end) = step {
                return end;
            }
        }
    }

    /// Sends the next operations; the sequence number of the last one.
    async fn send_page(&mut self, after: u64) -> Result<u64, End> {
        let page = self
            .api
            .blocking(SHARES_OF_EXPORT, move |directory| directory.store().after_seq(after, PAGE))
            .await
            .map_err(|_| End::Store)?;
        let Some(last) = page.last().map(|last| last.seq) else { return Ok(after) };
        let write = async {
            for stored in page {
                let json = serde_json::to_string(&sequenced(stored))
                    .map_err(|error| tungstenite::Error::Io(error.into()))?;
                self.socket.feed(Message::text(json)).await?;
            }
            self.socket.flush().await
        };
        match timeout(SEND_TIMEOUT, write).await {
            Ok(Ok(())) => Ok(last),
            Ok(Err(_)) => Err(End::Socket),
            Err(_) => Err(End::Told("ConsumerTooSlow")),
        }
    }

    /// Notes that the client is alive. What it says is ignored.
    fn hear(&mut self, message: Option<&Result<Message, tungstenite::Error>>) -> Result<(), End> {
        match message {
            Some(Ok(Message::Close(_))) | None => return Err(End::ClientLeft),
            Some(Ok(_)) => self.heard = Instant::now(),
            Some(Err(_)) => return Err(End::Socket),
        }
        Ok(())
    }

    async fn ping(&mut self) -> Result<(), End> {
        if self.heard.elapsed() > IDLE_TIMEOUT {
            return Err(End::ClientSilent);
        }
        match timeout(SEND_TIMEOUT, self.socket.send(Message::Ping(Default::default()))).await {
            Ok(sent) => sent.map_err(|_| End::Socket),
            Err(_) => Err(End::Told("ConsumerTooSlow")),
        }
    }

    /// Closes in order: a socket that is closed with unread input is reset, and the reason
    /// would not arrive.
    async fn close(&mut self, reason: &'static str) {
        let frame = CloseFrame { code: CloseCode::Normal, reason: reason.into() };
        let goodbye = async {
            self.socket.close(Some(frame)).await?;
            while self.socket.next().await.transpose()?.is_some() {}
            Ok::<_, tungstenite::Error>(())
        };
        let _client_may_be_gone = timeout(CLOSE_TIMEOUT, goodbye).await;
    }
}

fn cursor(query: &str) -> Result<Option<u64>, ApiError> {
    let invalid = |_| ApiError::bad_request("Invalid cursor parameter");
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let value = pairs.rev().find(|(name, _)| *name == "cursor").map(|(_, value)| value);
    value.map(|value| value.parse().map_err(invalid)).transpose()
}

/// How far back a stream goes: a week, as the specification suggests.
const CATCH_UP_MILLIS: i64 = 7 * 24 * 60 * 60 * 1000;

/// Operations read at once. As the reference server.
const PAGE: usize = 500;

/// How long a page may take to be written. Ours: who needs longer for it is told so, and
/// comes back with a cursor.
const SEND_TIMEOUT: Duration = Duration::from_secs(30);
const PING_INTERVAL: Duration = Duration::from_secs(30);
/// Three pings without an answer. Ours.
const IDLE_TIMEOUT: Duration = Duration::from_secs(90);
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// Buffers of a socket, and the longest message from a client, which has nothing to say.
const BUFFER_BYTES: usize = 8 << 10;
