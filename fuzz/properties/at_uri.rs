//! AT-URIs: the grammar, and an address is the sum of its parts.

use atproto_core::syntax::{AtIdentifier, AtUri};

use super::identifier::{
    compare, is_did, is_handle, is_nsid, is_record_key, lines, parse_verbatim,
};

pub(crate) fn check(data: &[u8]) {
    lines(data, one, compare::<AtUri>);
}

fn one(text: &str) {
    let uri = parse_verbatim::<AtUri>(text, AtUri::check);
    assert_eq!(uri.is_some(), is_at_uri(text), "AT-URI {text:?}");
    let Some(uri) = uri else { return };
    let mut written = format!("at://{}", uri.authority());
    for part in [uri.collection().map(String::from), uri.rkey().map(String::from)] {
        let Some(part) = part else { continue };
        written = format!("{written}/{part}");
    }
    assert!(written.eq_ignore_ascii_case(text), "{written:?} {text:?}");
    assert!(uri.rkey().is_none() || uri.collection().is_some());

    let normalized = uri.to_normalized();
    assert_eq!(parse_verbatim(normalized.as_str(), AtUri::check), Some(normalized.clone()));
    assert_eq!(normalized.to_normalized(), normalized);
    assert_eq!(normalized.rkey(), uri.rkey());
    if let (AtIdentifier::Did(did), Some(collection), Some(rkey)) =
        (uri.authority(), uri.collection(), uri.rkey())
    {
        assert_eq!(AtUri::from_parts(&did, &collection, &rkey), uri);
    } else if uri.collection().is_none() {
        assert_eq!(AtUri::from_authority(&uri.authority()), normalized);
    }
}

fn is_at_uri(text: &str) -> bool {
    let Some(path) = text.strip_prefix("at://") else { return false };
    let mut parts = path.splitn(3, '/');
    let authority = parts.next().unwrap_or_default();
    text.len() <= 8192
        && (is_did(authority) || is_handle(authority))
        && parts.next().is_none_or(is_nsid)
        && parts.next().is_none_or(is_record_key)
}
