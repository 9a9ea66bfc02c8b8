//! Tokens: no text of a stranger's is a token of ours, and none upsets the parser.

use std::sync::LazyLock;

use atproto_core::{
    crypto::{Curve, PublicKey, SecretKey},
    syntax::Did,
};
use atproto_xrpc::auth::{
    jwt::Unverified,
    service::ServiceClaims,
    session::{SessionClaims, SessionTokens},
};

static KEYS: LazyLock<[PublicKey; 2]> = LazyLock::new(|| {
    [Curve::K256, Curve::P256]
        .map(|curve| SecretKey::from_bytes(curve, &[7; 32]).expect("a key").public_key())
});

static SESSIONS: LazyLock<SessionTokens> = LazyLock::new(|| {
    let server = Did::new("did:web:pds.example.com").expect("a DID");
    SessionTokens::new(*b"nobody knows this secret, really", &server).expect("a long secret")
});

pub(crate) fn check(data: &[u8]) {
    let Ok(token) = std::str::from_utf8(data) else { return };
    let Ok(parsed) = Unverified::parse(token) else { return };
    let _ = parsed.claims::<ServiceClaims>();
    let _ = parsed.claims::<SessionClaims>();
    let _ = parsed.header().typ.as_deref();
    for key in &*KEYS {
        // The seeds hold tokens of these keys; whatever verifies says what its seed says.
        let _ = parsed.verify(key);
    }
    assert!(SESSIONS.verify_access_at(token, 0).is_err());
    assert!(SESSIONS.verify_refresh_at(token, 0).is_err());
}
