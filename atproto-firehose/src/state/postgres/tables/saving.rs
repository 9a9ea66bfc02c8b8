//! The parts of a checkpoint, each to its table.

use std::collections::HashMap;

use atproto_core::syntax::Did;
use tokio_postgres::{Error, Transaction, types::Type};

use super::{Parameters, Tables};
use crate::{
    checkpoint::{Checkpoint, Head, Parked, Reject},
    state::{MAX_REJECTS, StoreError},
};

impl Tables {
    pub(super) async fn save_position(
        &self,
        transaction: &Transaction<'_>,
        checkpoint: &Checkpoint,
    ) -> Result<(), StoreError> {
        let upsert = self.sql(
            "INSERT INTO {schema}.firehose_position (one, epoch, cursor, received, unsettled, gaps)
             VALUES (true, $1, $2, $3, $4, $5)
             ON CONFLICT (one) DO UPDATE SET epoch = excluded.epoch, cursor = excluded.cursor,
                 received = excluded.received, unsettled = excluded.unsettled, gaps = excluded.gaps
             WHERE firehose_position.epoch <= excluded.epoch",
        );
        let epoch = i64::try_from(checkpoint.epoch).map_err(StoreError::new)?;
        let gaps = checkpoint.gaps.cast_signed();
        let parameters: Parameters<'_> = &[
            (&epoch, Type::INT8),
            (&checkpoint.cursor, Type::INT8),
            (&checkpoint.received, Type::INT8),
            (&checkpoint.unsettled, Type::INT8_ARRAY),
            (&gaps, Type::INT8),
        ];
        let written = transaction.execute_typed(&upsert, parameters).await;
        if written.map_err(StoreError::new)? > 0 {
            return Ok(());
        }
        // The row is locked, whether it was changed or not.
        let stored = self.load(transaction).await?.epoch;
        Err(StoreError::fenced(checkpoint.epoch, stored))
    }

    pub(super) async fn save_heads(
        &self,
        transaction: &Transaction<'_>,
        heads: &[(Did, Head)],
    ) -> Result<(), Error> {
        if heads.is_empty() {
            return Ok(());
        }
        let upsert = self.sql(
            "INSERT INTO {schema}.firehose_head (did, rev, data, active, gaps)
             SELECT * FROM unnest($1::text[], $2::text[], $3::bytea[], $4::bool[], $5::bigint[])
             ON CONFLICT (did) DO UPDATE SET rev = excluded.rev, data = excluded.data,
                 active = excluded.active, gaps = excluded.gaps",
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
        let gaps: Vec<_> = heads.iter().map(|head| head.gaps.cast_signed()).collect();
        let parameters: Parameters<'_> = &[
            (&dids, Type::TEXT_ARRAY),
            (&revs, Type::TEXT_ARRAY),
            (&data, Type::BYTEA_ARRAY),
            (&active, Type::BOOL_ARRAY),
            (&gaps, Type::INT8_ARRAY),
        ];
        transaction.execute_typed(&upsert, parameters).await.map(drop)
    }

    pub(super) async fn remove_replayed(
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

    pub(super) async fn save_rejects(
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

    pub(super) async fn save_parked(
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

    pub(super) async fn save_filter(
        &self,
        transaction: &Transaction<'_>,
        checkpoint: &Checkpoint,
    ) -> Result<(), Error> {
        let Some(filter) = &checkpoint.filter else { return Ok(()) };
        let upsert = self.sql(
            "INSERT INTO {schema}.firehose_filter (one, version, since, text)
             VALUES (true, $1, $2, $3)
             ON CONFLICT (one) DO UPDATE SET
                 version = excluded.version, since = excluded.since, text = excluded.text",
        );
        let version = filter.version.cast_signed();
        let text = &*filter.text;
        let parameters: Parameters<'_> =
            &[(&version, Type::INT8), (&filter.since, Type::INT8), (&text, Type::TEXT)];
        transaction.execute_typed(&upsert, parameters).await.map(drop)
    }

    pub(super) async fn save_upstreams(
        &self,
        transaction: &Transaction<'_>,
        checkpoint: &Checkpoint,
    ) -> Result<(), Error> {
        let upsert = self.sql(
            "INSERT INTO {schema}.firehose_upstream AS stored (one, name, others, left_at)
             VALUES (true, $1, $2, $3)
             ON CONFLICT (one) DO UPDATE SET
                 name = excluded.name, others = excluded.others, left_at = excluded.left_at
             WHERE (stored.name, stored.others, stored.left_at)
                 IS DISTINCT FROM (excluded.name, excluded.others, excluded.left_at)",
        );
        let (others, left_at): (Vec<&str>, Vec<i64>) =
            checkpoint.positions.iter().map(|(name, left_at)| (&**name, *left_at)).unzip();
        let name = checkpoint.upstream.as_deref();
        let parameters: Parameters<'_> =
            &[(&name, Type::TEXT), (&others, Type::TEXT_ARRAY), (&left_at, Type::INT8_ARRAY)];
        transaction.execute_typed(&upsert, parameters).await.map(drop)
    }
}
