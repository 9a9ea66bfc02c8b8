//! What a directory asks of a new operation before it looks at the log.

use std::collections::HashSet;

use super::limits;
use super::operation::{Content, Operation, SignedOperation};
use crate::crypto::PublicKey;

/// Why an operation is not admitted to a directory, whatever its history.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SubmissionError {
    /// The name or the key occurs twice.
    #[error("duplicate {what} entry: {value}")]
    Duplicate {
        /// The field.
        what: &'static str,
        /// The repeated entry.
        value: String,
    },
    /// A rotation key is not a `did:key` of a supported curve, or a verification method is
    /// not a `did:key` in base58.
    #[error("invalid {what} key: {value}")]
    InvalidKey {
        /// The field.
        what: &'static str,
        /// The key.
        value: String,
    },
    /// The form of genesis used until 2023.
    #[error("operations of type create are no longer accepted")]
    LegacyCreate,
    /// Nobody could ever sign a successor.
    #[error("at least one rotation key is needed")]
    NoRotationKey,
    /// The operation is too big in DAG-CBOR.
    #[error("operation too large ({} bytes maximum in cbor encoding)", limits::OPERATION_BYTES)]
    OperationTooLarge,
    /// An entry is too long.
    #[error("{what} too long (max {limit}): {value}")]
    TooLong {
        /// The field.
        what: &'static str,
        /// Its limit in bytes.
        limit: usize,
        /// The entry.
        value: String,
    },
    /// There are too many entries.
    #[error("too many {what} entries (max {limit})")]
    TooMany {
        /// The field.
        what: &'static str,
        /// Its limit.
        limit: usize,
    },
}

/// Checks an operation against the [limits](super::limits) of submission.
pub fn check_submission(operation: &SignedOperation) -> Result<(), SubmissionError> {
    if operation.to_cbor().len() > limits::OPERATION_BYTES {
        return Err(SubmissionError::OperationTooLarge);
    }
    match operation.content() {
        Content::Operation(operation) => {
            check_rotation_keys(operation)?;
            check_names(operation)?;
            check_services(operation)?;
            check_verification_methods(operation)
        }
        Content::Tombstone(_) => Ok(()),
        Content::LegacyCreate(_) => Err(SubmissionError::LegacyCreate),
    }
}

fn check_rotation_keys(operation: &Operation) -> Result<(), SubmissionError> {
    let what = "rotationKeys";
    if operation.rotation_keys.is_empty() {
        return Err(SubmissionError::NoRotationKey);
    }
    at_most(what, operation.rotation_keys.len(), limits::ROTATION_KEYS)?;
    all_different(what, &operation.rotation_keys)?;
    match operation.rotation_keys.iter().find(|key| PublicKey::from_did_key(key).is_err()) {
        Some(value) => Err(SubmissionError::InvalidKey { what, value: value.clone() }),
        None => Ok(()),
    }
}

fn check_names(operation: &Operation) -> Result<(), SubmissionError> {
    let what = "alsoKnownAs";
    at_most(what, operation.also_known_as.len(), limits::ALSO_KNOWN_AS)?;
    all_different(what, &operation.also_known_as)?;
    operation
        .also_known_as
        .iter()
        .try_for_each(|name| at_most_bytes(what, name, limits::ALSO_KNOWN_AS_BYTES))
}

fn check_services(operation: &Operation) -> Result<(), SubmissionError> {
    at_most("services", operation.services.len(), limits::SERVICES)?;
    for (name, service) in &operation.services {
        at_most_bytes("service id", name, limits::NAME_BYTES)?;
        at_most_bytes("service type", &service.kind, limits::SERVICE_TYPE_BYTES)?;
        at_most_bytes("service endpoint", &service.endpoint, limits::SERVICE_ENDPOINT_BYTES)?;
    }
    Ok(())
}

fn check_verification_methods(operation: &Operation) -> Result<(), SubmissionError> {
    let what = "verificationMethods";
    at_most(what, operation.verification_methods.len(), limits::VERIFICATION_METHODS)?;
    for (name, key) in &operation.verification_methods {
        at_most_bytes("verification method id", name, limits::NAME_BYTES)?;
        at_most_bytes("verification method key", key, limits::DID_KEY_BYTES)?;
        if !is_did_key(key) {
            return Err(SubmissionError::InvalidKey { what, value: key.clone() });
        }
    }
    Ok(())
}

/// Any kind of key will do, as long as it is in base58.
fn is_did_key(key: &str) -> bool {
    key.strip_prefix("did:key:z")
        .is_some_and(|base58| !base58.is_empty() && bs58::decode(base58).into_vec().is_ok())
}

fn at_most(what: &'static str, count: usize, limit: usize) -> Result<(), SubmissionError> {
    if count > limit { Err(SubmissionError::TooMany { what, limit }) } else { Ok(()) }
}

fn at_most_bytes(what: &'static str, value: &str, limit: usize) -> Result<(), SubmissionError> {
    if value.len() > limit {
        return Err(SubmissionError::TooLong { what, limit, value: value.to_owned() });
    }
    Ok(())
}

fn all_different(what: &'static str, values: &[String]) -> Result<(), SubmissionError> {
    let mut seen = HashSet::new();
    match values.iter().find(|value| !seen.insert(value.as_str())) {
        Some(value) => Err(SubmissionError::Duplicate { what, value: value.clone() }),
        None => Ok(()),
    }
}
