use std::collections::HashMap;

use atproto_core::syntax::{Cid, Did, Tid};
use atproto_repo::sync::RepoState;
use bytes::Bytes;
use futures::try_join;
use tokio_postgres::{
    Error, GenericClient, Row, Transaction,
    types::{ToSql, Type},
};

use crate::{
    checkpoint::{Checkpoint, Head, Parked, ParkedRef, Reject},
    state::{MAX_REJECTS, StoreError},
};

/// The tables of one consumer: `firehose_position`, `firehose_head`, `firehose_reject` and
/// `firehose_parked` in a schema.
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
        let present = rows.first().map_or(Ok(false), |row| get(row, 0))?;
        // Many roles may not create schemas, not even if they are there.
        let schema = if present { "" } else { SCHEMA };
        let statements = self.sql(&[LOCK, schema, TABLES].concat());
        client.batch_execute(&statements).await.map_err(StoreError::new)
    }

    /// The checkpoint that was saved last, without heads and rejects. The default value if none
    /// was.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn load(&self, client: &impl GenericClient) -> Result<Checkpoint, StoreError> {
        let query =
            self.sql("SELECT epoch, cursor, received, unsettled FROM {schema}.firehose_position");
        let found = client.query_typed(&query, &[]).await.map_err(StoreError::new)?;
        found.first().map_or_else(|| Ok(Checkpoint::default()), position)
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
             ON CONFLICT (one) DO UPDATE SET epoch = firehose_position.epoch + 1
             RETURNING epoch, cursor, received, unsettled",
        );
        let raised = transaction.query_typed(&raise, &[]).await.map_err(StoreError::new)?;
        let row = raised.first().ok_or_else(|| StoreError::new("no position was written"))?;
        let mut before = position(row)?;
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
        let query = self
            .sql("SELECT did, rev, data, active FROM {schema}.firehose_head WHERE did = ANY ($1::text[])");
        let rows = client.query_typed(&query, &[(&dids, Type::TEXT_ARRAY)]).await;
        rows.map_err(StoreError::new)?.iter().map(head).collect()
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
        rows.iter().map(reject).collect()
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
        rows.iter().map(parked).collect()
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
        found.first().map(|row| get(row, 0).map(Bytes::copy_from_slice)).transpose()
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
        let count = |row: &Row| Ok((get(row, 0)?, get::<i64>(row, 1)?.unsigned_abs()));
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

    async fn save_position(
        &self,
        transaction: &Transaction<'_>,
        checkpoint: &Checkpoint,
    ) -> Result<(), StoreError> {
        let upsert = self.sql(
            "INSERT INTO {schema}.firehose_position (one, epoch, cursor, received, unsettled)
             VALUES (true, $1, $2, $3, $4)
             ON CONFLICT (one) DO UPDATE SET epoch = excluded.epoch, cursor = excluded.cursor,
                 received = excluded.received, unsettled = excluded.unsettled
             WHERE firehose_position.epoch <= excluded.epoch",
        );
        let epoch = i64::try_from(checkpoint.epoch).map_err(StoreError::new)?;
        let parameters: Parameters<'_> = &[
            (&epoch, Type::INT8),
            (&checkpoint.cursor, Type::INT8),
            (&checkpoint.received, Type::INT8),
            (&checkpoint.unsettled, Type::INT8_ARRAY),
        ];
        let written = transaction.execute_typed(&upsert, parameters).await;
        if written.map_err(StoreError::new)? > 0 {
            return Ok(());
        }
        // The row is locked, whether it was changed or not.
        let stored = self.load(transaction).await?.epoch;
        Err(StoreError::fenced(checkpoint.epoch, stored))
    }

    async fn save_heads(
        &self,
        transaction: &Transaction<'_>,
        heads: &[(Did, Head)],
    ) -> Result<(), Error> {
        if heads.is_empty() {
            return Ok(());
        }
        let upsert = self.sql(
            "INSERT INTO {schema}.firehose_head (did, rev, data, active)
             SELECT * FROM unnest($1::text[], $2::text[], $3::bytea[], $4::bool[])
             ON CONFLICT (did) DO UPDATE SET
                 rev = excluded.rev, data = excluded.data, active = excluded.active",
        );
        // The last one of an account counts; a statement cannot write a row twice.
        let heads: HashMap<&str, &Head> =
            heads.iter().map(|(did, head)| (did.as_str(), head)).collect();
        let (dids, heads): (Vec<&str>, Vec<&Head>) = heads.into_iter().unzip();
        let states = || heads.iter().map(|head| head.state);
        let revs: Vec<_> = states().map(|state| state.map(|state| state.rev.to_string())).collect();
        let data: Vec<_> = states().map(|state| state.map(|state| state.data.to_bytes())).collect();
        let data: Vec<_> = data.iter().map(|data| data.as_ref().map(|data| &data[..])).collect();
        let active: Vec<_> = heads.iter().map(|head| head.active).collect();
        let parameters: Parameters<'_> = &[
            (&dids, Type::TEXT_ARRAY),
            (&revs, Type::TEXT_ARRAY),
            (&data, Type::BYTEA_ARRAY),
            (&active, Type::BOOL_ARRAY),
        ];
        transaction.execute_typed(&upsert, parameters).await.map(drop)
    }

    async fn remove_replayed(
        &self,
        transaction: &Transaction<'_>,
        ids: &[i64],
    ) -> Result<(), Error> {
        if ids.is_empty() {
            return Ok(());
        }
        let delete = self.sql("DELETE FROM {schema}.firehose_reject WHERE id = ANY ($1::bigint[])");
        transaction.execute_typed(&delete, &[(&ids, Type::INT8_ARRAY)]).await.map(drop)
    }

    async fn save_rejects(
        &self,
        transaction: &Transaction<'_>,
        rejects: &[Reject],
    ) -> Result<(), Error> {
        if rejects.is_empty() {
            return Ok(());
        }
        let insert = self.sql(
            "INSERT INTO {schema}.firehose_reject (seq, did, label, reason, frame)
             SELECT seq, did, label, reason, frame
             FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::bytea[])
                 WITH ORDINALITY AS one (seq, did, label, reason, frame, number)
             ORDER BY number",
        );
        let seqs: Vec<_> = rejects.iter().map(|one| one.seq).collect();
        let dids: Vec<_> = rejects.iter().map(|one| one.did.as_ref().map(Did::as_str)).collect();
        let labels: Vec<_> = rejects.iter().map(|one| &*one.label).collect();
        let reasons: Vec<_> =
            rejects.iter().map(|one| one.reason.replace('\0', "\u{FFFD}")).collect();
        let frames: Vec<_> = rejects.iter().map(|one| &one.frame[..]).collect();
        let parameters: Parameters<'_> = &[
            (&seqs, Type::INT8_ARRAY),
            (&dids, Type::TEXT_ARRAY),
            (&labels, Type::TEXT_ARRAY),
            (&reasons, Type::TEXT_ARRAY),
            (&frames, Type::BYTEA_ARRAY),
        ];
        transaction.execute_typed(&insert, parameters).await?;
        let forget = self.sql(
            "DELETE FROM {schema}.firehose_reject WHERE id <=
                 (SELECT id FROM {schema}.firehose_reject ORDER BY id DESC OFFSET $1 LIMIT 1)",
        );
        transaction.execute_typed(&forget, &[(&MAX_REJECTS, Type::INT8)]).await.map(drop)
    }

    async fn save_parked(
        &self,
        transaction: &Transaction<'_>,
        checkpoint: &Checkpoint,
    ) -> Result<(), Error> {
        // As it is in the end: what is settled already is not added in the first place.
        let unparked: Vec<i64> = checkpoint.unparked.iter().map(|id| id.cast_signed()).collect();
        let parked = checkpoint.parked.iter().filter(|one| !checkpoint.unparked.contains(&one.id));
        let parked: Vec<&Parked> = parked.collect();
        if !unparked.is_empty() {
            let delete = self.sql("DELETE FROM {schema}.firehose_parked WHERE id = ANY ($1)");
            transaction.execute_typed(&delete, &[(&unparked, Type::INT8_ARRAY)]).await?;
        }
        if parked.is_empty() {
            return Ok(());
        }
        let insert = self.sql(
            "INSERT INTO {schema}.firehose_parked (id, did, seq, since, label, frame)
             SELECT * FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::bigint[],
                 $5::text[], $6::bytea[])
             ON CONFLICT (id) DO UPDATE SET did = excluded.did, seq = excluded.seq,
                 since = excluded.since, label = excluded.label, frame = excluded.frame",
        );
        let ids: Vec<_> = parked.iter().map(|one| one.id.cast_signed()).collect();
        let dids: Vec<_> = parked.iter().map(|one| one.did.as_str()).collect();
        let seqs: Vec<_> = parked.iter().map(|one| one.seq).collect();
        let since: Vec<_> = parked.iter().map(|one| one.since).collect();
        let labels: Vec<_> = parked.iter().map(|one| &*one.label).collect();
        let frames: Vec<_> = parked.iter().map(|one| &one.frame[..]).collect();
        let parameters: Parameters<'_> = &[
            (&ids, Type::INT8_ARRAY),
            (&dids, Type::TEXT_ARRAY),
            (&seqs, Type::INT8_ARRAY),
            (&since, Type::INT8_ARRAY),
            (&labels, Type::TEXT_ARRAY),
            (&frames, Type::BYTEA_ARRAY),
        ];
        transaction.execute_typed(&insert, parameters).await.map(drop)
    }

    fn sql(&self, statement: &str) -> String {
        statement.replace("{schema}", &self.schema)
    }
}

