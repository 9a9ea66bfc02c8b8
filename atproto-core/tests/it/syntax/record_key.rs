//! Record keys: the statements RK-001 to RK-007 as far as they are about the text.

use std::collections::BTreeSet;

use atproto_core::syntax::{Fault, RecordKey, SyntaxError, Tid};

#[test]
fn rk_001_length() {
    assert!(RecordKey::new("o").is_ok());
    assert!(RecordKey::new("o".repeat(512)).is_ok());
    let fault = Fault::TooLong { part: "record key", limit: 512 };
    assert_eq!(RecordKey::new("o".repeat(513)), Err(SyntaxError::RecordKey(fault)));
    let fault = Fault::Empty { part: "record key" };
    assert_eq!(RecordKey::new(""), Err(SyntaxError::RecordKey(fault)));
}

#[test]
fn rk_002_alphabet() {
    assert!(RecordKey::new("AZaz09.-_:~").is_ok());
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:~".contains(&byte);
    for byte in 0..0x80u8 {
        let text = format!("a{}", char::from(byte));
        assert_eq!(RecordKey::new(&text).is_ok(), allowed(byte), "{text:?}");
    }
    let fault = Fault::BadCharacter { at: 1 };
    assert_eq!(RecordKey::new("a\u{fc}"), Err(SyntaxError::RecordKey(fault)));
}

#[test]
fn rk_003_dots_alone() {
    for bad in [".", ".."] {
        assert_eq!(RecordKey::new(bad), Err(SyntaxError::RecordKey(Fault::Reserved)));
    }
    assert!(RecordKey::new("...").is_ok());
    assert!(RecordKey::new(".a").is_ok());
}

#[test]
fn rk_004_case_counts() {
    assert_ne!(RecordKey::new("self").unwrap(), RecordKey::new("Self").unwrap());
}

#[test]
fn rk_006_keys_are_texts() {
    let keys = ["1", "01", "2222222222222", "0222222222222", "zzzzzzzzzzzzz"];
    let distinct: BTreeSet<_> = keys.iter().map(|key| RecordKey::new(key).unwrap()).collect();
    assert_eq!(distinct.len(), keys.len());
    assert!(distinct.iter().map(RecordKey::as_str).is_sorted());
}

#[test]
fn rk_007_keys_that_we_make_are_short() {
    let key = RecordKey::from(Tid::now());
    assert!(key.as_str().len() < RecordKey::ADVISED_LEN);
    assert!(RecordKey::new("o".repeat(RecordKey::ADVISED_LEN + 1)).is_ok());
}
