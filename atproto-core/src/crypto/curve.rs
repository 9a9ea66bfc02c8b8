use std::fmt;

/// One of the two elliptic curves that every implementation supports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Curve {
    /// secp256k1, the usual one for signing keys of accounts.
    K256,
    /// NIST P-256, also called secp256r1 or prime256v1.
    P256,
}

impl Curve {
    /// The name of its signatures in JSON web tokens: `ES256K` or `ES256`.
    pub const fn jwt_algorithm(self) -> &'static str {
        match self {
            Self::K256 => "ES256K",
            Self::P256 => "ES256",
        }
    }

    /// The multicodec of its public keys, 0xE7 or 0x1200, as a varint.
    pub(super) const fn multicodec(self) -> [u8; 2] {
        match self {
            Self::K256 => [0xE7, 0x01],
            Self::P256 => [0x80, 0x24],
        }
    }
}

impl fmt::Display for Curve {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::K256 => "k256",
            Self::P256 => "p256",
        })
    }
}
