use std::fmt;

use k256::ecdsa::signature::Signer as _;
use zeroize::Zeroizing;

use super::{Curve, KeyError, PublicKey, SignError, Signature, Signer};

/// A secret key in memory, overwritten when it is dropped.
///
/// Neither [`Debug`] nor any other trait shows it; [`SecretKey::to_bytes`] is the only
/// way out. Signatures are deterministic (RFC 6979).
#[derive(Clone)]
pub struct SecretKey(Inner);

#[derive(Clone)]
enum Inner {
    K256(k256::ecdsa::SigningKey),
    P256(p256::ecdsa::SigningKey),
}

impl SecretKey {
    /// The length in bytes.
    pub const LEN: usize = 32;

    /// Makes a new key.
    ///
    /// # Panics
    ///
    /// If the operating system has no randomness to give. There is no safe key then.
    pub fn generate(curve: Curve) -> Self {
        let mut bytes = Zeroizing::new([0; Self::LEN]);
        loop {
            getrandom::fill(bytes.as_mut_slice()).expect("the operating system gives randomness");
            // Numbers out of range are rarer than one in 2^32; another draw is unbiased.
            if let Ok(key) = Self::from_bytes(curve, bytes.as_slice()) {
                return key;
            }
        }
    }

    /// Takes a key from its 32 bytes, big-endian.
    pub fn from_bytes(curve: Curve, bytes: &[u8]) -> Result<Self, KeyError> {
        // The libraries pad short input; a key that lost bytes must not become another one.
        if bytes.len() != Self::LEN {
            return Err(KeyError::Secret);
        }
        let inner = match curve {
            Curve::K256 => k256::ecdsa::SigningKey::from_slice(bytes).map(Inner::K256),
            Curve::P256 => p256::ecdsa::SigningKey::from_slice(bytes).map(Inner::P256),
        };
        inner.map(Self).map_err(|_| KeyError::Secret)
    }

    /// Takes a key from 64 hexadecimal digits of either case.
    pub fn from_hex(curve: Curve, text: &str) -> Result<Self, KeyError> {
        let mut bytes = Zeroizing::new([0; Self::LEN]);
        if text.len() != 2 * Self::LEN {
            return Err(KeyError::Encoding);
        }
        data_encoding::HEXLOWER_PERMISSIVE
            .decode_mut(text.as_bytes(), bytes.as_mut_slice())
            .map_err(|_| KeyError::Encoding)?;
        Self::from_bytes(curve, bytes.as_slice())
    }

    /// The 32 bytes, big-endian, overwritten when they are dropped.
    pub fn to_bytes(&self) -> Zeroizing<[u8; Self::LEN]> {
        Zeroizing::new(match &self.0 {
            Inner::K256(key) => key.to_bytes().into(),
            Inner::P256(key) => key.to_bytes().into(),
        })
    }

    /// The curve.
    pub fn curve(&self) -> Curve {
        match self.0 {
            Inner::K256(_) => Curve::K256,
            Inner::P256(_) => Curve::P256,
        }
    }

    /// The public key that belongs to it.
    pub fn public_key(&self) -> PublicKey {
        match &self.0 {
            Inner::K256(key) => PublicKey::k256(*key.verifying_key()),
            Inner::P256(key) => PublicKey::p256(*key.verifying_key()),
        }
    }
}

impl Signer for SecretKey {
    fn public_key(&self) -> PublicKey {
        self.public_key()
    }

    fn sign(&self, message: &[u8]) -> Result<Signature, SignError> {
        // The library lowers s on one curve and not on the other, so both are lowered here.
        let bytes: [u8; Signature::LEN] = match &self.0 {
            Inner::K256(key) => {
                let signature: k256::ecdsa::Signature =
                    key.try_sign(message).map_err(SignError::unavailable)?;
                signature.normalize_s().to_bytes().into()
            }
            Inner::P256(key) => {
                let signature: p256::ecdsa::Signature =
                    key.try_sign(message).map_err(SignError::unavailable)?;
                signature.normalize_s().to_bytes().into()
            }
        };
        Ok(Signature::from(bytes))
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey({}, …)", self.curve())
    }
}
