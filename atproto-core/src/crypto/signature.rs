use std::fmt;

use super::SignatureError;

/// A signature: the numbers `r` and `s`, 32 bytes each, big-endian.
///
/// Nothing is known about its validity until a key has verified it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Signature([u8; Self::LEN]);

impl Signature {
    /// The length in bytes. Source: <https://atproto.com/specs/cryptography#ecdsa-signature-malleability>.
    pub const LEN: usize = 64;

    /// Takes a signature from bytes, of which there must be 64.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SignatureError> {
        bytes.try_into().map(Self).map_err(|_| SignatureError::Length(bytes.len()))
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }
}

impl From<[u8; Self::LEN]> for Signature {
    fn from(bytes: [u8; Self::LEN]) -> Self {
        Self(bytes)
    }
}

impl TryFrom<&[u8]> for Signature {
    type Error = SignatureError;

    fn try_from(bytes: &[u8]) -> Result<Self, SignatureError> {
        Self::from_bytes(bytes)
    }
}

impl AsRef<[u8]> for Signature {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signature({})", data_encoding::HEXLOWER.encode(&self.0))
    }
}
