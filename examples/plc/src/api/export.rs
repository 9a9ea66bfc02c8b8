//! The operations of all identities.

use atproto_core::identity::plc::SignedOperation;
use atproto_core::identity::plc::limits::EXPORT_PAGE;
use atproto_core::syntax::{Cid, Datetime, Did};
use axum::extract::{RawQuery, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::error::ApiError;
use super::{Api, SHARES_OF_EXPORT};
use crate::store::StoredOperation;

/// Where to continue. The form of the answer follows from it.
enum After {
    /// After a sequence number: lines with sequence numbers.
    Seq(u64),
    /// After a time in milliseconds: the older form of lines, without.
    Time(i64),
}

/// A line with a sequence number.
#[derive(Serialize)]
#[serde(rename_all = "camelCase", tag = "type", rename = "sequenced_op")]
pub(super) struct Sequenced {
    seq: u64,
    did: Did,
    operation: SignedOperation,
    cid: Cid,
    created_at: Datetime,
}

pub(super) async fn export(
    State(api): State<Api>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let (after, count) = parameters(query.as_deref().unwrap_or_default())?;
    let lines = api
        .blocking(SHARES_OF_EXPORT, move |directory| match after {
            After::Seq(seq) => {
                lines(directory.store().after_seq(seq, count).map_err(ApiError::from)?, sequenced)
            }
            After::Time(time) => lines(
                directory.store().after_time(time, count).map_err(ApiError::from)?,
                StoredOperation::into_audit_entry,
            ),
        })
        .await?;
    Ok(([(CONTENT_TYPE, "application/jsonlines")], lines).into_response())
}

fn parameters(query: &str) -> Result<(After, usize), ApiError> {
    let invalid = |name: &str| ApiError::bad_request(format!("Invalid {name} parameter"));
    let (mut after, mut count) = (After::Time(i64::MIN), EXPORT_PAGE);
    for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
        match name {
            "after" => after = parse_after(value).ok_or_else(|| invalid("after"))?,
            "count" => {
                count = value
                    .parse::<usize>()
                    .ok()
                    .filter(|count| *count > 0)
                    .ok_or_else(|| invalid("count"))?
                    .min(EXPORT_PAGE);
            }
            _ => {}
        }
    }
    Ok((after, count))
}

fn parse_after(value: &str) -> Option<After> {
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        return value.parse().ok().map(After::Seq);
    }
    // Colons are the only characters of a time that clients escape.
    let time = Datetime::new(value.replace("%3A", ":").replace("%3a", ":")).ok()?;
    Some(After::Time(time.unix_micros()?.div_euclid(1000)))
}

pub(super) fn sequenced(stored: StoredOperation) -> Sequenced {
    Sequenced {
        seq: stored.seq,
        created_at: Datetime::from_unix_micros(stored.created_at * 1000),
        did: stored.did,
        operation: stored.operation,
        cid: stored.cid,
    }
}

/// One JSON a line, and no newline at the end: clients split the text and parse each part.
fn lines<T: Serialize>(
    operations: Vec<StoredOperation>,
    line: fn(StoredOperation) -> T,
) -> Result<String, ApiError> {
    let lines: Result<Vec<String>, _> =
        operations.into_iter().map(|stored| serde_json::to_string(&line(stored))).collect();
    Ok(lines.map_err(ApiError::internal)?.join("\n"))
}
