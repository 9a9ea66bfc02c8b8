//! Handles: the statements HDL-001 to HDL-012.

use atproto_core::syntax::{Fault, Handle, SyntaxError};

/// A handle of four segments; the last one brings the whole to that length.
fn handle_of(length: usize) -> String {
    let label = "a".repeat(63);
    format!("{label}.{label}.{label}.{}", "a".repeat(length - 3 * 64))
}

#[test]
fn hdl_001_length() {
    assert!(Handle::new(handle_of(253)).is_ok());
    let fault = Fault::TooLong { part: "handle", limit: 253 };
    assert_eq!(Handle::new(handle_of(254)), Err(SyntaxError::Handle(fault)));
}

#[test]
fn hdl_002_two_segments_and_no_dot_outside() {
    let fault = Fault::TooFewSegments { least: 2 };
    assert_eq!(Handle::new("com"), Err(SyntaxError::Handle(fault)));
    let fault = Fault::Empty { part: "segment" };
    for bad in [".", ".com", "a.com.", "a..com"] {
        assert_eq!(Handle::new(bad), Err(SyntaxError::Handle(fault)), "{bad}");
    }
    assert_eq!(Handle::new(""), Err(SyntaxError::Handle(Fault::Empty { part: "handle" })));
}

#[test]
fn hdl_003_segment_length() {
    let label = "a".repeat(63);
    assert!(Handle::new(format!("{label}.com")).is_ok());
    assert!(Handle::new(format!("b.{label}")).is_ok());
    let fault = Fault::TooLong { part: "segment", limit: 63 };
    assert_eq!(Handle::new(format!("a{label}.com")), Err(SyntaxError::Handle(fault)));
    assert_eq!(Handle::new(format!("b.a{label}")), Err(SyntaxError::Handle(fault)));
}

#[test]
fn hdl_004_characters() {
    assert!(Handle::new("a-b--c.x-0.com").is_ok());
    for (bad, at) in [
        ("alice.b_b.com", 7),
        ("alice.-b.com", 6),
        ("alice.b-.com", 7),
        ("-a.com", 0),
        ("a.com-", 5),
        ("\u{e4}.com", 0),
        ("a.com\n", 5),
    ] {
        let fault = Fault::BadCharacter { at };
        assert_eq!(Handle::new(bad), Err(SyntaxError::Handle(fault)), "{bad:?}");
    }
}

#[test]
fn hdl_005_last_segment_begins_with_no_digit() {
    let fault = Fault::SegmentStartsWithDigit { at: 6 };
    assert_eq!(Handle::new("thing.0aa"), Err(SyntaxError::Handle(fault)));
    assert!(Handle::new("127.0.0.1").is_err());
    assert!(Handle::new("0thing.aa").is_ok());
}

#[test]
fn hdl_006_lower_case() {
    let handle = Handle::new("Alice.Example.COM").unwrap();
    assert_eq!(handle.as_str(), "alice.example.com");
    assert_eq!(handle, Handle::new("ALICE.example.com").unwrap());
    let read: Handle = serde_json::from_str("\"ALICE.example.com\"").unwrap();
    assert_eq!(serde_json::to_string(&read).unwrap(), "\"alice.example.com\"");
}

#[test]
fn hdl_007_reserved_top_level_domains() {
    for tld in ["alt", "arpa", "example", "internal", "invalid", "local", "localhost", "onion"] {
        assert!(Handle::new(format!("alice.{tld}")).unwrap().has_disallowed_tld());
    }
    assert!(!Handle::new("example.com").unwrap().has_disallowed_tld());
    assert!(!Handle::new("example.locals").unwrap().has_disallowed_tld());
}

#[test]
fn hdl_008_test_is_told_apart() {
    let test = Handle::new("alice.TEST").unwrap();
    assert!(test.is_test() && !test.has_disallowed_tld());
    assert!(!Handle::new("test.com").unwrap().is_test());
}

#[test]
fn hdl_009_the_invalid_handle() {
    assert!(Handle::new("Handle.Invalid").unwrap().is_invalid_handle());
    assert_eq!(Handle::invalid(), Handle::new("handle.invalid").unwrap());
    assert!(!Handle::new("a.handle.invalid").unwrap().is_invalid_handle());
}

#[test]
fn hdl_010_what_a_txt_record_can_hold() {
    assert_eq!(Handle::MAX_DNS_LEN, 244);
    assert!(Handle::new(handle_of(244)).unwrap().fits_dns());
    assert!(!Handle::new(handle_of(245)).unwrap().fits_dns());
}

#[test]
fn hdl_011_looks_like_punycode() {
    assert!(Handle::new("xn--no.com").is_ok());
    assert!(Handle::new("a--b.com").is_ok());
}

#[test]
fn hdl_012_no_at_sign() {
    let fault = Fault::BadCharacter { at: 0 };
    assert_eq!(Handle::new("@alice.com"), Err(SyntaxError::Handle(fault)));
    assert!(Handle::new("at://alice.com").is_err());
}
