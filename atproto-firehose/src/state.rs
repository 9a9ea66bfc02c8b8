//! Where a consumer's [`Checkpoint`]s are kept.

mod memory;
#[cfg(feature = "postgres")]
pub mod postgres;
#[cfg(feature = "sqlite")]
pub mod sqlite;
mod tracking;

use std::error::Error;
use std::sync::Arc;

use atproto_core::syntax::Did;
use bytes::Bytes;
use futures::FutureExt;
use futures::future::{BoxFuture, ready};

pub use self::memory::MemoryState;
#[cfg(feature = "postgres")]
pub use self::postgres::PostgresState;
#[cfg(feature = "sqlite")]
pub use self::sqlite::SqliteState;
pub use self::tracking::{Counts, Listing, Postponed, TrackingStore, Want};
use crate::checkpoint::{Checkpoint, Head, ParkedRef};

/// A place for checkpoints. One `save` is made at a time, and `head` at any time, for as many
/// accounts at once as have events in flight.
///
/// A database may be away for hours: calls fail then, soon or late, and are made again. A call
/// that is dropped before it ends may or may not have had its effect.
pub trait Store: Send + Sync + 'static {
    /// What was saved last, without heads and rejects. The default value if nothing was.
    ///
    /// # Errors
    /// [`StoreError`].
    fn load(&self) -> Stored<'_, Checkpoint>;

    /// As [`Self::load`], and durably raises the stored epoch by one above the one returned, in
    /// one step: whoever had the state before is fenced off from here on.
    ///
    /// # Errors
    /// [`StoreError`].
    fn take_over(&self) -> Stored<'_, Checkpoint>;

    /// What was last saved of an account. An answer that is at hand costs the consumer no task.
    ///
    /// # Errors
    /// [`StoreError`].
    fn head<'a>(&'a self, did: &'a Did) -> Stored<'a, Option<Head>>;

    /// Takes over a checkpoint as a whole or not at all, and durably. One whose epoch is
    /// below that of the stored one is refused, by [`StoreError::fenced`].
    ///
    /// # Errors
    /// [`StoreError`].
    fn save(&self, checkpoint: Checkpoint) -> Stored<'_, ()>;

    /// Whether it keeps [parked](Checkpoint::parked) events. Those that do implement
    /// [`Self::parked`] and [`Self::parked_frame`] too. A consumer that is to park does not start
    /// on others.
    fn parks(&self) -> bool {
        false
    }

    /// All events that are parked, in the order of their ids, without their frames.
    ///
    /// # Errors
    /// [`StoreError`].
    fn parked(&self) -> Stored<'_, Vec<ParkedRef>> {
        ready(Ok(Vec::new())).boxed()
    }

    /// The frame of a parked event.
    ///
    /// # Errors
    /// [`StoreError`].
    fn parked_frame(&self, _id: u64) -> Stored<'_, Option<Bytes>> {
        ready(Ok(None)).boxed()
    }

    /// Whether it keeps the [filter](Checkpoint::filter), and gives it back with
    /// [`Self::load`]. The filter of a consumer on another store cannot be changed.
    fn keeps_filter(&self) -> bool {
        false
    }

    /// Whether it keeps which [upstream](Checkpoint::upstream) a position is of, and the
    /// positions of the others. A consumer of several does not start on another store.
    fn keeps_upstreams(&self) -> bool {
        false
    }

    /// What it keeps for a [`Tracker`](crate::tracker::Tracker), which does not start on a store
    /// that keeps nothing for it.
    fn tracking(&self) -> Option<&dyn TrackingStore> {
        None
    }

    /// Whether the consumer is to save by itself. Otherwise the caller stores checkpoints with
    /// its own effects, `save` is not called, and [`Self::note_saved`] hears of it.
    fn saves(&self) -> bool {
        true
    }

    /// The caller has stored a checkpoint: for stores that [do not save](Self::saves) and
    /// remember by themselves.
    fn note_saved(&self, _checkpoint: &Checkpoint) {}
}

