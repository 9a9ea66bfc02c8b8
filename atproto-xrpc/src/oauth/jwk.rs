use atproto_core::crypto::{Curve, PublicKey};
use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest, Sha256};

/// A public key as JSON: RFC 7517, RFC 7518 section 6.2, RFC 8812.
///
/// Only elliptic curves of the protocol are read, and nothing with a private part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Jwk(pub PublicKey);

/// The fields, in the order that a thumbprint asks for.
#[derive(Serialize, Deserialize)]
struct Fields {
    crv: String,
    kty: String,
    x: String,
    y: String,
    #[serde(default, skip_serializing)]
    d: Option<de::IgnoredAny>,
}

impl Jwk {
    /// The SHA-256 thumbprint of RFC 7638 as base64url: what tokens are bound to (`jkt`).
    pub fn thumbprint(&self) -> String {
        let json = serde_json::to_vec(&self.fields()).expect("texts can be written");
        BASE64URL_NOPAD.encode(&Sha256::digest(&json))
    }

    fn fields(&self) -> Fields {
        let point = self.0.to_sec1_uncompressed();
        let (x, y) = point[1..].split_at(COORDINATE);
        Fields {
            crv: curve_name(self.0.curve()).to_owned(),
            kty: "EC".to_owned(),
            x: BASE64URL_NOPAD.encode(x),
            y: BASE64URL_NOPAD.encode(y),
            d: None,
        }
    }

    fn from_fields(fields: &Fields) -> Result<Self, &'static str> {
        if fields.d.is_some() {
            return Err("a private key");
        }
        let curves = [Curve::P256, Curve::K256];
        let curve = curves.into_iter().find(|curve| curve_name(*curve) == fields.crv);
        let curve = curve.filter(|_| fields.kty == "EC").ok_or("a key of another kind")?;
        let coordinate = |text: &str| {
            let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).ok();
            bytes.filter(|bytes| bytes.len() == COORDINATE).ok_or("a coordinate is not 32 bytes")
        };
        let point = [vec![UNCOMPRESSED], coordinate(&fields.x)?, coordinate(&fields.y)?].concat();
        PublicKey::from_sec1(curve, &point).map(Self).map_err(|_| "not a point of the curve")
    }
}

impl Serialize for Jwk {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.fields().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Jwk {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::from_fields(&Fields::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

fn curve_name(curve: Curve) -> &'static str {
    match curve {
        Curve::P256 => "P-256",
        Curve::K256 => "secp256k1",
    }
}

const COORDINATE: usize = 32;
/// What an uncompressed point begins with (SEC 1, section 2.3.3).
const UNCOMPRESSED: u8 = 4;
