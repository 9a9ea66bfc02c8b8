//! Proofs of possession: [RFC 9449](https://www.rfc-editor.org/rfc/rfc9449).
//!
//! An app has a key of its own for each session. With each request it sends a token that it
//! has just signed over the method, the address and the access token; whoever steals the
//! access token alone can do nothing with it.

mod nonces;
mod verifier;

use atproto_core::crypto::{SignError, Signer};
use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use url::Url;

use super::Jwk;
use crate::{auth::jwt, random};

pub use nonces::DpopNonces;
pub use verifier::{
    DpopError, DpopProof, DpopVerifier, MAX_AGE_SECONDS, MAX_JTI_BYTES, REPLAY_CAPACITY,
};

/// A request that a proof is for.
#[derive(Debug, Clone, Copy)]
pub struct DpopRequest<'a> {
    /// The HTTP method, in capitals.
    pub method: &'a str,
    /// The address. Query and fragment are not covered.
    pub url: &'a Url,
    /// The access token, if one is sent along.
    pub access_token: Option<&'a str>,
}

/// What a proof says.
#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    jti: String,
    htm: String,
    htu: String,
    iat: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ath: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nonce: Option<String>,
}

impl DpopRequest<'_> {
    /// A new proof, with the server's latest nonce, at a time in Unix seconds.
    pub fn prove(
        &self,
        key: &dyn Signer,
        nonce: Option<&str>,
        now: u64,
    ) -> Result<String, SignError> {
        let claims = Claims {
            jti: BASE64URL_NOPAD.encode(&random::bytes::<16>()),
            htm: self.method.to_owned(),
            htu: covered(self.url).to_string(),
            iat: now,
            ath: self.access_token.map(hash),
            nonce: nonce.map(ToOwned::to_owned),
        };
        jwt::sign_with_key(key, TYP, &Jwk(key.public_key()), &claims)
    }
}

/// An address as proofs cover it.
fn covered(url: &Url) -> Url {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    url
}

fn hash(token: &str) -> String {
    BASE64URL_NOPAD.encode(&Sha256::digest(token))
}

const TYP: &str = "dpop+jwt";
