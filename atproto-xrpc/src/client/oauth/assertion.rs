//! How a confidential client shows that it is the app: RFC 7523, section 2.2.

use atproto_core::crypto::SignError;
use serde::Serialize;

use super::app::AppKey;
use crate::{auth::jwt, auth::unix_now, random};

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    jti: String,
    iat: u64,
    exp: u64,
}

/// A token for one request to an authorization server.
pub(super) fn sign(key: &AppKey, client_id: &str, issuer: &str) -> Result<String, SignError> {
    let iat = unix_now();
    let (jti, exp) = (random::hex_id(), iat + LIFETIME_SECONDS);
    let claims = Claims { iss: client_id, sub: client_id, aud: issuer, jti, iat, exp };
    jwt::sign(&*key.signer, "JWT", Some(&key.id), &claims)
}

pub(super) const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Ours: servers do not refuse what is younger than a minute.
const LIFETIME_SECONDS: u64 = 60;
