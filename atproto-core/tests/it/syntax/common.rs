//! What all types share: look-up by text, serde, errors.

use std::collections::{BTreeMap, HashMap};

use atproto_core::syntax::{Cid, Did, Nsid, Tid};

#[test]
fn look_up_by_text() {
    let did = Did::new("did:example:a").unwrap();
    let hashed = HashMap::from([(did.clone(), 1)]);
    let sorted = BTreeMap::from([(did, 2)]);
    assert_eq!((hashed.get("did:example:a"), sorted.get("did:example:a")), (Some(&1), Some(&2)));
}

#[test]
fn serde_in_binary_formats() {
    let values = (Did::new("did:example:a").unwrap(), Tid::MIN, Cid::raw(b"hello"));
    let bytes = serde_ipld_dagcbor::to_vec(&values).unwrap();
    assert_eq!(bytes[..15], *b"\x83\x6Ddid:example:a");
    assert_eq!(serde_ipld_dagcbor::from_slice::<(Did, Tid, Cid)>(&bytes).unwrap(), values);
    assert!(serde_ipld_dagcbor::from_slice::<Tid>(&bytes[1..15]).is_err());
}

#[test]
fn errors_say_what_and_why() {
    let error = Nsid::new("a.b.c!").unwrap_err();
    assert_eq!(error.to_string(), "not an NSID: character not allowed at byte 5");
    let error = serde_json::from_str::<Did>("\"x\"").unwrap_err();
    assert!(error.to_string().starts_with("not a DID: does not begin with \"did:\""));
}
