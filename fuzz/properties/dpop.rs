//! Proofs of possession: what is accepted was signed by the key that it names, passes once, and
//! for nothing but its own request.

use std::sync::LazyLock;

use atproto_xrpc::oauth::{DpopError, DpopNonces, DpopRequest, DpopVerifier};
use url::Url;

const NOW: u64 = 1_790_000_000;

static ADDRESS: LazyLock<Url> =
    LazyLock::new(|| Url::parse("https://pds.example.com/xrpc/com.example.a").expect("a URL"));

pub(crate) fn check(data: &[u8]) {
    let Ok(proof) = std::str::from_utf8(data) else { return };
    let verifier = DpopVerifier::new(DpopNonces::only("nonce"));
    let request = DpopRequest { method: "POST", url: &ADDRESS, access_token: Some("access-token") };
    let Ok(proven) = verifier.verify(proof, &request, NOW) else { return };
    assert!(!proven.jkt.is_empty());
    assert_eq!(verifier.verify(proof, &request, NOW), Err(DpopError::Replayed));

    let fresh = || DpopVerifier::new(DpopNonces::only("nonce"));
    let other = DpopRequest { method: "GET", ..request };
    assert_eq!(fresh().verify(proof, &other, NOW), Err(DpopError::Method));
    let other = DpopRequest { access_token: Some("another"), ..request };
    assert_eq!(fresh().verify(proof, &other, NOW), Err(DpopError::AccessToken));
    let elsewhere = Url::parse("https://pds.example.com/xrpc/com.example.b").expect("a URL");
    let other = DpopRequest { url: &elsewhere, ..request };
    assert_eq!(fresh().verify(proof, &other, NOW), Err(DpopError::Address));
    assert_eq!(fresh().verify(proof, &request, NOW + 3_600), Err(DpopError::Time));
    let stale = DpopVerifier::new(DpopNonces::only("another"));
    assert_eq!(stale.verify(proof, &request, NOW), Err(DpopError::UseNonce));
}
