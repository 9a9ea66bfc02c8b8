mod row;
mod saving;

use std::collections::HashMap;

use atproto_core::syntax::Did;
use bytes::Bytes;
use futures::try_join;
use tokio_postgres::{
    GenericClient, Row, Transaction,
    types::{ToSql, Type},
};

use crate::{
    checkpoint::{Checkpoint, Head, ParkedRef, Reject},
    state::StoreError,
};

/// The tables of one consumer in a schema: `firehose_position`, `firehose_upstream`,
/// `firehose_filter`, `firehose_head`, `firehose_reject` and `firehose_parked`.
#[derive(Clone, Debug)]
pub struct Tables {
    /// As an identifier in quotation marks.
    schema: String,
}

impl Tables {
    /// The tables in a schema of any name, for instance `public`. Those of two consumers, or of
    /// two partitions, are in two schemas.
    ///
    /// # Errors
    /// [`StoreError`] if PostgreSQL would not keep the name as it is: it has from 1 to 63 bytes
    /// and no NUL.
    pub fn in_schema(name: &str) -> Result<Self, StoreError> {
        if name.is_empty() || name.len() > MAX_IDENTIFIER_BYTES || name.contains('\0') {
            return Err(StoreError::new(format!("{name:?} cannot be the name of a schema")));
        }
        Ok(Self { schema: format!("\"{}\"", name.replace('"', "\"\"")) })
    }

    /// Creates the schema and its tables, unless they are there.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn create(&self, client: &impl GenericClient) -> Result<(), StoreError> {
        let asked = client.query_typed(PRESENT, &[(&self.schema, Type::TEXT)]).await;
        let rows = asked.map_err(StoreError::new)?;
        let (present, older) = match rows.first() {
            Some(row) => (row::get(row, 0)?, row::get(row, 1)?),
            None => (false, false),
        };
        // Many roles may not create schemas, not even if they are there.
        let schema = if present { "" } else { SCHEMA };
        // Nor may those who only use tables change them.
        let later = if older { LATER } else { "" };
        let statements = self.sql(&[LOCK, schema, TABLES, later].concat());
        client.batch_execute(&statements).await.map_err(StoreError::new)
    }

    /// The checkpoint that was saved last, without heads and rejects. The default value if none
    /// was.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn load(&self, client: &impl GenericClient) -> Result<Checkpoint, StoreError> {
        // In one statement, so that all of it is of the same checkpoint.
        let query = self.sql(
            "SELECT epoch, cursor, received, unsettled, name, others, left_at, version, since, text,
                 gaps
             FROM {schema}.firehose_position LEFT JOIN {schema}.firehose_upstream USING (one)
                 LEFT JOIN {schema}.firehose_filter USING (one)",
        );
        let found = client.query_typed(&query, &[]).await.map_err(StoreError::new)?;
        found.first().map_or_else(|| Ok(Checkpoint::default()), row::position)
    }

    /// As [`Self::load`], and raises the stored epoch above the one returned, so that older
    /// consumers are fenced off once the transaction is committed.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn take_over(&self, transaction: &Transaction<'_>) -> Result<Checkpoint, StoreError> {
        let raise = self.sql(
            "INSERT INTO {schema}.firehose_position (one, epoch, received, unsettled)
             VALUES (true, 1, 0, '{}')
             ON CONFLICT (one) DO UPDATE SET epoch = firehose_position.epoch + 1",
        );
        transaction.execute_typed(&raise, &[]).await.map_err(StoreError::new)?;
        // The row is locked from here on.
        let mut before = self.load(transaction).await?;
        before.epoch -= 1;
        Ok(before)
    }

    /// What was last saved of an account.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn head(
        &self,
        client: &impl GenericClient,
        did: &Did,
    ) -> Result<Option<Head>, StoreError> {
        Ok(self.heads(client, &[did.as_str()]).await?.remove(did))
    }

    /// What was last saved of several accounts, where anything was.
    pub(super) async fn heads(
        &self,
        client: &impl GenericClient,
        dids: &[&str],
    ) -> Result<HashMap<Did, Head>, StoreError> {
        let query = self.sql(
            "SELECT did, rev, data, active, gaps FROM {schema}.firehose_head
             WHERE did = ANY ($1::text[])",
        );
        let rows = client.query_typed(&query, &[(&dids, Type::TEXT_ARRAY)]).await;
        rows.map_err(StoreError::new)?.iter().map(row::head).collect()
    }

    /// Saves a checkpoint in a transaction, together with whatever else is in it. The one row of
    /// the position is locked until the transaction ends: of two that save the later waits, and
    /// is refused if the earlier one's epoch is higher.
    ///
    /// # Errors
    /// [`StoreError`]; it [is fenced](StoreError::is_fenced) if a later consumer has taken over:
    /// then the transaction must not be committed.
    pub async fn save(
        &self,
        transaction: &Transaction<'_>,
        checkpoint: &Checkpoint,
    ) -> Result<(), StoreError> {
        // First of all, so that everything else happens under its lock.
        self.save_position(transaction, checkpoint).await?;
        try_join!(
            self.save_heads(transaction, &checkpoint.heads),
            self.remove_replayed(transaction, &checkpoint.replayed),
            self.save_rejects(transaction, &checkpoint.rejects),
            self.save_parked(transaction, checkpoint),
            self.save_filter(transaction, checkpoint),
            self.save_upstreams(transaction, checkpoint),
        )
        .map(|_| ())
        .map_err(StoreError::new)
    }

    /// Up to `max` rejects with a higher id than `after`, in the order of their ids, each with
    /// its id. A NUL in a reason, which PostgreSQL cannot store, has become U+FFFD.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn rejects(
        &self,
        client: &impl GenericClient,
        after: i64,
        max: usize,
    ) -> Result<Vec<(i64, Reject)>, StoreError> {
        let query = self.sql(
            "SELECT id, seq, did, label, reason, frame FROM {schema}.firehose_reject
             WHERE id > $1 ORDER BY id LIMIT $2",
        );
        let max = i64::try_from(max).unwrap_or(i64::MAX);
        let parameters: Parameters<'_> = &[(&after, Type::INT8), (&max, Type::INT8)];
        let rows = client.query_typed(&query, parameters).await.map_err(StoreError::new)?;
        rows.iter().map(row::reject).collect()
    }

    /// All events that are parked, in the order of their ids, without their frames.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn parked(&self, client: &impl GenericClient) -> Result<Vec<ParkedRef>, StoreError> {
        let query = self.sql(
            "SELECT id, did, seq, since, length(frame)::bigint FROM {schema}.firehose_parked
             ORDER BY id",
        );
        let rows = client.query_typed(&query, &[]).await.map_err(StoreError::new)?;
        rows.iter().map(row::parked).collect()
    }

    /// The frame of a parked event.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn parked_frame(
        &self,
        client: &impl GenericClient,
        id: u64,
    ) -> Result<Option<Bytes>, StoreError> {
        let query = self.sql("SELECT frame FROM {schema}.firehose_parked WHERE id = $1");
        let id = i64::try_from(id).map_err(StoreError::new)?;
        let found = client.query_typed(&query, &[(&id, Type::INT8)]).await;
        let found = found.map_err(StoreError::new)?;
        found.first().map(|row| row::get(row, 0).map(Bytes::copy_from_slice)).transpose()
    }

    /// How many rejects there are, by label.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn reject_counts(
        &self,
        client: &impl GenericClient,
    ) -> Result<Vec<(String, u64)>, StoreError> {
        let query = self.sql(
            "SELECT label, count(*) FROM {schema}.firehose_reject
             GROUP BY label ORDER BY label COLLATE \"C\"",
        );
        let rows = client.query_typed(&query, &[]).await.map_err(StoreError::new)?;
        let count = |row: &Row| Ok((row::get(row, 0)?, row::get::<i64>(row, 1)?.unsigned_abs()));
        rows.iter().map(count).collect()
    }

    /// Forgets a reject; says whether there was one of that id.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn discard_reject(
        &self,
        client: &impl GenericClient,
        id: i64,
    ) -> Result<bool, StoreError> {
        let statement = self.sql("DELETE FROM {schema}.firehose_reject WHERE id = $1");
        let discarded = client.execute_typed(&statement, &[(&id, Type::INT8)]).await;
        discarded.map(|count| count > 0).map_err(StoreError::new)
    }

    fn sql(&self, statement: &str) -> String {
        statement.replace("{schema}", &self.schema)
    }
}

