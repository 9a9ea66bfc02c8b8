//! How much of what an account's store holds.

use super::View;
use crate::database::DatabaseError;

/// Counts for an account that moves in or out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Census {
    /// Blocks of the repository.
    pub blocks: i64,
    /// Records.
    pub records: i64,
    /// Blobs that records refer to.
    pub expected_blobs: i64,
    /// Those of them that have been uploaded.
    pub uploaded_blobs: i64,
}

impl View<'_> {
    /// Counts everything.
    pub fn census(&self) -> Result<Census, DatabaseError> {
        let mut statement = self.connection().prepare_cached(
            "SELECT (SELECT count(*) FROM block), (SELECT count(*) FROM record),
                    (SELECT count(DISTINCT cid) FROM blob_reference),
                    (SELECT count(*) FROM blob WHERE kept = 1)",
        )?;
        Ok(statement.query_row([], |row| {
            Ok(Census {
                blocks: row.get(0)?,
                records: row.get(1)?,
                expected_blobs: row.get(2)?,
                uploaded_blobs: row.get(3)?,
            })
        })?)
    }
}
