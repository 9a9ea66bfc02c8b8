//! Failures of the server's parts as answers to a client.

use atproto_repo::repo::ApplyError;
use atproto_xrpc::XrpcError;

use crate::{
    accounts::AccountError, blobs::UploadError, database::DatabaseError, store::commit::CommitError,
};

impl From<DatabaseError> for XrpcError {
    fn from(error: DatabaseError) -> Self {
        Self::internal(error)
    }
}

impl From<CommitError> for XrpcError {
    fn from(error: CommitError) -> Self {
        let message = error.to_string();
        match error {
            CommitError::Database(error) => error.into(),
            CommitError::Apply(error @ ApplyError::TooLarge { .. }) => {
                Self::invalid_request(error.to_string())
            }
            // Everything else that a client can do wrong was looked at before.
            CommitError::Apply(error) => Self::internal(error),
            CommitError::NoRepo => Self::bad_request("RepoNotFound", message),
            CommitError::Inactive => Self::bad_request("AccountDeactivated", message),
            CommitError::CommitSwapped { .. } | CommitError::RecordSwapped { .. } => {
                Self::bad_request("InvalidSwap", message)
            }
            CommitError::BlobNotFound { .. } => Self::bad_request("BlobNotFound", message),
            CommitError::RecordNotFound { .. } => Self::bad_request("RecordNotFound", message),
            CommitError::BlobMismatch { .. }
            | CommitError::RecordExists { .. }
            | CommitError::SamePath { .. } => Self::invalid_request(message),
        }
    }
}

impl From<AccountError> for XrpcError {
    fn from(error: AccountError) -> Self {
        match error {
            AccountError::Database(error) => error.into(),
            AccountError::Taken(_) | AccountError::InviteCode | AccountError::Unknown => {
                Self::invalid_request(error.to_string())
            }
        }
    }
}

impl From<UploadError> for XrpcError {
    fn from(error: UploadError) -> Self {
        match error {
            UploadError::Io(error) => Self::internal(error),
            UploadError::TooLarge { .. } => {
                Self::payload_too_large().with_message(error.to_string())
            }
            UploadError::Empty | UploadError::Interrupted(_) | UploadError::Length { .. } => {
                Self::invalid_request(error.to_string())
            }
        }
    }
}
