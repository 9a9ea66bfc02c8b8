//! DIDs, handles, NSIDs and record keys: the statements DID-001 to DID-012 and DID-022,
//! HDL-001 to HDL-012, NSID-001 to NSID-006, RK-001 to RK-006, FMT-002 and FMT-003.

use std::collections::{BTreeMap, HashMap};

use atproto_core::syntax::{
    AtIdentifier, Cid, Did, DidMethod, Fault, Handle, Nsid, NsidPattern, RecordKey, SyntaxError,
    Tid, UnsupportedDid,
};

#[test]
fn hdl_001_and_003_lengths() {
    let label = "a".repeat(63);
    assert!(Handle::new(format!("{label}.com")).is_ok());
    let fault = Fault::TooLong { part: "segment", limit: 63 };
    assert_eq!(Handle::new(format!("a{label}.com")), Err(SyntaxError::Handle(fault)));

    let most = format!("{label}.{label}.{label}.{}", "a".repeat(61));
    assert_eq!(most.len(), 253);
    assert!(Handle::new(&most).is_ok());
    let fault = Fault::TooLong { part: "handle", limit: 253 };
    assert_eq!(Handle::new(most + "a"), Err(SyntaxError::Handle(fault)));
}

#[test]
fn hdl_002_and_004_and_012_characters_and_segments() {
    for bad in ["com", "", ".", ".com", "a.com.", "a..com", "-a.com", "a-.com", "@a.com", "ä.com"]
    {
        assert!(Handle::new(bad).is_err(), "{bad}");
    }
    let fault = Fault::BadCharacter { at: 6 };
    assert_eq!(
        Handle::new("alice.b_b.com"),
        Err(SyntaxError::Handle(Fault::BadCharacter { at: 7 }))
    );
    assert_eq!(Handle::new("alice.-b.com"), Err(SyntaxError::Handle(fault)));
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
fn hdl_007_and_008_reserved_top_level_domains() {
    for tld in ["alt", "arpa", "example", "internal", "invalid", "local", "localhost", "onion"] {
        assert!(Handle::new(format!("alice.{tld}")).unwrap().has_disallowed_tld());
    }
    let test = Handle::new("alice.TEST").unwrap();
    assert!(test.is_test() && !test.has_disallowed_tld());
    assert!(!Handle::new("example.com").unwrap().has_disallowed_tld());
}

#[test]
fn hdl_009_the_invalid_handle() {
    assert!(Handle::new("Handle.Invalid").unwrap().is_invalid_handle());
    assert_eq!(Handle::invalid(), Handle::new("handle.invalid").unwrap());
    assert!(!Handle::new("a.handle.invalid").unwrap().is_invalid_handle());
}

#[test]
fn hdl_011_looks_like_punycode() {
    assert!(Handle::new("xn--no.com").is_ok());
    assert!(Handle::new("a--b.com").is_ok());
}

#[test]
fn did_001_and_022_case() {
    let did = Did::new("did:web:EXAMPLE.com").unwrap();
    assert_eq!(did, "did:web:EXAMPLE.com");
    assert_ne!(did, Did::new("did:web:example.com").unwrap());
    let fault = Fault::MissingPrefix { expected: "did:" };
    assert_eq!(Did::new("DID:web:example.com"), Err(SyntaxError::Did(fault)));
}

#[test]
fn did_002_method() {
    let did = Did::new("did:ion:a:b").unwrap();
    assert_eq!((did.method(), did.identifier()), ("ion", "a:b"));
    for bad in ["did:", "did::a", "did:Ion:a", "did:i0n:a", "did:ion", "did:ion:"] {
        assert!(Did::new(bad).is_err(), "{bad}");
    }
}

#[test]
fn did_003_and_005_characters() {
    assert!(Did::new("did:a:%-._:Z9").is_ok());
    for bad in
        ["did:a:b:", "did:a:b%", "did:a:b/c", "did:a:b?c", "did:a:b#c", "did:a:b c", "did:a:ü"]
    {
        assert!(Did::new(bad).is_err(), "{bad}");
    }
}

#[test]
fn did_004_length() {
    let most = format!("did:a:{}", "b".repeat(2042));
    assert!(Did::new(&most).is_ok());
    let fault = Fault::TooLong { part: "DID", limit: 2048 };
    assert_eq!(Did::new(most + "b"), Err(SyntaxError::Did(fault)));
}

#[test]
fn did_007_and_008_and_012_supported_methods() {
    let plc = Did::new("did:plc:ewvi7nxzyoun6zhxrhs64oiz").unwrap();
    assert_eq!(plc.supported(), Ok(DidMethod::Plc { identifier: "ewvi7nxzyoun6zhxrhs64oiz" }));
    for bad in [
        "did:plc:ewvi7nxzyoun6zhxrhs64oi",
        "did:plc:ewvi7nxzyoun6zhxrhs64oi1",
        "did:plc:EWVI7nxzyoun6zhxrhs64oiz",
    ] {
        assert_eq!(Did::new(bad).unwrap().supported(), Err(UnsupportedDid::PlcIdentifier));
    }
    let key = Did::new("did:key:zQ3shZc2QzApp2oymGvQbzP8eKheVshBHbU4ZYjeXqwSKEn6N").unwrap();
    assert_eq!(key.supported(), Err(UnsupportedDid::Method));
}

#[test]
fn did_009_to_011_web_hosts() {
    let check = |text: &str, expected| assert_eq!(Did::new(text).unwrap().supported(), expected);
    check("did:web:example.com", Ok(DidMethod::Web { host: "example.com", port: None }));
    check("did:web:example.com:path", Err(UnsupportedDid::WebPath));
    check("did:web:example.com%3A80", Err(UnsupportedDid::WebPort));
    check("did:web:example.com%2Fpath", Err(UnsupportedDid::WebHost));
    check("did:web:10.0.0.1", Err(UnsupportedDid::WebHost));
    check("did:web:host.local", Err(UnsupportedDid::WebHost));
    check("did:web:host", Err(UnsupportedDid::WebHost));
    check("did:web:localhost", Ok(DidMethod::Web { host: "localhost", port: None }));
    check("did:web:localhost%3A80", Ok(DidMethod::Web { host: "localhost", port: Some(80) }));
    check("did:web:localhost%3A99999", Err(UnsupportedDid::WebPort));
}

#[test]
fn nsid_001_and_002_lengths() {
    let label = "a".repeat(63);
    let authority = format!("{label}.{label}.{label}.{}", "a".repeat(61));
    let most = format!("{authority}.{label}");
    assert_eq!(most.len(), 317);
    assert!(Nsid::new(&most).is_ok());
    assert!(Nsid::new(format!("{most}a")).is_err());
    // An authority over its own limit counts only as part of the whole.
    assert!(Nsid::new(format!("{authority}.a.a")).is_ok());
    assert!(Nsid::new(format!("a{label}.b.c")).is_err());
    for bad in ["", "a", "a.b", "a..b", ".a.b", "a.b.", "a.b.c."] {
        assert!(Nsid::new(bad).is_err(), "{bad}");
    }
}

#[test]
fn nsid_003_first_segment() {
    assert!(Nsid::new("0a.b.c").is_err());
    assert!(Nsid::new("a.0b.c").is_ok());
}

#[test]
fn nsid_004_name() {
    for bad in ["a.b.0c", "a.b.c-d", "a.b.c_d", "a.b.c#d", "a.b.ü"] {
        assert!(Nsid::new(bad).is_err(), "{bad}");
    }
    assert!(Nsid::new(format!("a.b.{}", "c".repeat(63))).is_ok());
    assert!(Nsid::new(format!("a.b.{}", "c".repeat(64))).is_err());
}

#[test]
fn nsid_005_normal_form() {
    let nsid = Nsid::new("com.Example.fooBar").unwrap();
    assert_eq!(nsid, "com.Example.fooBar");
    assert_eq!(nsid.to_normalized(), "com.example.fooBar");
    assert_eq!(nsid.authority_domain(), "example.com");
    assert_ne!(Nsid::new("a.b.foo").unwrap(), Nsid::new("a.b.Foo").unwrap());
}

#[test]
fn nsid_006_patterns() {
    let matches = |pattern: &str, nsid: &str| {
        NsidPattern::new(pattern).unwrap().matches(&Nsid::new(nsid).unwrap())
    };
    assert!(matches("*", "a.b.c"));
    assert!(matches("a.b.*", "a.b.c"));
    assert!(matches("A.b.*", "a.B.c.d"));
    assert!(!matches("a.b.*", "a.bb.c"));
    assert!(!matches("a.b.c.*", "a.b.c"));
    assert!(matches("A.b.c", "a.B.c"));
    assert!(!matches("a.b.c", "a.b.C"));
    assert!(!matches("a.b.c", "a.b.c.d"));
    for bad in ["", "**", ".*", "a*", "a.b.c*", "a.*.c", "a.b.**", "*.b.c", "a..*", "a.b", "0.b.*"]
    {
        assert!(NsidPattern::new(bad).is_err(), "{bad}");
    }
}

#[test]
fn rk_001_to_003_syntax() {
    assert!(RecordKey::new("o".repeat(512)).is_ok());
    assert!(RecordKey::new("o".repeat(513)).is_err());
    assert!(RecordKey::new("AZaz09.-_:~").is_ok());
    for bad in ["", ".", "..", "a/b", "a b", "a%b", "ü", "a\n"] {
        assert!(RecordKey::new(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn rk_004_and_006_keys_are_texts() {
    assert_ne!(RecordKey::new("self").unwrap(), RecordKey::new("Self").unwrap());
    assert_ne!(RecordKey::new("01").unwrap(), RecordKey::new("1").unwrap());
}

#[test]
fn fmt_002_at_identifier() {
    let did = AtIdentifier::new("did:example:a").unwrap();
    assert_eq!(did.as_did().map(Did::as_str), Some("did:example:a"));
    let handle = AtIdentifier::new("A.example.com").unwrap();
    assert_eq!(handle.as_handle().map(Handle::as_str), Some("a.example.com"));
    assert!(matches!(AtIdentifier::new("did:x"), Err(SyntaxError::Did(_))));
    assert!(matches!(AtIdentifier::new("x"), Err(SyntaxError::Handle(_))));
}

#[test]
fn fmt_003_unsupported_methods_are_valid_syntax() {
    let read: Did = serde_json::from_str("\"did:example:a\"").unwrap();
    assert_eq!(read.supported(), Err(UnsupportedDid::Method));
}

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
