mod sha256;

use std::{
    fmt,
    hash::{Hash, Hasher},
    str::FromStr,
};

use serde::{Serialize, Serializer};

use super::{Fault, SyntaxError, base32::Alphabet};

/// A content identifier: what the bytes of a block or blob hash to.
///
/// The protocol admits one form: version 1, DAG-CBOR or raw, SHA-256, written in
/// lower-case base32. So a CID here is a codec and a digest, [`Copy`], 33 bytes, and
/// anything else is refused when it is parsed.
///
/// With serde this is the text, the lexicon's string format `cid`; a link within data is
/// a type of its own. CIDs are ordered as their binary forms are.
///
/// See the [specification](https://atproto.com/specs/data-model#link-and-cid-formats).
///
/// ```
/// use atproto_core::syntax::{Cid, Codec};
///
/// let cid = Cid::raw(b"hello");
/// assert_eq!(cid.codec(), Codec::Raw);
/// assert!(cid.matches(b"hello"));
/// assert_eq!(cid, cid.to_string().parse()?);
/// assert_eq!(cid, Cid::from_bytes(&cid.to_bytes())?);
/// # Ok::<(), atproto_core::syntax::SyntaxError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cid {
    codec: Codec,
    digest: [u8; 32],
}

string_deserialize!(Cid, "a CID");

/// What a CID says about the bytes behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Codec {
    /// Bytes without structure: a blob.
    Raw = 0x55,
    /// DAG-CBOR: a record, a tree node, a commit.
    DagCbor = 0x71,
}

impl Cid {
    /// The length of the binary form in bytes: version, codec, hash function, digest
    /// length, and the digest.
    pub const BYTES: usize = 4 + 32;

    /// The length of the text in bytes: `b`, then 5 bits a character.
    pub const TEXT: usize = 1 + (Self::BYTES * 8).div_ceil(5);

    /// Parses the text form.
    pub fn new(text: impl AsRef<str>) -> Result<Self, SyntaxError> {
        parse(text.as_ref().as_bytes())
    }

    /// The CID of a DAG-CBOR block: hashes the bytes.
    pub fn dag_cbor(block: &[u8]) -> Self {
        Self::hash(Codec::DagCbor, block)
    }

    /// The CID of a blob: hashes the bytes.
    pub fn raw(blob: &[u8]) -> Self {
        Self::hash(Codec::Raw, blob)
    }

    /// The CID of bytes under a codec: hashes the bytes.
    pub fn hash(codec: Codec, bytes: &[u8]) -> Self {
        Self { codec, digest: sha256::digest(bytes) }
    }

    /// The CID with that SHA-256 digest.
    pub const fn from_digest(codec: Codec, digest: [u8; 32]) -> Self {
        Self { codec, digest }
    }

    /// Reads the binary form, which is exactly 36 bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SyntaxError> {
        let bytes: &[u8; Self::BYTES] =
            bytes.try_into().map_err(|_| SyntaxError::Cid(bad_length(Self::BYTES, bytes)))?;
        let codec = match *bytes {
            [VERSION, 0x71, SHA2_256, DIGEST_LEN, ..] => Codec::DagCbor,
            [VERSION, 0x55, SHA2_256, DIGEST_LEN, ..] => Codec::Raw,
            _ => return Err(SyntaxError::Cid(Fault::BadCidPrefix)),
        };
        let mut digest = [0; 32];
        digest.copy_from_slice(&bytes[4..]);
        Ok(Self { codec, digest })
    }

    /// The binary form.
    pub fn to_bytes(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[..4].copy_from_slice(&[VERSION, self.codec as u8, SHA2_256, DIGEST_LEN]);
        bytes[4..].copy_from_slice(&self.digest);
        bytes
    }

    /// Writes the text into a buffer of the caller, without an allocation.
    pub fn encode<'a>(&self, buffer: &'a mut [u8; Self::TEXT]) -> &'a str {
        let bytes = self.to_bytes();
        let (groups, last) = bytes.as_chunks::<5>();
        buffer[0] = MULTIBASE;
        let (places, rest) = buffer[1..].as_chunks_mut::<8>();
        for (&[a, b, c, d, e], place) in groups.iter().zip(places) {
            ALPHABET.encode(u64::from_be_bytes([0, 0, 0, a, b, c, d, e]), place);
        }
        ALPHABET.encode(u64::from(last[0]) << SPARE_BITS, rest);
        str::from_utf8(buffer).expect("the alphabet is ASCII")
    }

    /// What the bytes behind the CID are.
    pub const fn codec(&self) -> Codec {
        self.codec
    }

    /// The SHA-256 digest of the bytes behind the CID.
    pub const fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// Whether these are the bytes behind the CID: hashes them.
    pub fn matches(&self, bytes: &[u8]) -> bool {
        Self::hash(self.codec, bytes) == *self
    }
}

