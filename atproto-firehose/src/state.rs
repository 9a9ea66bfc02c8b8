//! Where a consumer's [`Checkpoint`]s are kept.

mod memory;
#[cfg(feature = "sqlite")]
pub mod sqlite;

use std::error::Error;
use std::sync::Arc;

use atproto_core::syntax::Did;
use futures::future::BoxFuture;

pub use self::memory::MemoryState;
#[cfg(feature = "sqlite")]
pub use self::sqlite::SqliteState;
use crate::checkpoint::{Checkpoint, Head};

/// A place for checkpoints. Calls block; one `save` is made at a time, `head`
/// at any time.
pub trait Store: Send + Sync + 'static {
    /// What was saved last, without heads. The default value if nothing was.
    ///
    /// # Errors
    /// [`StoreError`].
    fn load(&self) -> Result<Checkpoint, StoreError>;

    /// What was last saved of an account.
    ///
    /// # Errors
    /// [`StoreError`].
    fn head(&self, did: &Did) -> Result<Option<Head>, StoreError>;

    /// Takes over a checkpoint as a whole or not at all, and durably. One whose epoch is
    /// below that of the stored one is refused, by [`StoreError::fenced`].
    ///
    /// # Errors
    /// [`StoreError`].
    fn save(&self, checkpoint: &Checkpoint) -> Result<(), StoreError>;

    /// Whether the consumer is to save by itself. Otherwise the caller stores
    /// checkpoints with its own effects, and `save` only hears of it.
    fn saves(&self) -> bool {
        true
    }

    /// [`Self::load`] for a caller that must not block: on a thread of its own, unless the
    /// store knows a better way.
    fn load_async(self: Arc<Self>) -> Answer<Checkpoint> {
        on_a_thread(move || self.load())
    }

    /// [`Self::save`] for a caller that must not block, as [`Self::load_async`].
    fn save_async(self: Arc<Self>, checkpoint: Box<Checkpoint>) -> Answer<()> {
        on_a_thread(move || self.save(&checkpoint))
    }
}

/// What a store will have answered.
pub type Answer<T> = BoxFuture<'static, Result<T, StoreError>>;

fn on_a_thread<T: Send + 'static>(
    ask: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Answer<T> {
    Box::pin(async move {
        let answer = tokio::task::spawn_blocking(ask).await;
        answer.map_err(StoreError::new)?
    })
}

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

impl Store for Box<dyn Store> {
    fn load(&self) -> Result<Checkpoint, StoreError> {
        (**self).load()
    }

    fn head(&self, did: &Did) -> Result<Option<Head>, StoreError> {
        (**self).head(did)
    }

    fn save(&self, checkpoint: &Checkpoint) -> Result<(), StoreError> {
        (**self).save(checkpoint)
    }

    fn saves(&self) -> bool {
        (**self).saves()
    }
}
