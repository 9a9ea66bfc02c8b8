//! Logging in by OAuth.

mod error;
mod state;

pub use error::{OAuthError, Refusal};
pub use state::OAuthState;
