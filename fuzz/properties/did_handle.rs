//! DIDs, handles, and what is either of them: the grammar, and what the parts say.

use atproto_core::syntax::{AtIdentifier, Did, DidMethod, Handle};

use super::identifier::{compare, is_did, is_handle, lines, parse, parse_verbatim};

pub(crate) fn check(data: &[u8]) {
    lines(data, one, two);
}

fn one(text: &str) {
    let did = parse_verbatim::<Did>(text, Did::check);
    assert_eq!(did.is_some(), is_did(text), "DID {text:?}");
    let handle = parse::<Handle>(text, Handle::check);
    assert_eq!(handle.is_some(), is_handle(text), "handle {text:?}");
    let either = parse::<AtIdentifier>(text, AtIdentifier::check);
    assert_eq!(either.as_ref().and_then(AtIdentifier::as_did), did.as_ref());
    assert_eq!(either.as_ref().and_then(AtIdentifier::as_handle), handle.as_ref());
    if let Some(did) = did {
        assert_eq!(format!("did:{}:{}", did.method(), did.identifier()), text);
        parts(&did);
    }
    if let Some(handle) = handle {
        assert_eq!(handle.as_str(), text.to_ascii_lowercase());
        assert!(handle.as_str().ends_with(&format!(".{}", handle.tld())));
        assert_eq!(handle.is_test(), handle.tld() == "test");
    }
}

fn two(left: &str, right: &str) {
    compare::<Did>(left, right);
    compare::<Handle>(left, right);
    compare::<AtIdentifier>(left, right);
}

fn parts(did: &Did) {
    match did.supported() {
        Ok(DidMethod::Plc { identifier }) => {
            assert_eq!((did.method(), did.identifier()), ("plc", identifier));
            assert!(identifier.len() == 24 && !identifier.contains(['0', '1', '8', '9']));
        }
        Ok(DidMethod::Web { host, port }) => {
            assert_eq!(did.method(), "web");
            assert!(did.identifier().starts_with(host) && !did.identifier().contains(':'));
            assert!(host == "localhost" || (is_handle(host) && port.is_none()));
        }
        Ok(_) | Err(_) => {}
    }
}