type Parameters<'a> = &'a [(&'a (dyn ToSql + Sync), Type)];

/// Longer names are cut short by the database, so that two could be one (NAMEDATALEN - 1).
const MAX_IDENTIFIER_BYTES: usize = 63;

/// Whether the schema is there, and whether its tables are of the first version.
const PRESENT: &str = "SELECT to_regnamespace($1) IS NOT NULL,
    to_regclass($1 || '.firehose_head') IS NOT NULL AND NOT EXISTS (
        SELECT FROM pg_attribute
        WHERE attrelid = to_regclass($1 || '.firehose_head') AND attname = 'gaps')";

/// Of two that create the same at the same moment one would fail. The number means nothing.
const LOCK: &str = "SELECT pg_advisory_xact_lock(5471902);";

const SCHEMA: &str = "CREATE SCHEMA IF NOT EXISTS {schema};";

/// What tables of the first version lack.
const LATER: &str = "
    ALTER TABLE {schema}.firehose_position
        ADD COLUMN IF NOT EXISTS gaps bigint NOT NULL DEFAULT 0;
    ALTER TABLE {schema}.firehose_head
        ADD COLUMN IF NOT EXISTS gaps bigint NOT NULL DEFAULT 0;
";

/// DIDs are compared by bytes: no language has an opinion on their order. Heads change all the
/// time: where a page has room for the new version the index need not be touched.
const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS {schema}.firehose_position (
        one boolean PRIMARY KEY CHECK (one),
        epoch bigint NOT NULL,
        cursor bigint,
        received bigint NOT NULL,
        unsettled bigint[] NOT NULL,
        gaps bigint NOT NULL DEFAULT 0
    );
    CREATE TABLE IF NOT EXISTS {schema}.firehose_upstream (
        one boolean PRIMARY KEY CHECK (one),
        name text,
        others text[] NOT NULL,
        left_at bigint[] NOT NULL
    );
    CREATE TABLE IF NOT EXISTS {schema}.firehose_filter (
        one boolean PRIMARY KEY CHECK (one),
        version bigint NOT NULL,
        since bigint NOT NULL,
        text text NOT NULL
    );
    CREATE TABLE IF NOT EXISTS {schema}.firehose_head (
        did text COLLATE \"C\" PRIMARY KEY,
        rev text,
        data bytea,
        active boolean NOT NULL,
        gaps bigint NOT NULL DEFAULT 0
    ) WITH (fillfactor = 70);
    CREATE TABLE IF NOT EXISTS {schema}.firehose_reject (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        seq bigint NOT NULL,
        did text,
        label text NOT NULL,
        reason text NOT NULL,
        frame bytea NOT NULL
    );
    CREATE TABLE IF NOT EXISTS {schema}.firehose_parked (
        id bigint PRIMARY KEY,
        did text NOT NULL,
        seq bigint NOT NULL,
        since bigint NOT NULL,
        label text NOT NULL,
        frame bytea NOT NULL
    );
";
