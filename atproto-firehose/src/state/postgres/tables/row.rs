//! Rows as what they stand for.

use std::sync::Arc;

use atproto_core::syntax::{Cid, Did, Tid};
use atproto_repo::sync::RepoState;
use bytes::Bytes;
use tokio_postgres::{Row, types::FromSql};

use crate::{
    checkpoint::{Checkpoint, Head, ParkedRef, Reject, StoredFilter},
    state::StoreError,
};

/// The position with the upstreams and the filter, as far as they are there.
pub(super) fn position(row: &Row) -> Result<Checkpoint, StoreError> {
    let epoch = u64::try_from(get::<i64>(row, 0)?).map_err(StoreError::new)?;
    let (cursor, received, unsettled) = (get(row, 1)?, get(row, 2)?, get(row, 3)?);
    let upstream = get::<Option<&str>>(row, 4)?.map(Arc::from);
    let left = get::<Option<Vec<&str>>>(row, 5)?.unwrap_or_default();
    let left_at = get::<Option<Vec<i64>>>(row, 6)?.unwrap_or_default();
    let positions = left.into_iter().map(Arc::from).zip(left_at).collect();
    let filter = match (get::<Option<i64>>(row, 7)?, get(row, 8)?, get::<Option<&str>>(row, 9)?) {
        (Some(version), Some(since), Some(text)) => {
            let version = u64::try_from(version).map_err(StoreError::new)?;
            Some(StoredFilter::new(version, since, text))
        }
        _ => None,
    };
    let gaps = get::<i64>(row, 10)?.cast_unsigned();
    let position = Checkpoint { epoch, cursor, received, unsettled, gaps, ..Checkpoint::default() };
    Ok(Checkpoint { filter, upstream, positions, ..position })
}

pub(super) fn head(row: &Row) -> Result<(Did, Head), StoreError> {
    let did = Did::new(get::<String>(row, 0)?).map_err(StoreError::new)?;
    let state = match (get::<Option<&str>>(row, 1)?, get::<Option<&[u8]>>(row, 2)?) {
        (Some(rev), Some(data)) => Some(RepoState {
            rev: rev.parse::<Tid>().map_err(StoreError::new)?,
            data: Cid::from_bytes(data).map_err(StoreError::new)?,
        }),
        _ => None,
    };
    let gaps = get::<i64>(row, 4)?.cast_unsigned();
    Ok((did, Head { state, active: get(row, 3)?, gaps }))
}

pub(super) fn parked(row: &Row) -> Result<ParkedRef, StoreError> {
    let did = Did::new(get::<String>(row, 1)?).map_err(StoreError::new)?;
    let (id, bytes) = (get::<i64>(row, 0)?, get::<i64>(row, 4)?);
    let (id, bytes) = (id.cast_unsigned(), bytes.cast_unsigned());
    Ok(ParkedRef { id, did, seq: get(row, 2)?, since: get(row, 3)?, bytes })
}

pub(super) fn reject(row: &Row) -> Result<(i64, Reject), StoreError> {
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

pub(super) fn get<'a, T: FromSql<'a>>(row: &'a Row, column: usize) -> Result<T, StoreError> {
    row.try_get(column).map_err(StoreError::new)
}
