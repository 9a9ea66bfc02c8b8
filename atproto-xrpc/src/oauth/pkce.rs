use data_encoding::BASE64URL_NOPAD;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::random;

/// A secret by which an app shows that it is the one that began a flow: RFC 7636. Its
/// challenge goes ahead, the verifier follows with the code.
#[derive(Clone)]
pub struct Pkce(String);

impl Pkce {
    /// A new one.
    pub fn generate() -> Self {
        Self(BASE64URL_NOPAD.encode(&random::bytes::<32>()))
    }

    /// The verifier: a secret.
    pub fn verifier(&self) -> &str {
        &self.0
    }

    /// The challenge of the method `S256`.
    pub fn challenge(&self) -> String {
        challenge(&self.0)
    }

    /// Whether a verifier has the form that it must have, and is that of a challenge.
    pub fn matches(verifier: &str, expected: &str) -> bool {
        let has_form = (43..=128).contains(&verifier.len()) && verifier.bytes().all(is_unreserved);
        has_form && challenge(verifier).as_bytes().ct_eq(expected.as_bytes()).into()
    }
}

/// Without the secret.
impl std::fmt::Debug for Pkce {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pkce").finish_non_exhaustive()
    }
}

fn challenge(verifier: &str) -> String {
    BASE64URL_NOPAD.encode(&Sha256::digest(verifier))
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}
