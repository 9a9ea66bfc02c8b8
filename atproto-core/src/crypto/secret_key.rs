use std::fmt;

use k256::ecdsa::signature::Signer as _;
use zeroize::{ZeroizeOnDrop, Zeroizing};

use super::{Curve, KeyError, PublicKey, SignError, Signature, Signer};

/// A secret key in memory, overwritten when it is dropped.
///
/// Neither [`Debug`] nor any other trait shows it; [`SecretKey::to_bytes`] is the only
/// way out. Signatures are deterministic (RFC 6979).
#[derive(Clone, ZeroizeOnDrop)]
pub struct SecretKey {
    secret: Secret,
    #[zeroize(skip)]
    public: PublicKey,
}

#[derive(Clone, ZeroizeOnDrop)]
enum Secret {
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
        let secret = match curve {
            Curve::K256 => k256::ecdsa::SigningKey::from_slice(bytes).map(Secret::K256),
            Curve::P256 => p256::ecdsa::SigningKey::from_slice(bytes).map(Secret::P256),
        }
        .map_err(|_| KeyError::Secret)?;
        Ok(Self { public: secret.public_key()?, secret })
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
        let mut bytes = Zeroizing::new([0; Self::LEN]);
        match &self.secret {
            Secret::K256(key) => bytes.copy_from_slice(&Zeroizing::new(key.to_bytes())[..]),
            Secret::P256(key) => bytes.copy_from_slice(&Zeroizing::new(key.to_bytes())[..]),
        }
        bytes
    }

    /// The curve.
    pub fn curve(&self) -> Curve {
        self.public.curve()
    }

    /// The public key that belongs to it.
    pub fn public_key(&self) -> PublicKey {
        self.public.clone()
    }
}

impl Secret {
    fn public_key(&self) -> Result<PublicKey, KeyError> {
        match self {
            Self::K256(key) => {
                let point = key.verifying_key().to_sec1_point(false);
                PublicKey::from_sec1(Curve::K256, point.as_bytes())
            }
            Self::P256(key) => {
                let point = key.verifying_key().to_sec1_point(false);
                PublicKey::from_sec1(Curve::P256, point.as_bytes())
            }
        }
    }
}

impl Signer for SecretKey {
    fn public_key(&self) -> PublicKey {
        self.public_key()
    }

    fn sign(&self, message: &[u8]) -> Result<Signature, SignError> {
        let bytes: [u8; Signature::LEN] = match &self.secret {
            Secret::K256(key) => {
                let signature: k256::ecdsa::Signature =
                    key.try_sign(message).map_err(SignError::unavailable)?;
                signature.to_bytes().into()
            }
            Secret::P256(key) => {
                let signature: p256::ecdsa::Signature =
                    key.try_sign(message).map_err(SignError::unavailable)?;
                signature.to_bytes().into()
            }
        };
        // The library lowers s on one curve and not on the other.
        Ok(Signature::from(bytes).to_low_s(self.curve()))
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey({}, …)", self.curve())
    }
}