type Parameters<'a> = &'a [(&'a (dyn ToSql + Sync), Type)];

fn position(row: &Row) -> Result<Checkpoint, StoreError> {
    let epoch = u64::try_from(get::<i64>(row, 0)?).map_err(StoreError::new)?;
    let (cursor, received, unsettled) = (get(row, 1)?, get(row, 2)?, get(row, 3)?);
    Ok(Checkpoint { epoch, cursor, received, unsettled, ..Checkpoint::default() })
}

fn head(row: &Row) -> Result<(Did, Head), StoreError> {
    let did = Did::new(get::<String>(row, 0)?).map_err(StoreError::new)?;
    let state = match (get::<Option<&str>>(row, 1)?, get::<Option<&[u8]>>(row, 2)?) {
        (Some(rev), Some(data)) => Some(RepoState {
            rev: rev.parse::<Tid>().map_err(StoreError::new)?,
            data: Cid::from_bytes(data).map_err(StoreError::new)?,
        }),
        _ => None,
    };
    Ok((did, Head { state, active: get(row, 3)? }))
}

fn parked(row: &Row) -> Result<ParkedRef, StoreError> {
    let did = Did::new(get::<String>(row, 1)?).map_err(StoreError::new)?;
    let (id, bytes) = (get::<i64>(row, 0)?, get::<i64>(row, 4)?);
    let (id, bytes) = (id.cast_unsigned(), bytes.cast_unsigned());
    Ok(ParkedRef { id, did, seq: get(row, 2)?, since: get(row, 3)?, bytes })
}

fn reject(row: &Row) -> Result<(i64, Reject), StoreError> {
    let did: Option<String> = get(row, 2)?;
    let reject = Reject {
        seq: get(row, 1)?,
        did: did.map(Did::new).transpose().map_err(StoreError::new)?,
        label: get::<String>(row, 3)?.into(),
        reason: get::<&str>(row, 4)?.into(),
        frame: Bytes::copy_from_slice(get(row, 5)?),
    };
    Ok((get(row, 0)?, reject))
}

fn get<'a, T: tokio_postgres::types::FromSql<'a>>(
    row: &'a Row,
    column: usize,
) -> Result<T, StoreError> {
    row.try_get(column).map_err(StoreError::new)
}

/// Longer names are cut short by the database, so that two could be one (NAMEDATALEN - 1).
const MAX_IDENTIFIER_BYTES: usize = 63;

const PRESENT: &str = "SELECT to_regnamespace($1) IS NOT NULL";

/// Of two that create the same at the same moment one would fail. The number means nothing.
const LOCK: &str = "SELECT pg_advisory_xact_lock(5471902);";

const SCHEMA: &str = "CREATE SCHEMA IF NOT EXISTS {schema};";

/// DIDs are compared by bytes: no language has an opinion on their order. Heads change all the
/// time: where a page has room for the new version the index need not be touched.
const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS {schema}.firehose_position (
        one boolean PRIMARY KEY CHECK (one),
        epoch bigint NOT NULL,
        cursor bigint,
        received bigint NOT NULL,
        unsettled bigint[] NOT NULL
    );
    CREATE TABLE IF NOT EXISTS {schema}.firehose_head (
        did text COLLATE \"C\" PRIMARY KEY,
        rev text,
        data bytea,
        active boolean NOT NULL
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
