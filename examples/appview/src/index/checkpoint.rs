//! The consumer's memory, in the same database as the effects.

use atproto_core::syntax::Did;
use atproto_firehose::{
    checkpoint::{Checkpoint, Head},
    state::{self, StoreError, Stored, sqlite},
};
use futures::FutureExt;

use crate::store::Store;

/// Reads checkpoints from the AppView's store. The consumer does not write them by itself: the
/// indexer does, in the transaction of a batch.
pub(crate) struct Checkpoints(pub(crate) Store);

impl state::Store for Checkpoints {
    fn load(&self) -> Stored<'_, Checkpoint> {
        let load = self.0.read(|transaction| Ok(sqlite::load(transaction)?));
        async { load.await.map_err(failed) }.boxed()
    }

    fn take_over(&self) -> Stored<'_, Checkpoint> {
        let take_over = self.0.write(|transaction| Ok(sqlite::take_over(transaction)?));
        async { take_over.await.map_err(failed) }.boxed()
    }

    fn head<'a>(&'a self, did: &'a Did) -> Stored<'a, Option<Head>> {
        let did = did.clone();
        let head = self.0.read(move |transaction| Ok(sqlite::head(transaction, &did)?));
        async { head.await.map_err(failed) }.boxed()
    }

    fn save(&self, checkpoint: Checkpoint) -> Stored<'_, ()> {
        let save = self.0.write(move |transaction| Ok(sqlite::save(transaction, &checkpoint)?));
        async { save.await.map_err(failed) }.boxed()
    }

    fn saves(&self) -> bool {
        false
    }
}

fn failed(error: anyhow::Error) -> StoreError {
    error.downcast().unwrap_or_else(|error| StoreError::new(format!("the consumer: {error:#}")))
}
