//! CIDs: one text and one binary form for each, and the same answers as the general type.

use atproto_core::syntax::{Cid, Codec, SyntaxError};

use super::identifier::{lines, parse_verbatim};

pub(crate) fn check(data: &[u8]) {
    if let Ok(cid) = Cid::from_bytes(data) {
        assert_eq!(data.len(), 36);
        assert_eq!(cid.to_bytes(), data);
        assert_eq!(parse_verbatim::<Cid>(&cid.to_string(), check_text), Some(cid));
    }
    lines(data, one, two);
    for cid in [Cid::dag_cbor(data), Cid::raw(data)] {
        assert!(cid.matches(data));
        assert_eq!(Cid::from_digest(cid.codec(), *cid.digest()), cid);
        assert_eq!(parse_verbatim::<Cid>(&cid.to_string(), check_text), Some(cid));
    }
}

/// CIDs have no cheaper check than parsing.
fn check_text(text: &str) -> Result<(), SyntaxError> {
    Cid::new(text).map(drop)
}

fn one(text: &str) {
    let cid = parse_verbatim::<Cid>(text, check_text);
    assert_eq!(cid.is_some(), is_cid(text), "CID {text:?}");
    if let Some(cid) = cid {
        let general = ::cid::Cid::from(cid);
        assert_eq!(general.to_string(), text);
        assert_eq!(general.to_bytes(), cid.to_bytes());
        assert_eq!(Cid::try_from(general), Ok(cid));
    }
}

/// CIDs have the order of their bytes.
fn two(left: &str, right: &str) {
    let (Ok(left), Ok(right)) = (left.parse::<Cid>(), right.parse::<Cid>()) else { return };
    assert_eq!(left.cmp(&right), left.to_bytes().cmp(&right.to_bytes()));
    assert_eq!(left == right, left.codec() == right.codec() && left.digest() == right.digest());
}

/// What the general type calls a CID, written as it would write it, of this protocol's kind.
fn is_cid(text: &str) -> bool {
    let Ok(cid) = text.parse::<::cid::Cid>() else { return false };
    let codecs = [Codec::Raw as u64, Codec::DagCbor as u64];
    cid.version() == ::cid::Version::V1
        && codecs.contains(&cid.codec())
        && (cid.hash().code(), cid.hash().size()) == (0x12, 32)
        && cid.to_string() == text
}
