//! Checkpoints in PostgreSQL.
//!
//! [`PostgresState`] keeps them over connections of its own. [`Tables`] works on a connection or
//! transaction of yours, so that a checkpoint can be saved in the transaction that holds the
//! effects of its events:
//!
//! ```no_run
//! use atproto_firehose::{checkpoint::Checkpoint, state::postgres::Tables};
//! # async fn effects(_: &tokio_postgres::Transaction<'_>) -> Result<(), tokio_postgres::Error> { Ok(()) }
//!
//! # async fn example(
//! #     mut client: tokio_postgres::Client,
//! #     checkpoint: Checkpoint,
//! # ) -> Result<(), Box<dyn std::error::Error>> {
//! let tables = Tables::in_schema("indexer")?;
//! tables.create(&client).await?;
//! let transaction = client.transaction().await?;
//! effects(&transaction).await?;
//! tables.save(&transaction, &checkpoint).await?;
//! transaction.commit().await?;
//! # Ok(())
//! # }
//! ```
//! The consumer then reads from `SavedByCaller(PostgresState)`, see
//! [`SavedByCaller`](super::SavedByCaller).

mod heads;
mod link;
mod tables;

use std::{sync::Arc, time::Duration};

use atproto_core::syntax::Did;
use bytes::Bytes;
use futures::FutureExt;
use tokio::sync::Mutex;
use tokio_postgres::{Client, Config, Socket, tls::MakeTlsConnect};

pub use self::tables::Tables;
use self::{heads::Heads, link::Link};
use super::{Store, StoreError, Stored};
use crate::checkpoint::{Checkpoint, Head, ParkedRef, Reject};

/// Checkpoints in a PostgreSQL database, used within a tokio runtime. Every save is durable when
/// it returns.
///
/// There are two connections: one that saves, and one for heads, of which those that are wanted
/// at the same time are asked for together. A connection that is lost is opened anew by the next
/// call, which fails after [`ANSWER_DEADLINE`] at the latest.
#[derive(Clone, Debug)]
pub struct PostgresState {
    tables: Arc<Tables>,
    writer: Arc<Mutex<Link>>,
    heads: Heads,
}

/// How long the database may take to connect, or to answer. Ours: longer than any checkpoint
/// takes that is not stuck, and shorter than an operator's patience.
pub const ANSWER_DEADLINE: Duration = Duration::from_secs(30);

impl PostgresState {
    /// Connects, and creates the schema and its tables unless they are there. Each consumer, and
    /// each [partition](crate::consumer::ConsumerOptions::partition), needs a schema of its own.
    ///
    /// `tls` is `tokio_postgres::NoTls` for a database on the same machine.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn open<T>(config: Config, tls: T, schema: &str) -> Result<Self, StoreError>
    where
        T: MakeTlsConnect<Socket> + Clone + Send + Sync + 'static,
        T::Stream: Send,
        T::TlsConnect: Send,
        <T::TlsConnect as tokio_postgres::tls::TlsConnect<Socket>>::Future: Send,
    {
        let tables = Arc::new(Tables::in_schema(schema)?);
        let link = Link::new(config, tls);
        let heads = Heads::new(link.another(), Arc::clone(&tables));
        let state = Self { tables, writer: Arc::new(Mutex::new(link)), heads };
        state.write(async |client, tables| tables.create(client).await).await?;
        Ok(state)
    }

    /// As [`Tables::rejects`].
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn rejects(&self, after: i64, max: usize) -> Result<Vec<(i64, Reject)>, StoreError> {
        self.write(async |client, tables| tables.rejects(client, after, max).await).await
    }

    /// As [`Tables::reject_counts`].
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn reject_counts(&self) -> Result<Vec<(String, u64)>, StoreError> {
        self.write(async |client, tables| tables.reject_counts(client).await).await
    }

    /// As [`Tables::discard_reject`].
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn discard_reject(&self, id: i64) -> Result<bool, StoreError> {
        self.write(async |client, tables| tables.discard_reject(client, id).await).await
    }

    async fn write<T>(
        &self,
        work: impl AsyncFnOnce(&mut Client, &Tables) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.writer.lock().await.ask(async |client| work(client, &self.tables).await).await
    }
}

impl Store for PostgresState {
    fn load(&self) -> Stored<'_, Checkpoint> {
        async move {
            let mut writer = self.writer.lock().await;
            writer.ask(async |client| self.tables.load(client).await).await
        }
        .boxed()
    }

    fn take_over(&self) -> Stored<'_, Checkpoint> {
        async move {
            let mut writer = self.writer.lock().await;
            let take_over = async |client: &mut Client| {
                let transaction = client.transaction().await.map_err(StoreError::new)?;
                let before = self.tables.take_over(&transaction).await?;
                transaction.commit().await.map_err(StoreError::new)?;
                Ok(before)
            };
            writer.ask(take_over).await
        }
        .boxed()
    }

    fn head<'a>(&'a self, did: &'a Did) -> Stored<'a, Option<Head>> {
        self.heads.head(did).boxed()
    }

    fn save(&self, checkpoint: Checkpoint) -> Stored<'_, ()> {
        async move {
            let mut writer = self.writer.lock().await;
            let save = async |client: &mut Client| {
                let transaction = client.transaction().await.map_err(StoreError::new)?;
                self.tables.save(&transaction, &checkpoint).await?;
                transaction.commit().await.map_err(StoreError::new)
            };
            writer.ask(save).await
        }
        .boxed()
    }

    fn parks(&self) -> bool {
        true
    }

    fn keeps_filter(&self) -> bool {
        true
    }

    fn keeps_upstreams(&self) -> bool {
        true
    }

    fn parked(&self) -> Stored<'_, Vec<ParkedRef>> {
        async move {
            let mut writer = self.writer.lock().await;
            writer.ask(async |client| self.tables.parked(client).await).await
        }
        .boxed()
    }

    fn parked_frame(&self, id: u64) -> Stored<'_, Option<Bytes>> {
        async move {
            let mut writer = self.writer.lock().await;
            writer.ask(async |client| self.tables.parked_frame(client, id).await).await
        }
        .boxed()
    }
}