/// What a [`Store`] is doing.
pub type Stored<'a, T> = BoxFuture<'a, Result<T, StoreError>>;

/// Reads from a store, and leaves saving to the caller, who does it in the transaction of each
/// [batch](crate::consumer::Consumer::next_batch) in the same database.
///
/// The state is taken over at the start all the same, so that the transactions of an older
/// process are refused.
#[derive(Clone, Debug)]
pub struct SavedByCaller<S>(pub S);

/// Why a store failed.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the consumer's state cannot be read or written: {0}")]
pub struct StoreError(#[source] Arc<dyn Error + Send + Sync>);

impl StoreError {
    /// Wraps what went wrong.
    pub fn new(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(Arc::from(cause.into()))
    }

    /// A checkpoint of epoch `ours` was refused, because `stored` is a later one.
    pub fn fenced(ours: u64, stored: u64) -> Self {
        Self::new(Fenced { ours, stored })
    }

    /// Whether another consumer has taken over the state. Trying again is of no use.
    pub fn is_fenced(&self) -> bool {
        self.0.is::<Fenced>()
    }
}

#[derive(Debug, thiserror::Error)]
#[error("another consumer has taken over: its epoch is {stored}, ours {ours}")]
struct Fenced {
    ours: u64,
    stored: u64,
}

impl<S: Store> Store for SavedByCaller<S> {
    fn load(&self) -> Stored<'_, Checkpoint> {
        self.0.load()
    }

    fn take_over(&self) -> Stored<'_, Checkpoint> {
        self.0.take_over()
    }

    fn head<'a>(&'a self, did: &'a Did) -> Stored<'a, Option<Head>> {
        self.0.head(did)
    }

    fn save(&self, checkpoint: Checkpoint) -> Stored<'_, ()> {
        self.0.save(checkpoint)
    }

    fn parks(&self) -> bool {
        self.0.parks()
    }

    fn keeps_filter(&self) -> bool {
        self.0.keeps_filter()
    }

    fn keeps_upstreams(&self) -> bool {
        self.0.keeps_upstreams()
    }

    fn tracking(&self) -> Option<&dyn TrackingStore> {
        self.0.tracking()
    }

    fn parked(&self) -> Stored<'_, Vec<ParkedRef>> {
        self.0.parked()
    }

    fn parked_frame(&self, id: u64) -> Stored<'_, Option<Bytes>> {
        self.0.parked_frame(id)
    }

    fn saves(&self) -> bool {
        false
    }
}

impl Store for Box<dyn Store> {
    fn load(&self) -> Stored<'_, Checkpoint> {
        (**self).load()
    }

    fn take_over(&self) -> Stored<'_, Checkpoint> {
        (**self).take_over()
    }

    fn head<'a>(&'a self, did: &'a Did) -> Stored<'a, Option<Head>> {
        (**self).head(did)
    }

    fn save(&self, checkpoint: Checkpoint) -> Stored<'_, ()> {
        (**self).save(checkpoint)
    }

    fn parks(&self) -> bool {
        (**self).parks()
    }

    fn keeps_filter(&self) -> bool {
        (**self).keeps_filter()
    }

    fn keeps_upstreams(&self) -> bool {
        (**self).keeps_upstreams()
    }

    fn tracking(&self) -> Option<&dyn TrackingStore> {
        (**self).tracking()
    }

    fn parked(&self) -> Stored<'_, Vec<ParkedRef>> {
        (**self).parked()
    }

    fn parked_frame(&self, id: u64) -> Stored<'_, Option<Bytes>> {
        (**self).parked_frame(id)
    }

    fn saves(&self) -> bool {
        (**self).saves()
    }

    fn note_saved(&self, checkpoint: &Checkpoint) {
        (**self).note_saved(checkpoint);
    }
}

/// Rejects that a store keeps; the oldest go first. Ours: enough to look into what went wrong,
/// and with frames of the usual few KB a file of some ten MB.
pub const MAX_REJECTS: i64 = 10_000;
