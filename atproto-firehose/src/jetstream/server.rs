//! Serving events as Jetstream does.
//!
//! [`JetstreamServer::publish`] takes what a consumer delivers; once it returns, the events are
//! durable and may be acknowledged. [`JetstreamServer::router`] serves them at `/subscribe` to
//! whoever asks, from now on or from a time in the past:
//!
//! ```text
//! Consumer ─▶ publish ─▶ segment log (fsync) ─▶ ring ─▶ /subscribe?wantedCollections=…
//! ```
//! | parameter | meaning |
//! |---|---|
//! | `wantedCollections` | events of records in these collections alone (`app.bsky.feed.post`, `app.bsky.graph.*`); at most [`MAX_COLLECTIONS`](super::MAX_COLLECTIONS) |
//! | `wantedDids` | events of these accounts alone; at most [`MAX_DIDS`](super::MAX_DIDS) |
//! | `maxMessageSizeBytes` | no events whose JSON is longer; 0: all |
//! | `cursor` | begin with the first event of this time or later, in Unix microseconds; a time in the future is now, one before the oldest event is that |
//! | `compress` | `true`: each event is a zstd frame in a binary message, made with the dictionary; also by the header `Socket-Encoding: zstd` |
//! | `requireHello` | `true`: nothing is sent before the client's first `options_update` |
//!
//! Of identities and accounts everybody is told whatever the collections. A client changes what
//! it wants by a text message, which replaces all three options:
//!
//! ```json
//! {"type":"options_update","payload":{
//!     "wantedCollections":["app.bsky.feed.post"],"wantedDids":[],"maxMessageSizeBytes":0}}
//! ```
//! No two events have the same time, and none is earlier than the one before it, also over
//! restarts and when the clock goes back: the time is a cursor that is exact. An event that is
//! published twice, because a consumer delivers it again after a crash, is sent twice.
//!
//! There is no queue for a reader: each is a place in the log. One that falls too far behind
//! ([`max_lag_bytes`](crate::producer::ProducerOptions::max_lag_bytes)), or does not take a message in time
//! ([`send_timeout`](atproto_xrpc::server::SubscriptionLimits::send_timeout)), is disconnected.
//!
//! The form is that of the first version of Jetstream
//! ([documentation](https://github.com/bluesky-social/jetstream-legacy)).

#[cfg(feature = "zstd")]
mod compressed;
mod options;
mod seek;
mod stats;
mod stored;
mod subscription;
mod wanted;

use std::{
    path::Path,
    sync::{Arc, atomic::Ordering},
};

use atproto_xrpc::{XrpcError, server::socket::Handshake};
use axum::{
    extract::{Request, State},
    response::{IntoResponse, Response},
    routing::get,
};
use tokio::sync::Semaphore;

pub use self::options::JetstreamOptions;
pub use self::stats::JetstreamStats;
pub use self::wanted::{OptionsError, Wanted};
use self::{
    stats::Counters,
    stored::{Stamp, Stored},
    subscription::{Subscribe, Subscription},
};
use super::{JetstreamError, JetstreamEvent};
use crate::{
    event::Event,
    log::{LogConfig, LogError, RecoveryReport},
    producer::{AppendError, Producer},
};

/// Publishes events, and serves them. See the [module](self). Cheap to clone.
#[derive(Clone, Debug)]
pub struct JetstreamServer {
    shared: Arc<Shared>,
}

/// What became of an event that was published.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Published {
    /// How many events of Jetstream it is.
    pub events: usize,
    /// Why others that it should have been are none: records that are missing or not of the
    /// data model, and events of more than [`MAX_EVENT_BYTES`].
    pub dropped: Vec<JetstreamError>,
}

#[derive(Debug)]
struct Shared {
    producer: Producer,
    stamp: Stamp,
    options: JetstreamOptions,
    seats: Arc<Semaphore>,
    counters: Counters,
    #[cfg(feature = "zstd")]
    compressed: compressed::Compressed,
}

impl JetstreamServer {
    /// Opens the log in a folder, and begins behind what it holds. How far back a cursor can
    /// go is its retention; the first public servers keep a day.
    ///
    /// # Errors
    /// As [`SegmentLog::open`](crate::log::SegmentLog::open).
    pub fn open(
        dir: impl AsRef<Path>,
        log: LogConfig,
        options: JetstreamOptions,
    ) -> Result<(Self, RecoveryReport), LogError> {
        let (producer, report) = Producer::open(dir, log, options.producer.clone())?;
        let newest = stored::newest_time(producer.log())?;
        let stamp = Stamp::new(newest, options.producer.clock.clone());
        let connections = options.limits.connections.min(Semaphore::MAX_PERMITS);
        let shared = Shared {
            producer,
            stamp,
            options,
            seats: Arc::new(Semaphore::new(connections)),
            counters: Counters::default(),
            #[cfg(feature = "zstd")]
            compressed: compressed::Compressed::default(),
        };
        Ok((Self { shared: Arc::new(shared) }, report))
    }

    /// Publishes an event, and returns once it is durable. Those without a form here (`#sync`,
    /// gaps) are no events. The changes of a commit stay together.
    ///
    /// # Errors
    /// [`AppendError`]: nothing was published.
    pub async fn publish(&self, event: &Event) -> Result<Published, AppendError> {
        let Shared { producer, stamp, counters, .. } = &*self.shared;
        let (mut entries, mut dropped) = (Vec::new(), Vec::new());
        for event in JetstreamEvent::of(event, 0) {
            match event.and_then(|event| Stored::entry(&event, stamp)) {
                Ok(entry) => entries.push(entry),
                Err(error) => dropped.push(error),
            }
        }
        let events = entries.len();
        if events > 0 {
            producer.append(entries).await?;
        }
        counters.published.fetch_add(events as u64, Ordering::Relaxed);
        counters.dropped.fetch_add(dropped.len() as u64, Ordering::Relaxed);
        Ok(Published { events, dropped })
    }

    /// The route `/subscribe`, to be merged with others and
    /// [served](atproto_xrpc::server::serve).
    pub fn router(&self) -> axum::Router {
        axum::Router::new().route("/subscribe", get(subscribe)).with_state(self.clone())
    }

    /// Where things stand.
    pub fn stats(&self) -> JetstreamStats {
        let Shared { producer, counters, .. } = &*self.shared;
        counters.snapshot(producer.stats())
    }

    /// Finishes what is being published and releases the log; readers get their end.
    pub async fn close(&self) {
        self.shared.producer.close().await;
    }
}

async fn subscribe(State(server): State<JetstreamServer>, request: Request) -> Response {
    server.shared.subscribe(request).await.unwrap_or_else(IntoResponse::into_response)
}

impl Shared {
    async fn subscribe(self: Arc<Self>, request: Request) -> Result<Response, XrpcError> {
        let (mut parts, _) = request.into_parts();
        let handshake = Handshake::of(&mut parts)?;
        let asked = Subscribe::of(&parts, &self.options)?;
        let seat = Arc::clone(&self.seats).try_acquire_owned();
        let seat = seat.map_err(|_| XrpcError::unavailable("Too many subscriptions"))?;
        let (limits, shutdown) = (self.options.limits.clone(), self.options.shutdown.clone());
        let subscription = Subscription::open(self, asked, seat).await?;
        Ok(handshake.accept(subscription, limits, shutdown))
    }
}

/// The longest event in bytes of JSON: the protocol's limit of a frame, and of a message that
/// clients take.
pub const MAX_EVENT_BYTES: usize = atproto_xrpc::MAX_FRAME_BYTES;
