use std::error::Error as StdError;

use thiserror::Error;

/// Why something is not a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Characters that base58 or, of a secret key, hexadecimal digits do not include, or
    /// too many of them.
    #[error("key is not properly encoded text")]
    Encoding,
    /// A point in an encoding that is not admitted here, or of the wrong length.
    #[error("public key is {0} bytes in an encoding that is not admitted here")]
    Form(usize),
    /// The text does not begin as this kind of key does.
    #[error("key does not begin with {0:?}")]
    Prefix(&'static str),
    /// A number that is not a point of the curve.
    #[error("public key is not a point of the curve")]
    Point,
    /// A secret key that is not 32 bytes, is zero, or lies beyond the order of the curve.
    #[error("secret key is out of range")]
    Secret,
    /// A well-formed key of a type that the protocol does not use.
    #[error("key is neither k256 nor p256")]
    Type,
}

/// Why a signature is not valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum SignatureError {
    /// Bytes that should be a signature in DER and are not.
    #[error("signature is not in DER")]
    Der,
    /// The half of the two signatures that is refused, so that only one is valid.
    #[error("signature has a high s")]
    HighS,
    /// Not the 64 bytes of the raw form; DER has another length.
    #[error("signature is {0} bytes instead of 64")]
    Length(usize),
    /// Well-formed, but not of this key over this message.
    #[error("signature does not match key and message")]
    Mismatch,
    /// One of the two numbers is zero or lies beyond the order of the curve.
    #[error("signature is out of range")]
    OutOfRange,
}

/// Why nothing was signed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SignError {
    /// What came back from whatever holds the key is not its signature over the message.
    #[error("the key gave a wrong signature")]
    Invalid(#[from] SignatureError),
    /// Whatever holds the key refused or could not be reached.
    #[error("the key could not be used")]
    Unavailable(#[source] Box<dyn StdError + Send + Sync>),
}

impl SignError {
    /// Wraps the error of whatever holds the key.
    pub fn unavailable(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Unavailable(source.into())
    }
}
