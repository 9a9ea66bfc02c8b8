//! The consumer's memory, in the same database as the effects.

use anyhow::Context;
use atproto_core::syntax::Did;
use atproto_firehose::{
    checkpoint::{Checkpoint, Head},
    state::{self, StoreError},
};
use atproto_repo::sync::RepoState;
use rusqlite::{OptionalExtension, Transaction, params};

use crate::store::Store;

/// Rejected events that are kept; ours: the newest ones tell what goes wrong.
const MAX_REJECTS: i64 = 10_000;

/// Reads checkpoints from the AppView's store. It never writes them by itself: [`save`] does,
/// in the transaction of a batch.
pub(crate) struct Checkpoints(pub(crate) Store);

impl state::Store for Checkpoints {
    fn load(&self) -> Result<Checkpoint, StoreError> {
        self.0.read_blocking(load).map_err(|error| StoreError::new(format!("{error:#}")))
    }

    fn head(&self, did: &Did) -> Result<Option<Head>, StoreError> {
        let found = self.0.read_blocking(|tx| head(tx, did));
        found.map_err(|error| StoreError::new(format!("{error:#}")))
    }

    fn save(&self, _checkpoint: &Checkpoint) -> Result<(), StoreError> {
        Ok(())
    }

    fn saves(&self) -> bool {
        false
    }
}

/// Stores a checkpoint in the transaction of the batch that it belongs to, which is refused if
/// another process has taken over.
pub(crate) fn save(tx: &Transaction<'_>, checkpoint: &Checkpoint) -> anyhow::Result<()> {
    let stored = tx
        .prepare_cached("SELECT epoch FROM consumer")?
        .query_row([], |row| row.get::<_, u64>(0))
        .optional()?;
    if let Some(stored) = stored.filter(|stored| *stored > checkpoint.epoch) {
        return Err(StoreError::fenced(checkpoint.epoch, stored).into());
    }
    tx.prepare_cached(
        "INSERT OR REPLACE INTO consumer (id, epoch, cursor, received, unsettled)
         VALUES (0, ?1, ?2, ?3, ?4)",
    )?
    .execute(params![
        checkpoint.epoch,
        checkpoint.cursor,
        checkpoint.received,
        serde_json::to_string(&checkpoint.unsettled)?
    ])?;
    for (did, head) in &checkpoint.heads {
        let state = head.state.as_ref();
        tx.prepare_cached(
            "INSERT OR REPLACE INTO head (did, rev, data, active) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute(params![
            did.as_str(),
            state.map(|state| state.rev.to_string()),
            state.map(|state| state.data.to_string()),
            head.active,
        ])?;
    }
    for reject in &checkpoint.rejects {
        let did = reject.did.as_ref().map(Did::as_str);
        tx.prepare_cached(
            "INSERT INTO reject (seq, did, label, reason, frame) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![
            reject.seq,
            did,
            reject.label,
            &*reject.reason,
            &*reject.frame
        ])?;
    }
    if !checkpoint.rejects.is_empty() {
        tx.execute(
            "DELETE FROM reject WHERE id <= (SELECT max(id) FROM reject) - ?1",
            [MAX_REJECTS],
        )?;
    }
    Ok(())
}

fn load(tx: &Transaction<'_>) -> anyhow::Result<Checkpoint> {
    let mut checkpoint = Checkpoint::default();
    let row: Option<(u64, Option<i64>, i64, String)> = tx
        .prepare_cached("SELECT epoch, cursor, received, unsettled FROM consumer")?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
        .optional()?;
    if let Some((epoch, cursor, received, unsettled)) = row {
        checkpoint.epoch = epoch;
        checkpoint.cursor = cursor;
        checkpoint.received = received;
        checkpoint.unsettled = serde_json::from_str(&unsettled).context("unsettled events")?;
    }
    Ok(checkpoint)
}

fn head(tx: &Transaction<'_>, did: &Did) -> anyhow::Result<Option<Head>> {
    let row: Option<(Option<String>, Option<String>, bool)> = tx
        .prepare_cached("SELECT rev, data, active FROM head WHERE did = ?1")?
        .query_row([did.as_str()], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    let Some((rev, data, active)) = row else { return Ok(None) };
    let state = match rev.zip(data) {
        Some((rev, data)) => Some(RepoState { rev: rev.parse()?, data: data.parse()? }),
        None => None,
    };
    Ok(Some(Head { state, active }))
}
