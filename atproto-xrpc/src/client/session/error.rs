use atproto_core::Classify;

use crate::client::{oauth::OAuthError, store::StoreError};

/// Why a session cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// The tokens could not be renewed.
    #[error("the tokens cannot be renewed")]
    Renewal(#[source] Box<OAuthError>),
    /// The session is not in its store any more: it was ended elsewhere.
    #[error("the session has been ended")]
    Ended,
    /// The store cannot be read, or the renewed tokens cannot be kept in it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The runtime ends.
    #[error("the program is shutting down")]
    ShuttingDown,
}

impl SessionError {
    /// Whether the session is over, so that the user has to log in again.
    pub fn is_over(&self) -> bool {
        match self {
            Self::Renewal(error) => error.ends_session(),
            Self::Ended => true,
            Self::Store(_) | Self::ShuttingDown => false,
        }
    }

    /// Whether another attempt later may succeed.
    pub fn is_transient(&self) -> bool {
        self.class().is_transient()
    }
}

impl From<OAuthError> for SessionError {
    fn from(error: OAuthError) -> Self {
        Self::Renewal(Box::new(error))
    }
}
