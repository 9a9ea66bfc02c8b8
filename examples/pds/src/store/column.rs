//! Protocol types as SQLite columns.

use std::str::FromStr;

use atproto_core::syntax::{Cid, Tid};
use rusqlite::Row;

use crate::database::DatabaseError;

/// A CID from its 36 bytes.
pub fn cid(row: &Row<'_>, column: &str) -> Result<Cid, DatabaseError> {
    let bytes = row.get_ref(column)?.as_blob().map_err(|error| corrupt(column, &error))?;
    Cid::from_bytes(bytes).map_err(|error| corrupt(column, &error))
}

/// A rev from its text.
pub fn tid(row: &Row<'_>, column: &str) -> Result<Tid, DatabaseError> {
    text(row, column)
}

/// Any identifier from its text.
pub fn text<T>(row: &Row<'_>, column: &str) -> Result<T, DatabaseError>
where
    T: FromStr,
    T::Err: std::fmt::Display,
{
    let value = row.get_ref(column)?.as_str().map_err(|error| corrupt(column, &error))?;
    value.parse().map_err(|error| corrupt(column, &error))
}

fn corrupt(column: &str, error: &dyn std::fmt::Display) -> DatabaseError {
    DatabaseError::Corrupt(format!("column {column}: {error}"))
}
