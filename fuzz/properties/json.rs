//! JSON of the data model: what is decoded survives both encodings.

use atproto_core::data::{cbor, json};

pub(crate) fn check(data: &[u8]) {
    let Ok(value) = json::decode(data) else { return };
    let again = json::decode(json::encode(&value)).expect("what was written can be read");
    assert_eq!(again, value);
    assert_eq!(json::from_json(json::to_json(&value)).expect("it is a value"), value);
    // Text nests as deep as its parser goes, which is deeper than the checker.
    let bytes = cbor::encode(&value);
    if cbor::check(&bytes).is_ok() {
        assert_eq!(cbor::decode(&bytes).expect("it was checked"), value);
    }
}
