//! Why a question was not passed on. These are causes of
//! [`ResolveError::Unavailable`](crate::identity::ResolveError::Unavailable).

/// The directory of did:plc did not answer lately.
#[derive(Debug, thiserror::Error)]
#[error("the directory of did:plc does not answer")]
pub(super) struct DirectoryDown;

/// Too many requests are under way or wait for their turn.
#[derive(Debug, thiserror::Error)]
#[error("more than {limit} requests are waiting")]
pub(super) struct TooManyRequests {
    pub(super) limit: usize,
}
