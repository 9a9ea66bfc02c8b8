//! DID documents: every question can be asked of whatever was read, and writing is stable.

use atproto_core::identity::DidDocument;

pub(crate) fn check(data: &[u8]) {
    let Ok(document) = DidDocument::from_json(data) else { return };
    let _ = (document.handle(), document.signing_key(), document.pds_endpoint());
    let _ = document.service("atproto_labeler", "AtprotoLabeler");
    let written = serde_json::to_vec(&document.to_json()).expect("JSON can be written");
    let again = DidDocument::from_json(&written).expect("what was written can be read");
    assert_eq!(again, document);
}
