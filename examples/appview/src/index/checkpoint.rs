//! The consumer's memory, in the same database as the effects.

use anyhow::Context;
use atproto_core::syntax::Did;
use atproto_firehose::{
    checkpoint::{Checkpoint, Head},
    state::{self, StoreError, sqlite},
};

use crate::store::Store;

/// Reads checkpoints from the AppView's store. It never writes them by itself: the indexer
/// does, in the transaction of a batch.
pub(crate) struct Checkpoints(pub(crate) Store);

impl state::Store for Checkpoints {
    fn load(&self) -> Result<Checkpoint, StoreError> {
        self.read(|transaction| sqlite::load(transaction))
    }

    fn head(&self, did: &Did) -> Result<Option<Head>, StoreError> {
        self.read(|transaction| sqlite::head(transaction, did))
    }

    fn save(&self, _checkpoint: &Checkpoint) -> Result<(), StoreError> {
        Ok(())
    }

    fn saves(&self) -> bool {
        false
    }
}

impl Checkpoints {
    fn read<T>(
        &self,
        look: impl FnOnce(&rusqlite::Transaction<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let found = self.0.read_blocking(|transaction| look(transaction).context("the consumer"));
        found.map_err(|error| StoreError::new(format!("{error:#}")))
    }
}
