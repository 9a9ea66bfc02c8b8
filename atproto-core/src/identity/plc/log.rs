//! Whole audit logs.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::history::{History, OperationError};
use super::operation::SignedOperation;
use super::state::State;
use crate::syntax::{Cid, Datetime, Did};

/// A line of an audit log: an operation and what the directory says about it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditEntry {
    /// The identity.
    pub did: Did,
    /// The operation.
    pub operation: SignedOperation,
    /// Its CID.
    pub cid: Cid,
    /// Whether a recovery has displaced it.
    pub nullified: bool,
    /// When the directory accepted it.
    pub created_at: Datetime,
}

/// What a verified audit log says.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct VerifiedLog {
    /// The current state; `None` if the identity is tombstoned.
    pub state: Option<State>,
    /// The operations in force.
    pub history: History,
    /// The displaced operations, in the order in which they were displaced.
    pub nullified: Vec<Cid>,
}

/// Why an audit log is not to be believed. `index` counts entries from zero.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// The CID is not that of the operation.
    #[error("entry {index} has the CID {stated}, its operation {computed}")]
    CidMismatch {
        /// The entry.
        index: usize,
        /// What the directory says.
        stated: Cid,
        /// The operation's hash.
        computed: Cid,
    },
    /// There are no entries: no directory has such a log.
    #[error("the log is empty")]
    Empty,
    /// The entry is about another identity.
    #[error("entry {index} belongs to {found}")]
    ForeignEntry {
        /// The entry.
        index: usize,
        /// Its DID.
        found: Did,
    },
    /// The operation is marked as nullified though nothing displaces it, or the reverse.
    #[error("entry {index} is wrongly marked: nullified is {stated}")]
    NullifiedMismatch {
        /// The entry.
        index: usize,
        /// What the directory says.
        stated: bool,
    },
    /// The operation does not follow from the entries before it.
    #[error("entry {index} is not acceptable")]
    Operation {
        /// The entry.
        index: usize,
        /// Why not.
        #[source]
        source: OperationError,
    },
    /// The time is earlier than that of the entry before, or cannot be read.
    #[error("entry {index} is out of order in time")]
    Time {
        /// The entry.
        index: usize,
    },
}

/// Verifies a whole audit log: the genesis hash, every CID and every signature, also those of
/// displaced operations, the recovery rule, and which operations are marked as nullified.
///
/// What remains to be trusted is that the directory did not withhold operations and that its
/// times are right. Limits of submission are not applied, for old logs exceed some of them.
pub fn verify_log(did: &Did, entries: &[AuditEntry]) -> Result<VerifiedLog, LogError> {
    let mut history = History::new(did.clone());
    let mut nullified = Vec::new();
    let mut latest = i64::MIN;
    for (index, entry) in entries.iter().enumerate() {
        if entry.did != *did {
            return Err(LogError::ForeignEntry { index, found: entry.did.clone() });
        }
        let created_at = entry
            .created_at
            .unix_micros()
            .filter(|micros| *micros >= latest)
            .ok_or(LogError::Time { index })?;
        latest = created_at;
        let accepted = history
            .accept(entry.operation.clone(), created_at)
            .map_err(|source| LogError::Operation { index, source })?;
        if accepted.cid != entry.cid {
            return Err(LogError::CidMismatch { index, stated: entry.cid, computed: accepted.cid });
        }
        nullified.extend(accepted.nullified);
    }
    if entries.is_empty() {
        return Err(LogError::Empty);
    }
    check_marks(entries, &nullified)?;
    Ok(VerifiedLog { state: history.state(), history, nullified })
}

fn check_marks(entries: &[AuditEntry], nullified: &[Cid]) -> Result<(), LogError> {
    let nullified: HashSet<&Cid> = nullified.iter().collect();
    match entries.iter().position(|entry| nullified.contains(&entry.cid) != entry.nullified) {
        Some(index) => Err(LogError::NullifiedMismatch { index, stated: entries[index].nullified }),
        None => Ok(()),
    }
}
