//! One connection to a host, from the first frame to the last.
//!
//! The socket is read only while the lanes have room and the quota allows it; otherwise the
//! host waits, and nobody else. What is not settled when the connection ends is asked for
//! again on the next one.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use atproto_repo::event::{Event, EventError};
use atproto_xrpc::client::subscribe::SubscribeError;
use bytes::Bytes;
use futures::{FutureExt, Stream, StreamExt};
use metrics::counter;
use tokio::time::{Instant, sleep_until};
use tracing::Instrument;

use super::lanes::Lanes;
use super::quota::Quota;
use super::window::Window;
use super::{Host, Hosts};
use crate::ingest::{Ingest, Outcome, Sender};
use crate::metrics::{BACKPRESSURE, GAPS, RECEIVED, RECEIVED_BYTES};
use crate::sequencer::Ended;
use crate::store::HostStatus;

/// How far a host's numbers may jump. Ours: a year, for hosts that count microseconds. One
/// that jumps to the end of all numbers would otherwise never be heard of again.
const MAX_JUMP: i64 = 1 << 45;

/// A pause by the quota that is worth telling others of.
const THROTTLED: Duration = Duration::from_secs(2);

/// How long what is under way may take after the connection has ended. What waits for an
/// identity waits on the next connection.
const FINISH: Duration = Duration::from_secs(2);

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum End {
    /// There was none.
    #[error("cannot connect: {0}")]
    Connect(#[source] SubscribeError),
    /// The host has closed it.
    #[error("the host has closed the connection")]
    Closed,
    /// What came is not a frame.
    #[error("not an event stream: {0}")]
    Frame(#[source] EventError),
    /// The host knows nothing of our cursor: its stream has begun anew.
    #[error("the host says that our cursor is in the future")]
    FutureCursor,
    /// The network, or the host's WebSocket.
    #[error("{0}")]
    Network(#[source] SubscribeError),
    /// A bug of ours.
    #[error("handling an event has failed")]
    Panic,
    /// Numbers that do not rise, or rise too far.
    #[error("event {found} after event {newest}")]
    Seq { newest: i64, found: i64 },
    /// The relay is ending, or the host was removed.
    #[error("stopped")]
    Stopped,
    /// The host has ended the stream with an error.
    #[error("the host says {0}")]
    Upstream(String),
}

/// One connection.
pub(super) struct Session<'h> {
    hosts: &'h Hosts,
    host: &'h Host,
    ingest: Arc<Ingest>,
    lanes: Lanes<Event>,
    window: Window,
    quota: Quota,
    received: bool,
}

impl<'h> Session<'h> {
    pub(super) fn new(hosts: &'h Hosts, host: &'h Host, ingest: Arc<Ingest>) -> Self {
        let limits = &hosts.limits;
        Self {
            hosts,
            host,
            ingest,
            lanes: Lanes::new(limits.host_concurrency, limits.host_buffer),
            window: Window::new(host.cursor()),
            quota: Quota::new(host.sender.trusted, limits.account_limit),
            received: false,
        }
    }

    /// Whether anything has come.
    pub(super) fn has_received(&self) -> bool {
        self.received
    }

    /// Reads and settles until the connection ends.
    pub(super) async fn run(
        &mut self,
        mut frames: impl Stream<Item = Result<Bytes, SubscribeError>> + Unpin,
    ) -> End {
        let end = loop {
            let wait = self.quota.wait();
            self.show(wait).await;
            let read = self.lanes.has_room() && wait.is_none();
            let waiting = (!read).then(Instant::now);
            let step = tokio::select! {
                Some(finished) = self.lanes.finished() => match finished {
                    Ok(finished) => {
                        self.settle(finished.seq);
                        Ok(())
                    }
                    Err(_) => Err(End::Panic),
                },
                frame = frames.next(), if read => self.take(frame),
                () = sleep_until(wait.unwrap_or_else(Instant::now)), if wait.is_some() => Ok(()),
            };
            if let Some(since) = waiting {
                counter!(BACKPRESSURE).increment(since.elapsed().as_secs());
            }
            if let Err(end) = step {
                break end;
            }
            self.start();
        };
        self.finish().await;
        end
    }

    /// Shows whether the host is slowed down.
    async fn show(&self, wait: Option<Instant>) {
        let long = wait.is_some_and(|until| until > Instant::now() + THROTTLED);
        let status = if long { HostStatus::Throttled } else { HostStatus::Active };
        if long || wait.is_none() {
            self.hosts.set_status(self.host, status, None).await;
        }
    }

    /// What is under way without waiting for anything comes to its end.
    async fn finish(&mut self) {
        let deadline = Instant::now() + FINISH;
        loop {
            self.start();
            tokio::select! {
                finished = self.lanes.finished() => match finished {
                    Some(Ok(finished)) => self.settle(finished.seq),
                    Some(Err(_)) | None => return,
                },
                () = sleep_until(deadline) => return,
                () = self.host.stop.cancelled() => return,
            }
        }
    }

    fn take(&mut self, frame: Option<Result<Bytes, SubscribeError>>) -> Result<(), End> {
        let frame = frame.ok_or(End::Closed)?.map_err(|error| self.lost(error))?;
        let bytes = frame.len();
        self.received = true;
        self.quota.spend();
        counter!(RECEIVED_BYTES).increment(bytes as u64);
        match Event::decode(frame) {
            Ok(Event::Info(info)) => {
                received("info");
                if info.name == "OutdatedCursor" {
                    counter!(GAPS).increment(1);
                    tracing::warn!(host = %self.host.sender.host, "events of a host are lost to us");
                }
                Ok(())
            }
            Ok(event) => {
                received(event.kind().trim_start_matches('#'));
                self.queue(event, bytes)
            }
            Err(EventError::Invalid { kind, seq: Some(seq), did, fault }) => {
                received(kind.trim_start_matches('#'));
                self.begin(seq)?;
                let error = EventError::Invalid { kind, seq: Some(seq), did, fault };
                self.ingest.refuse_malformed(&self.host.sender, &error);
                self.settle(seq);
                Ok(())
            }
            Err(EventError::Unknown { seq, .. }) => {
                received("unknown");
                if let Some(seq) = seq {
                    self.begin(seq)?;
                    self.settle(seq);
                }
                Ok(())
            }
            Err(EventError::Upstream { name, .. }) if name == "FutureCursor" => {
                Err(End::FutureCursor)
            }
            Err(EventError::Upstream { name, .. }) => Err(End::Upstream(name)),
            Err(error) => Err(End::Frame(error)),
        }
    }

    /// A frame that is too large is refused like any other; its place in the stream is not
    /// known, so that the host has to leave it out before we get past it.
    fn lost(&self, error: SubscribeError) -> End {
        if matches!(error, SubscribeError::TooLarge { .. }) {
            self.ingest.counts().count_refusal("size");
        }
        End::Network(error)
    }

    fn queue(&mut self, event: Event, bytes: usize) -> Result<(), End> {
        let (Some(did), Some(seq)) = (event.did().cloned(), event.seq()) else { return Ok(()) };
        self.begin(seq)?;
        self.lanes.push(did, event, bytes);
        Ok(())
    }

    fn begin(&mut self, seq: i64) -> Result<(), End> {
        let newest = self.window.newest();
        let too_far = newest > 0 && seq - newest > MAX_JUMP;
        if seq <= newest || too_far {
            return Err(End::Seq { newest, found: seq });
        }
        self.window.begin(seq);
        Ok(())
    }

    fn settle(&mut self, seq: i64) {
        self.window.settle(seq);
        self.host.cursor.store(self.window.cursor(), Ordering::Release);
    }

    fn start(&mut self) {
        let (ingest, sender) = (&self.ingest, &self.host.sender);
        self.lanes.start(
            |event| event.seq().unwrap_or_default(),
            |event| handle(Arc::clone(ingest), sender.clone(), event),
        );
    }
}

async fn handle(ingest: Arc<Ingest>, sender: Sender, event: Event) {
    let did = event.did().map(ToString::to_string).unwrap_or_default();
    let rev = match &event {
        Event::Commit(event) => Some(event.rev.to_string()),
        Event::Sync(event) => Some(event.rev.to_string()),
        _ => None,
    };
    let kind = event.kind();
    let span = tracing::info_span!(
        "process com.atproto.sync.subscribeRepos",
        host = %sender.host,
        did,
        rev,
        kind,
    );
    if let Some(rev) = &rev {
        service_kit::join_trace(&span, &["atproto-commit", &did, rev]);
    }
    let work = async {
        match AssertUnwindSafe(ingest.handle(&sender, event)).catch_unwind().await {
            Ok(Ok(Outcome::Forwarded(seq))) => {
                tracing::debug!(target: "relay", seq, "forwarded");
            }
            Ok(Ok(_)) => {}
            // The event is not settled and must not count as such.
            Ok(Err(Ended)) => std::future::pending().await,
            Err(_) => ingest.counts().count_refusal("panic"),
        }
    };
    work.instrument(span).await;
}

fn received(kind: &'static str) {
    counter!(RECEIVED, "kind" => kind).increment(1);
}

impl End {
    /// A word for metrics and logs.
    pub(super) fn reason(&self) -> &'static str {
        match self {
            Self::Connect(_) => "connect",
            Self::Closed | Self::Stopped => "closed",
            Self::Frame(_) => "frame",
            Self::FutureCursor => "future_cursor",
            Self::Network(_) => "network",
            Self::Panic => "panic",
            Self::Seq { .. } => "seq",
            Self::Upstream(_) => "upstream_error",
        }
    }
}
