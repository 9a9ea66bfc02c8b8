use std::fmt;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// A password or token of this server's own, such as an operator's.
///
/// Only its digest is held, and the one thing to be done with it takes the same time whatever
/// it is compared with: there is no `==`.
///
/// ```
/// use atproto_xrpc::auth::Secret;
///
/// let secret = Secret::new("correct horse");
/// assert!(secret.is("correct horse") && !secret.is("correct"));
/// ```
///
/// ```compile_fail
/// use atproto_xrpc::auth::Secret;
///
/// let secret = Secret::new("correct horse");
/// assert!(secret == Secret::new("correct horse"));
/// ```
#[derive(Clone)]
pub struct Secret {
    digest: [u8; 32],
    is_set: bool,
}

impl Secret {
    /// The secret with this text. Nothing is the same as an empty text, not even that: an
    /// option that was left empty opens no door.
    pub fn new(text: &str) -> Self {
        Self { digest: Sha256::digest(text).into(), is_set: !text.is_empty() }
    }

    /// Whether a text is the secret.
    pub fn is(&self, text: &str) -> bool {
        let digest: [u8; 32] = Sha256::digest(text).into();
        bool::from(digest.ct_eq(&self.digest)) && self.is_set
    }
}

/// Without the digest.
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secret").field("is_set", &self.is_set).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::Secret;

    #[test]
    fn an_empty_secret_is_no_secret() {
        assert!(Secret::new("a").is("a"));
        assert!(!Secret::new("a").is("b") && !Secret::new("a").is(""));
        assert!(!Secret::new("").is(""));
    }
}
