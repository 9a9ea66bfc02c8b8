use std::{fmt, hash, str::FromStr};

use super::{Curve, KeyError, Signature, SignatureError, backend};

/// A public key, parsed and known to be a point of its curve.
///
/// Parsing decompresses the point, which costs about as much as a tenth of a
/// verification, and is done once: keep the value, not the text. It is less than 150
/// bytes without any pointer, so a clone is a copy.
#[derive(Clone)]
pub struct PublicKey {
    compressed: [u8; Self::COMPRESSED],
    point: Point,
}

/// The point in the form that the verifier of the curve wants.
#[derive(Clone)]
enum Point {
    K256(backend::K256),
    P256(backend::P256),
}

impl PublicKey {
    /// The length of the compressed form in bytes.
    pub const COMPRESSED: usize = 33;

    /// The length of the uncompressed form in bytes.
    pub const UNCOMPRESSED: usize = 65;

    /// Reads a `did:key` of either curve.
    pub fn from_did_key(text: &str) -> Result<Self, KeyError> {
        let multikey = text.strip_prefix(DID_KEY).ok_or(KeyError::Prefix(DID_KEY))?;
        Self::from_multikey(multikey)
    }

    /// Reads a Multikey of either curve: base58 behind a `z`, within it the key type and
    /// the compressed point.
    ///
    /// [`KeyError::Type`] says that the text is a Multikey of a type unknown here.
    pub fn from_multikey(text: &str) -> Result<Self, KeyError> {
        let mut buffer = [0; MAX_MULTIKEY];
        let bytes = decode_base58(text, &mut buffer)?;
        let Some((multicodec, point)) = bytes.split_at_checked(2) else {
            return Err(KeyError::Form(bytes.len()));
        };
        let curve = [Curve::K256, Curve::P256]
            .into_iter()
            .find(|curve| curve.multicodec() == *multicodec)
            .ok_or(KeyError::Type)?;
        match point {
            [0x02 | 0x03, x @ ..] if x.len() == 32 => Self::from_sec1(curve, point),
            _ => Err(KeyError::Form(point.len())),
        }
    }

    /// Reads the key of a verification method from before Multikey
    /// (`EcdsaSecp256k1VerificationKey2019`, `EcdsaSecp256r1VerificationKey2019`): base58
    /// behind a `z`, within it the point without a key type, compressed or not.
    pub fn from_legacy(curve: Curve, multibase: &str) -> Result<Self, KeyError> {
        let mut buffer = [0; Self::UNCOMPRESSED];
        let point = decode_base58(multibase, &mut buffer)?;
        Self::from_sec1(curve, point)
    }

    /// Reads a point as SEC 1 encodes it, compressed (33 bytes) or uncompressed (65).
    pub fn from_sec1(curve: Curve, bytes: &[u8]) -> Result<Self, KeyError> {
        // The libraries also read hybrid points, which nobody writes.
        let sign = match (bytes.len(), bytes) {
            (Self::COMPRESSED, [sign @ (0x02 | 0x03), ..]) => *sign,
            (Self::UNCOMPRESSED, [0x04, .., y]) => 0x02 | y & 1,
            (length, _) => return Err(KeyError::Form(length)),
        };
        let point = match curve {
            Curve::K256 => backend::K256::from_sec1(bytes).map(Point::K256),
            Curve::P256 => backend::P256::from_sec1(bytes).map(Point::P256),
        };
        let mut compressed = [sign; Self::COMPRESSED];
        compressed[1..].copy_from_slice(&bytes[1..Self::COMPRESSED]);
        Ok(Self { compressed, point: point.ok_or(KeyError::Point)? })
    }

    /// The key as `did:key`.
    pub fn to_did_key(&self) -> String {
        format!("{DID_KEY}{}", self.to_multikey())
    }

    /// The key as Multikey.
    pub fn to_multikey(&self) -> String {
        let mut bytes = [0; 2 + Self::COMPRESSED];
        bytes[..2].copy_from_slice(&self.curve().multicodec());
        bytes[2..].copy_from_slice(&self.compressed);
        format!("{BASE58}{}", bs58::encode(bytes).into_string())
    }

    /// The point as SEC 1 encodes it, compressed.
    pub fn as_sec1(&self) -> &[u8; Self::COMPRESSED] {
        &self.compressed
    }

    /// The point as SEC 1 encodes it, uncompressed: `0x04`, then the two coordinates of
    /// 32 bytes, as JSON web keys want them.
    pub fn to_sec1_uncompressed(&self) -> [u8; Self::UNCOMPRESSED] {
        match &self.point {
            Point::K256(point) => point.to_sec1(),
            Point::P256(point) => point.to_sec1(),
        }
    }

    /// The curve.
    pub fn curve(&self) -> Curve {
        match self.point {
            Point::K256(_) => Curve::K256,
            Point::P256(_) => Curve::P256,
        }
    }

    /// Verifies a signature over a message.
    ///
    /// The answer, and the error, are the same with every combination of features.
    pub fn verify(&self, message: &[u8], signature: &Signature) -> Result<(), SignatureError> {
        signature.check_numbers(self.curve())?;
        let verified = match &self.point {
            Point::K256(point) => point.verify(message, signature),
            Point::P256(point) => point.verify(message, signature),
        };
        verified.then_some(()).ok_or(SignatureError::Mismatch)
    }

    /// Verifies a signature that was made by something which may not know about low `s`,
    /// and gives the one to use: the same, or its low twin.
    ///
    /// Only for signatures that were asked for. What others sent is verified as it is.
    pub fn verify_lowered(
        &self,
        message: &[u8],
        signature: &Signature,
    ) -> Result<Signature, SignatureError> {
        let signature = signature.to_low_s(self.curve());
        self.verify(message, &signature)?;
        Ok(signature)
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.to_did_key())
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.to_did_key())
    }
}

impl FromStr for PublicKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        Self::from_did_key(text)
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.curve() == other.curve() && self.compressed == other.compressed
    }
}

impl Eq for PublicKey {}

impl hash::Hash for PublicKey {
    fn hash<H: hash::Hasher>(&self, state: &mut H) {
        self.curve().hash(state);
        self.compressed.hash(state);
    }
}

/// Decodes into a buffer of fixed size: base58 takes time quadratic in the output, so
/// the size of the buffer is also the bound on foreign text.
fn decode_base58<'a>(text: &str, buffer: &'a mut [u8]) -> Result<&'a [u8], KeyError> {
    let text = text.strip_prefix(BASE58).ok_or(KeyError::Prefix("z"))?;
    let length = bs58::decode(text).onto(&mut *buffer).map_err(|_| KeyError::Encoding)?;
    Ok(&buffer[..length])
}

const DID_KEY: &str = "did:key:";

/// The multibase prefix of base58 with Bitcoin's alphabet.
const BASE58: char = 'z';

/// Ours: room for the key types that are in use elsewhere, so that they are told apart
/// from text that is no key. The longest of ours is 35 bytes.
const MAX_MULTIKEY: usize = 128;
