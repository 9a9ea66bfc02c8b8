use serde::de::DeserializeOwned;

use super::{CborError, check, de};

/// Bytes that [`check`] has found good: one value of the data model in its canonical form.
///
/// Having it checked once is enough for validating it and reading it too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checked<'a>(&'a [u8]);

impl<'a> Checked<'a> {
    /// Checks the bytes as [`check`] does.
    pub fn new(bytes: &'a [u8]) -> Result<Self, CborError> {
        check(bytes)?;
        Ok(Self(bytes))
    }

    /// The bytes.
    pub const fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// Reads a typed value, as [`from_slice`](super::from_slice) does.
    pub fn read<T: DeserializeOwned>(self) -> Result<T, CborError> {
        de::typed(self.0)
    }
}
