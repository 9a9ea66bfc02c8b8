//! The rule by which one operation follows another.

use super::limits::RECOVERY_WINDOW_MICROS;
use super::operation::{SignatureProblem, SignedOperation, did_of_genesis};
use super::state::State;
use crate::syntax::{Cid, Did, DidMethod};

/// The operations of one identity that are in force, in order, and the rule for the next.
///
/// Displaced operations leave the history; whoever keeps them learns their CIDs from
/// [`Accepted::nullified`]. Times are microseconds since 1970 and come from the directory:
/// an operation does not say when it was made.
#[derive(Debug, Clone)]
pub struct History {
    did: Did,
    entries: Vec<Entry>,
}

#[derive(Debug, Clone)]
struct Entry {
    cid: Cid,
    operation: SignedOperation,
    accepted_at: i64,
}

/// What becomes of an operation that follows the rule.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Accepted {
    /// The operation's own CID.
    pub cid: Cid,
    /// The operations that it displaces, oldest first; empty unless it is a recovery.
    pub nullified: Vec<Cid>,
}

/// Why an operation does not follow from a history.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OperationError {
    /// The DID is not the hash of its genesis.
    #[error("hash of genesis operation does not match DID identifier: {expected}")]
    GenesisHash {
        /// The DID that this genesis creates.
        expected: Did,
    },
    /// A recovery came after the window of 72 hours.
    #[error("recovery after {elapsed_micros} µs is outside of the 72 hour window")]
    LateRecovery {
        /// Time since the first operation that it would displace, in microseconds.
        elapsed_micros: i64,
    },
    /// The DID does not have the form of a did:plc.
    #[error("not a did:plc: {0}")]
    NotPlc(Did),
    /// `prev` is null, names no operation in force, or names a tombstone; a genesis is a
    /// tombstone or has a `prev`; a recovery is not newer than what it displaces.
    #[error("operations not correctly ordered")]
    Misordered,
    /// The signature is not that of an authorized key.
    #[error("invalid signature on operation")]
    Signature(#[from] SignatureProblem),
}

impl History {
    /// The empty history of an identity that does not exist yet.
    pub fn new(did: Did) -> Self {
        Self { did, entries: Vec::new() }
    }

    /// Adds an operation that follows the rule, as of `accepted_at` (microseconds since 1970).
    pub fn accept(
        &mut self,
        operation: SignedOperation,
        accepted_at: i64,
    ) -> Result<Accepted, OperationError> {
        let accepted = self.check(&operation, accepted_at)?;
        self.entries.truncate(self.entries.len() - accepted.nullified.len());
        self.entries.push(Entry { cid: accepted.cid, operation, accepted_at });
        Ok(accepted)
    }

    /// Adds an operation that was accepted before and is trusted: nothing is checked.
    pub fn restore(&mut self, cid: Cid, operation: SignedOperation, accepted_at: i64) {
        self.entries.push(Entry { cid, operation, accepted_at });
    }

    /// Whether an operation follows the rule, as of `now` (microseconds since 1970).
    pub fn check(&self, operation: &SignedOperation, now: i64) -> Result<Accepted, OperationError> {
        let Some(newest) = self.entries.last() else { return self.check_genesis(operation) };
        let prev = operation.prev().ok_or(OperationError::Misordered)?;
        let index = self
            .entries
            .iter()
            .position(|entry| entry.cid == prev)
            .ok_or(OperationError::Misordered)?;
        let fork = self.entries[index].operation.operation().ok_or(OperationError::Misordered)?;
        let displaced = &self.entries[index + 1..];

        let Some(disputed) = displaced.first() else {
            operation.signer(&fork.rotation_keys)?;
            return Ok(Accepted { cid: operation.cid(), nullified: Vec::new() });
        };
        // Only a key of more authority than the one that is being overruled may sign.
        let overruled = disputed.operation.signer(&fork.rotation_keys)?;
        operation.signer(&fork.rotation_keys[..overruled])?;
        if now <= newest.accepted_at {
            return Err(OperationError::Misordered);
        }
        let elapsed_micros = now.saturating_sub(disputed.accepted_at);
        if elapsed_micros > RECOVERY_WINDOW_MICROS {
            return Err(OperationError::LateRecovery { elapsed_micros });
        }
        Ok(Accepted {
            cid: operation.cid(),
            nullified: displaced.iter().map(|entry| entry.cid).collect(),
        })
    }

    /// The identity.
    pub fn did(&self) -> &Did {
        &self.did
    }

    /// The newest operation in force.
    pub fn newest(&self) -> Option<&SignedOperation> {
        self.entries.last().map(|entry| &entry.operation)
    }

    /// The operations in force, oldest first, with the time each was accepted.
    pub fn iter(&self) -> impl Iterator<Item = (&SignedOperation, i64)> {
        self.entries.iter().map(|entry| (&entry.operation, entry.accepted_at))
    }

    /// The current state; `None` before a genesis and after a tombstone.
    pub fn state(&self) -> Option<State> {
        Some(State::new(self.did.clone(), self.newest()?.operation()?))
    }

    fn check_genesis(&self, operation: &SignedOperation) -> Result<Accepted, OperationError> {
        // A longer identifier is a known way to confuse logs; the length is exact.
        if !matches!(self.did.supported(), Ok(DidMethod::Plc { .. })) {
            return Err(OperationError::NotPlc(self.did.clone()));
        }
        let content = operation.operation().ok_or(OperationError::Misordered)?;
        if content.prev.is_some() {
            return Err(OperationError::Misordered);
        }
        operation.signer(&content.rotation_keys)?;
        let expected = did_of_genesis(operation);
        if expected != self.did {
            return Err(OperationError::GenesisHash { expected });
        }
        Ok(Accepted { cid: operation.cid(), nullified: Vec::new() })
    }
}
