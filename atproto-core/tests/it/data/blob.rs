use atproto_core::data::{BlobRef, DataError, Value, cbor, json};

use super::{blob_cid, cid, fault, json_error, value};

fn typed_json() -> String {
    let cid = blob_cid();
    format!(r#"{{"ref":{{"$link":"{cid}"}},"size":7,"$type":"blob","mimeType":"image/png"}}"#)
}

fn legacy_json() -> String {
    format!(r#"{{"cid":"{}","mimeType":"image/png"}}"#, blob_cid())
}

#[test]
fn dm_025_blobs_are_typed_maps() {
    let made = BlobRef::new(blob_cid(), "image/png", 7).unwrap();
    let read = value(&typed_json()).as_blob().unwrap();
    assert_eq!(read, made);
    assert_eq!((read.cid(), read.mime_type(), read.size()), (blob_cid(), "image/png", Some(7)));
    assert_eq!(Value::from(made), value(&typed_json()));
}

#[test]
fn dm_025_and_029_what_a_blob_may_not_be() {
    let replaced = |from: &str, to: &str| {
        let text = typed_json();
        assert!(text.contains(from));
        json_error(&text.replace(from, to))
    };
    assert_eq!(replaced(r#""size":7"#, r#""size":"7""#), DataError::BlobShape);
    assert_eq!(replaced(r#""size":7"#, r#""size":0"#), DataError::BlobShape);
    assert_eq!(replaced(r#""size":7"#, r#""size":-1"#), DataError::BlobShape);
    assert_eq!(replaced(r#""size":7,"#, ""), DataError::BlobShape);
    assert_eq!(replaced("image/png", ""), DataError::BlobShape);
    assert_eq!(replaced(&blob_cid().to_string(), &cid().to_string()), DataError::BlobShape);

    assert_eq!(BlobRef::new(cid(), "image/png", 7), Err(DataError::BlobShape));
    assert_eq!(BlobRef::new(blob_cid(), "", 7), Err(DataError::BlobShape));
    assert_eq!(BlobRef::new(blob_cid(), "image/png", 0), Err(DataError::BlobShape));
    assert_eq!(BlobRef::new(blob_cid(), "image/png", u64::MAX), Err(DataError::IntegerRange));
}

#[test]
fn dm_023_the_checker_knows_blobs_in_cbor() {
    let mut blob = value(&typed_json());
    blob.as_map_mut().unwrap().insert("size", 0);
    let bytes = cbor::encode(&blob);
    assert_eq!(fault(cbor::check(&bytes)), DataError::BlobShape.into());
}

#[test]
fn dm_026_an_unknown_type_has_a_name() {
    assert_eq!(BlobRef::UNKNOWN_MIME_TYPE, "application/octet-stream");
}

#[test]
fn dm_027_and_028_the_old_form_is_read_and_kept() {
    let blob = value(&legacy_json()).as_blob().unwrap();
    assert!(blob.is_legacy());
    assert_eq!((blob.cid(), blob.mime_type(), blob.size()), (blob_cid(), "image/png", None));
    assert_eq!(json::encode(&blob.into()), legacy_json());
    let other = value(&legacy_json().replace('}', r#","alt":"x"}"#));
    assert_eq!(other.as_blob(), None, "an unmarked map with more in it is no blob");
}

#[test]
fn dm_030_blobs_are_found_at_any_depth() {
    let (typed, legacy) = (typed_json(), legacy_json());
    let text = format!(r#"{{"a":[{{"b":{typed}}},[[{legacy}]]],"c":{typed},"d":{{"x":1}}}}"#);
    let blobs = value(&text).blobs();
    assert_eq!(blobs.iter().map(BlobRef::is_legacy).collect::<Vec<_>>(), [false, true, false]);
}

#[test]
fn dm_041_unknown_fields_of_a_blob_survive() {
    let text = typed_json().replace(r#""size":7"#, r#""size":7,"x":[1]"#);
    let bytes = cbor::encode(&value(&text));
    let blob: BlobRef = cbor::from_slice(&bytes).unwrap();
    assert_eq!(cbor::to_vec(&blob).unwrap(), bytes);
}

#[test]
fn both_forms_go_through_serde() {
    for text in [typed_json(), legacy_json()] {
        let blob: BlobRef = serde_json::from_str(&text).unwrap();
        assert_eq!(json::decode(serde_json::to_string(&blob).unwrap()).unwrap(), value(&text));
        let bytes = cbor::to_vec(&blob).unwrap();
        assert_eq!(cbor::from_slice::<BlobRef>(&bytes).unwrap(), blob);
    }
    assert!(serde_json::from_str::<BlobRef>("[]").is_err());
}
