//! DAG-CBOR: the checker and the decoder accept the same bytes, and encoding gives them back.

use atproto_core::data::cbor::{self, Reader};

pub(crate) fn check(data: &[u8]) {
    let checked = cbor::check(data);
    match cbor::decode(data) {
        Ok(value) => {
            assert!(checked.is_ok(), "decoded what the checker refuses");
            assert_eq!(cbor::encode(&value), data);
            let typed = cbor::from_slice::<atproto_core::data::Value>(data);
            assert_eq!(typed.expect("the typed reader takes what the checker takes"), value);
            for blob in value.blobs() {
                let _ = (blob.cid(), blob.size());
            }
        }
        Err(_) => assert!(checked.is_err(), "refused what the checker accepts"),
    }
    let mut reader = Reader::new(data);
    while let Ok(item) = reader.raw() {
        assert!(!item.is_empty());
    }
}
