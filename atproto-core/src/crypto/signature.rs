use std::fmt;

use super::{Curve, SignatureError, number::Number};

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

    /// Reads the form that key management services answer with: ASN.1 in DER (RFC 3279,
    /// section 2.2.3). The protocol itself never uses it.
    ///
    /// Their `s` is often high: see [`PublicKey::verify_lowered`](super::PublicKey::verify_lowered).
    pub fn from_der(der: &[u8]) -> Result<Self, SignatureError> {
        let mut bytes = [0; Self::LEN];
        let (r, s) = bytes.split_at_mut(Self::LEN / 2);
        read_der(der, r, s).ok_or(SignatureError::Der)?;
        Ok(Self(bytes))
    }

    /// The one of the two signatures of the same validity that has the low `s`. Numbers
    /// beyond the order of the curve stay as they are.
    #[must_use]
    pub fn to_low_s(&self, curve: Curve) -> Self {
        let (_, s) = self.numbers();
        if s <= curve.order().half() || s >= curve.order() {
            return *self;
        }
        let mut lowered = *self;
        let s = curve.order().minus(s).to_be_bytes();
        lowered.0[Self::LEN / 2..].copy_from_slice(s.as_flattened());
        lowered
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }

    /// Checks what does not depend on key and message: that both numbers are in range,
    /// and `s` in the lower half of it.
    pub(super) fn check_numbers(&self, curve: Curve) -> Result<(), SignatureError> {
        let (r, s) = self.numbers();
        let order = curve.order();
        if [r, s].iter().any(|number| *number == Number::ZERO || *number >= order) {
            return Err(SignatureError::OutOfRange);
        }
        if s > order.half() {
            return Err(SignatureError::HighS);
        }
        Ok(())
    }

    fn numbers(&self) -> (Number, Number) {
        let word = |word: usize| {
            let mut bytes = [0; 16];
            bytes.copy_from_slice(&self.0[16 * word..][..16]);
            bytes
        };
        let number = |at| Number::from_be_bytes(word(at), word(at + 1));
        (number(0), number(2))
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

/// Reads a sequence of two integers, which must be all there is.
fn read_der(der: &[u8], r: &mut [u8], s: &mut [u8]) -> Option<()> {
    let (integers, []) = read_element(der, SEQUENCE)? else { return None };
    let (first, rest) = read_element(integers, INTEGER)?;
    let (second, []) = read_element(rest, INTEGER)? else { return None };
    copy_unsigned(first, r)?;
    copy_unsigned(second, s)
}

/// The content of an element of this type, and what follows it. A signature is shorter
/// than the 128 bytes from which on lengths would take more than one byte.
fn read_element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    match der {
        [first, length @ 0..=0x7F, rest @ ..] if *first == tag => {
            rest.split_at_checked(usize::from(*length))
        }
        _ => None,
    }
}

/// Copies a positive integer in its shortest form to the end of a field of zeros.
fn copy_unsigned(integer: &[u8], field: &mut [u8]) -> Option<()> {
    let digits = match integer {
        [0, digits @ ..] if digits.first().is_some_and(|digit| *digit > 0x7F) => digits,
        [0x01..=0x7F, ..] => integer,
        _ => return None,
    };
    let start = field.len().checked_sub(digits.len())?;
    field[start..].copy_from_slice(digits);
    Some(())
}

const INTEGER: u8 = 0x02;
const SEQUENCE: u8 = 0x30;
