use std::fmt;

use super::number::Number;

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

    /// How many points there are, which the numbers of a signature stay below. Source:
    /// SEC 2, sections 2.4.1 and 2.4.2.
    pub(super) const fn order(self) -> Number {
        match self {
            Self::K256 => Number::new(
                0xFFFF_FFFF_FFFF_FFFF_FFFF_FFFF_FFFF_FFFE,
                0xBAAE_DCE6_AF48_A03B_BFD2_5E8C_D036_4141,
            ),
            Self::P256 => Number::new(
                0xFFFF_FFFF_0000_0000_FFFF_FFFF_FFFF_FFFF,
                0xBCE6_FAAD_A717_9E84_F3B9_CAC2_FC63_2551,
            ),
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
