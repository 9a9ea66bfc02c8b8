//! JSON Web Tokens in compact form: `header.claims.signature`.
//!
//! Three algorithms exist here: ES256K and ES256 (which of the two is the key's to say) and
//! HS256. A header's `alg` is compared with that and otherwise not listened to; a key in the
//! header is ignored but by proofs of possession, which are about that very key; `crit` is
//! refused.

use atproto_core::crypto::{Curve, PublicKey, SignError, Signature, Signer};
use data_encoding::BASE64URL_NOPAD;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sha2::Sha256;

/// The longest token that is looked at. Ours: 8 KiB; a service token has 400 bytes.
pub const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// Why a token is not one, or not valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JwtError {
    /// The header's `alg` is not that of the key.
    #[error("token is signed with another algorithm than its key's")]
    Algorithm,
    /// The claims are not the JSON object that this kind of token has.
    #[error("token has missing or malformed claims")]
    Claims,
    /// A part is not base64url without padding.
    #[error("token is not base64url")]
    Encoding,
    /// The header is not a JSON object with `alg`, or has critical extensions.
    #[error("token has a malformed header")]
    Header,
    /// There are not three parts.
    #[error("token does not have three parts")]
    Parts,
    /// The signature does not match.
    #[error("token signature does not match")]
    Signature,
    /// The token is longer than [`MAX_TOKEN_BYTES`].
    #[error("token is longer than {MAX_TOKEN_BYTES} bytes")]
    TooLong,
}

/// The first part of a token. Fields that are not known are ignored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Header {
    /// The kind of token: `JWT`, `at+jwt`, `refresh+jwt`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub typ: Option<String>,
    /// The algorithm.
    pub alg: String,
    /// Which of the signer's keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kid: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    jwk: Option<serde_json::Value>,
    #[serde(default, skip_serializing)]
    crit: Option<serde_json::Value>,
}

/// A token that has been taken apart, and that nobody has verified yet.
#[derive(Debug, Clone)]
pub struct Unverified<'t> {
    header: Header,
    claims: Vec<u8>,
    signature: Vec<u8>,
    signed: &'t str,
}

impl<'t> Unverified<'t> {
    /// Takes a token apart.
    pub fn parse(token: &'t str) -> Result<Self, JwtError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(JwtError::TooLong);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(JwtError::Parts)?;
        let (header, claims) = signed.split_once('.').ok_or(JwtError::Parts)?;
        if claims.contains('.') {
            return Err(JwtError::Parts);
        }
        let header: Header =
            serde_json::from_slice(&decode(header)?).map_err(|_| JwtError::Header)?;
        if header.crit.is_some() {
            return Err(JwtError::Header);
        }
        Ok(Self { header, claims: decode(claims)?, signature: decode(signature)?, signed })
    }

    /// The header, which the signature covers but which decides nothing by itself.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The key in the header, if it is of that form.
    #[cfg(any(feature = "client", feature = "server"))]
    pub(crate) fn key<K: DeserializeOwned>(&self) -> Option<K> {
        serde_json::from_value(self.header.jwk.clone()?).ok()
    }

    /// The claims before verification: only for finding out whose key to ask for.
    pub fn claims<C: DeserializeOwned>(&self) -> Result<C, JwtError> {
        serde_json::from_slice(&self.claims).map_err(|_| JwtError::Claims)
    }

    /// Checks algorithm and signature against a public key.
    pub fn verify(&self, key: &PublicKey) -> Result<(), JwtError> {
        let signature = self.signature_by(key)?;
        key.verify(self.signed.as_bytes(), &signature).map_err(|_| JwtError::Signature)
    }

    /// The same where signers may not know that `s` is to be low: browsers do not.
    #[cfg(any(feature = "client", feature = "server"))]
    pub(crate) fn verify_any_s(&self, key: &PublicKey) -> Result<(), JwtError> {
        let signature = self.signature_by(key)?;
        let verified = key.verify_lowered(self.signed.as_bytes(), &signature);
        verified.map(drop).map_err(|_| JwtError::Signature)
    }

    fn signature_by(&self, key: &PublicKey) -> Result<Signature, JwtError> {
        if self.header.alg != algorithm(key.curve()) {
            return Err(JwtError::Algorithm);
        }
        Signature::from_bytes(&self.signature).map_err(|_| JwtError::Signature)
    }

    /// Checks algorithm and signature against a secret.
    pub fn verify_hs256(&self, secret: &[u8]) -> Result<(), JwtError> {
        if self.header.alg != HS256 {
            return Err(JwtError::Algorithm);
        }
        let code = hs256(secret, self.signed);
        code.verify_slice(&self.signature).map_err(|_| JwtError::Signature)
    }
}

/// A token of these claims, signed with an elliptic-curve key.
pub fn sign<C: Serialize>(
    signer: &dyn Signer,
    typ: &str,
    kid: Option<&str>,
    claims: &C,
) -> Result<String, SignError> {
    let header = Header { kid: kid.map(ToOwned::to_owned), ..Header::of(signer, typ) };
    sign_under(signer, &header, claims)
}