/// Without the length of the digest, which is always the same.
impl Hash for Cid {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(&self.digest);
        state.write_u8(self.codec as u8);
    }
}

impl fmt::Display for Cid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.encode(&mut [0; Self::TEXT]))
    }
}

impl fmt::Debug for Cid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cid({self})")
    }
}

impl Serialize for Cid {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.encode(&mut [0; Self::TEXT]))
    }
}

impl FromStr for Cid {
    type Err = SyntaxError;

    fn from_str(text: &str) -> Result<Self, SyntaxError> {
        Self::new(text)
    }
}

impl TryFrom<&str> for Cid {
    type Error = SyntaxError;

    fn try_from(text: &str) -> Result<Self, SyntaxError> {
        Self::new(text)
    }
}

impl TryFrom<String> for Cid {
    type Error = SyntaxError;

    fn try_from(text: String) -> Result<Self, SyntaxError> {
        Self::new(text)
    }
}

impl TryFrom<&[u8]> for Cid {
    type Error = SyntaxError;

    fn try_from(bytes: &[u8]) -> Result<Self, SyntaxError> {
        Self::from_bytes(bytes)
    }
}

impl From<Cid> for String {
    fn from(cid: Cid) -> Self {
        cid.encode(&mut [0; Cid::TEXT]).to_owned()
    }
}

impl From<Cid> for cid::Cid {
    fn from(cid: Cid) -> Self {
        let hash = cid::multihash::Multihash::wrap(u64::from(SHA2_256), &cid.digest)
            .expect("32 bytes fit into a multihash of 64");
        Self::new_v1(cid.codec as u64, hash)
    }
}

impl TryFrom<&cid::Cid> for Cid {
    type Error = SyntaxError;

    fn try_from(cid: &cid::Cid) -> Result<Self, SyntaxError> {
        let refused = SyntaxError::Cid(Fault::BadCidPrefix);
        let codec = match (cid.version(), cid.codec()) {
            (cid::Version::V1, 0x71) => Codec::DagCbor,
            (cid::Version::V1, 0x55) => Codec::Raw,
            _ => return Err(refused),
        };
        if cid.hash().code() != u64::from(SHA2_256) {
            return Err(refused);
        }
        let digest = cid.hash().digest().try_into().map_err(|_| refused)?;
        Ok(Self { codec, digest })
    }
}

impl TryFrom<cid::Cid> for Cid {
    type Error = SyntaxError;

    fn try_from(cid: cid::Cid) -> Result<Self, SyntaxError> {
        Self::try_from(&cid)
    }
}

// Not generic, so that decoding and reading become one function without a copy between them.
fn parse(text: &[u8]) -> Result<Cid, SyntaxError> {
    let bytes = decode_text(text).map_err(SyntaxError::Cid)?;
    Cid::from_bytes(&bytes)
}

fn decode_text(text: &[u8]) -> Result<[u8; Cid::BYTES], Fault> {
    let text: &[u8; Cid::TEXT] = match text {
        [MULTIBASE, ..] => text.try_into().map_err(|_| bad_length(Cid::TEXT, text))?,
        _ => return Err(Fault::MissingPrefix { expected: "b" }),
    };
    let (groups, rest) = text[1..].as_chunks::<8>();
    let mut bytes = [0; Cid::BYTES];
    let (places, last) = bytes.as_chunks_mut::<5>();
    let mut seen = 0;
    for (group, place) in groups.iter().zip(places) {
        let number = ALPHABET.decode(group);
        let [.., a, b, c, d, e] = number.to_be_bytes();
        *place = [a, b, c, d, e];
        seen |= number;
    }
    // Two characters are left for one byte.
    let rest = ALPHABET.decode(rest);
    last[0] = (rest >> SPARE_BITS) as u8;
    if seen | rest < 0 {
        let at = ALPHABET.first_stranger(&text[1..]).unwrap_or_default();
        return Err(Fault::BadCharacter { at: 1 + at });
    }
    // Spare bits that are not zero would give one CID two texts.
    if rest & ((1 << SPARE_BITS) - 1) == 0 { Ok(bytes) } else { Err(Fault::Trailing) }
}

fn bad_length(expected: usize, bytes: &[u8]) -> Fault {
    Fault::BadLength { expected, found: bytes.len() }
}

/// The multibase prefix of lower-case base32 without padding.
const MULTIBASE: u8 = b'b';
static ALPHABET: Alphabet = Alphabet::new(*b"abcdefghijklmnopqrstuvwxyz234567");
/// Bits of the text behind the last byte.
const SPARE_BITS: usize = (Cid::TEXT - 1) * 5 - Cid::BYTES * 8;

const VERSION: u8 = 1;
const SHA2_256: u8 = 0x12;
const DIGEST_LEN: u8 = 32;