/// The same with the public key in the header.
#[cfg(any(feature = "client", feature = "server"))]
pub(crate) fn sign_with_key<K: Serialize, C: Serialize>(
    signer: &dyn Signer,
    typ: &str,
    key: &K,
    claims: &C,
) -> Result<String, SignError> {
    let key = serde_json::to_value(key).map_err(SignError::unavailable)?;
    sign_under(signer, &Header { jwk: Some(key), ..Header::of(signer, typ) }, claims)
}

fn sign_under<C: Serialize>(
    signer: &dyn Signer,
    header: &Header,
    claims: &C,
) -> Result<String, SignError> {
    let signed = unsigned(header, claims).map_err(SignError::unavailable)?;
    let signature = signer.sign(signed.as_bytes())?;
    Ok(joined(signed, signature.as_bytes()))
}

/// A token of these claims, authenticated with a secret.
pub fn sign_hs256<C: Serialize>(
    secret: &[u8],
    typ: &str,
    claims: &C,
) -> Result<String, serde_json::Error> {
    let signed = unsigned(&Header::new(HS256, typ), claims)?;
    let code = hs256(secret, &signed).finalize().into_bytes();
    Ok(joined(signed, &code))
}

const HS256: &str = "HS256";

fn algorithm(curve: Curve) -> &'static str {
    match curve {
        Curve::K256 => "ES256K",
        Curve::P256 => "ES256",
    }
}

fn hs256(secret: &[u8], text: &str) -> Hmac<Sha256> {
    let mut code = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes keys of any length");
    code.update(text.as_bytes());
    code
}

impl Header {
    fn new(alg: &str, typ: &str) -> Self {
        Self { typ: Some(typ.to_owned()), alg: alg.to_owned(), kid: None, jwk: None, crit: None }
    }

    fn of(signer: &dyn Signer, typ: &str) -> Self {
        Self::new(algorithm(signer.public_key().curve()), typ)
    }
}

fn unsigned<C: Serialize>(header: &Header, claims: &C) -> Result<String, serde_json::Error> {
    let mut signed = BASE64URL_NOPAD.encode(&serde_json::to_vec(header)?);
    signed.push('.');
    BASE64URL_NOPAD.encode_append(&serde_json::to_vec(claims)?, &mut signed);
    Ok(signed)
}

fn joined(mut signed: String, signature: &[u8]) -> String {
    signed.push('.');
    BASE64URL_NOPAD.encode_append(signature, &mut signed);
    signed
}

fn decode(part: &str) -> Result<Vec<u8>, JwtError> {
    BASE64URL_NOPAD.decode(part.as_bytes()).map_err(|_| JwtError::Encoding)
}

#[cfg(test)]
mod tests {
    use atproto_core::crypto::SecretKey;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn sa_001_the_algorithm_is_the_keys() {
        for (curve, name) in [(Curve::K256, "ES256K"), (Curve::P256, "ES256")] {
            let key = SecretKey::generate(curve);
            let token = sign(&key, "JWT", None, &json!({"iss": "x"})).unwrap();
            let parsed = Unverified::parse(&token).unwrap();
            assert_eq!(parsed.header().alg, name);
            parsed.verify(&key.public_key()).unwrap();
            assert_eq!(parsed.claims::<Value>().unwrap(), json!({"iss": "x"}));
        }
    }

    #[test]
    fn t62_an_algorithm_cannot_be_swapped() {
        let key = SecretKey::generate(Curve::K256);
        let public = key.public_key();
        // The public key as the secret of an HMAC: the classic confusion.
        let token = sign_hs256(public.as_sec1(), "JWT", &json!({})).unwrap();
        assert_eq!(Unverified::parse(&token).unwrap().verify(&public), Err(JwtError::Algorithm));
        let token = sign(&key, "JWT", None, &json!({})).unwrap();
        let parsed = Unverified::parse(&token).unwrap();
        assert_eq!(parsed.verify_hs256(public.as_sec1()), Err(JwtError::Algorithm));
        let other = SecretKey::generate(Curve::P256).public_key();
        assert_eq!(parsed.verify(&other), Err(JwtError::Algorithm));
    }

    #[test]
    fn refuses_other_forms() {
        let parse = |token: &str| Unverified::parse(token).map(|_| ()).unwrap_err();
        assert_eq!(parse(""), JwtError::Parts);
        assert_eq!(parse("a.b"), JwtError::Parts);
        assert_eq!(parse("e30.e30.e30.e30"), JwtError::Parts);
        assert_eq!(parse("e30.e30.e30"), JwtError::Header);
        assert_eq!(parse("e30=.e30.e30"), JwtError::Encoding);
        assert_eq!(parse(&"a".repeat(MAX_TOKEN_BYTES + 1)), JwtError::TooLong);
        let crit = BASE64URL_NOPAD.encode(br#"{"alg":"ES256","crit":["b64"]}"#);
        assert_eq!(parse(&format!("{crit}.e30.e30")), JwtError::Header);
    }
}
