//! DIDs: the statements DID-001 to DID-012 and DID-022, FMT-002 and FMT-003.

use atproto_core::syntax::{
    AtIdentifier, Did, DidMethod, Fault, Handle, SyntaxError, UnsupportedDid,
};

#[test]
fn did_001_prefix_in_lower_case() {
    let fault = Fault::MissingPrefix { expected: "did:" };
    for bad in ["DID:web:example.com", "Did:web:example.com", " did:web:a", "web:a", ""] {
        assert_eq!(Did::new(bad), Err(SyntaxError::Did(fault)), "{bad}");
    }
}

#[test]
fn did_002_method() {
    let did = Did::new("did:ion:a:b").unwrap();
    assert_eq!((did.method(), did.identifier()), ("ion", "a:b"));
    for (bad, fault) in [
        ("did:", Fault::TooFewSegments { least: 3 }),
        ("did:ion", Fault::TooFewSegments { least: 3 }),
        ("did::a", Fault::Empty { part: "method" }),
        ("did:ion:", Fault::Empty { part: "identifier" }),
        ("did:Ion:a", Fault::BadCharacter { at: 4 }),
        ("did:i0n:a", Fault::BadCharacter { at: 5 }),
    ] {
        assert_eq!(Did::new(bad), Err(SyntaxError::Did(fault)), "{bad}");
    }
}

#[test]
fn did_003_characters() {
    assert!(Did::new("did:a:%-._:Z9").is_ok());
    assert!(Did::new("did:a::").is_err());
    for bad in ["did:a:b:", "did:a:b%"] {
        assert_eq!(Did::new(bad), Err(SyntaxError::Did(Fault::BadEnd)), "{bad}");
    }
    for bad in ["did:a:b c", "did:a:b\u{fc}", "did:a:b~c", "did:a:b\0"] {
        assert_eq!(Did::new(bad), Err(SyntaxError::Did(Fault::BadCharacter { at: 7 })), "{bad:?}");
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
fn did_005_paths_queries_and_fragments_are_not_part_of_a_did() {
    for bad in ["did:a:b/c", "did:a:b?c", "did:a:b#c"] {
        assert_eq!(Did::new(bad), Err(SyntaxError::Did(Fault::BadCharacter { at: 7 })), "{bad}");
    }
}

#[test]
fn did_006_the_usual_dids_are_short() {
    let plc = Did::new("did:plc:ewvi7nxzyoun6zhxrhs64oiz").unwrap();
    assert!(plc.as_str().len() <= Did::ADVISED_LEN);
    // Advice for those who choose a DID, not a rule for those who read one.
    let long = format!("did:web:{}.example.com", "a".repeat(60));
    assert!(long.len() > Did::ADVISED_LEN && Did::new(long).unwrap().supported().is_ok());
}

#[test]
fn did_007_two_methods() {
    let supported = |text| Did::new(text).unwrap().supported().is_ok();
    assert!(supported("did:plc:ewvi7nxzyoun6zhxrhs64oiz"));
    assert!(supported("did:web:example.com"));
    let key = Did::new("did:key:zQ3shZc2QzApp2oymGvQbzP8eKheVshBHbU4ZYjeXqwSKEn6N").unwrap();
    assert_eq!(key.supported(), Err(UnsupportedDid::Method));
}

#[test]
fn did_009_no_path() {
    refused("did:web:example.com:path", UnsupportedDid::WebPath);
    refused("did:web:localhost:path", UnsupportedDid::WebPath);
    refused("did:web:example.com%2Fpath", UnsupportedDid::WebHost);
}

#[test]
fn did_010_hosts_end_as_handles_do() {
    let did = Did::new("did:web:Example.com").unwrap();
    assert_eq!(did.supported(), Ok(DidMethod::Web { host: "Example.com", port: None }));
    for tld in ["alt", "arpa", "example", "internal", "invalid", "local", "localhost", "onion"] {
        refused(&format!("did:web:host.{tld}"), UnsupportedDid::WebHost);
    }
    refused("did:web:10.0.0.1", UnsupportedDid::WebHost);
    refused("did:web:host", UnsupportedDid::WebHost);
}

#[test]
fn did_011_ports_for_localhost_only() {
    let localhost = Did::new("did:web:localhost").unwrap();
    assert_eq!(localhost.supported(), Ok(DidMethod::Web { host: "localhost", port: None }));
    for text in ["did:web:localhost%3A80", "did:web:localhost%3a80"] {
        let did = Did::new(text).unwrap();
        assert_eq!(did.supported(), Ok(DidMethod::Web { host: "localhost", port: Some(80) }));
    }
    refused("did:web:example.com%3A80", UnsupportedDid::WebPort);
    for port in ["", "99999", "-1", "8a", "%3A80"] {
        refused(&format!("did:web:localhost%3A{port}"), UnsupportedDid::WebPort);
    }
}

#[test]
fn did_012_plc_identifier() {
    let did = Did::new("did:plc:ewvi7nxzyoun6zhxrhs64oiz").unwrap();
    assert_eq!(did.as_str().len(), 32);
    assert_eq!(did.supported(), Ok(DidMethod::Plc { identifier: "ewvi7nxzyoun6zhxrhs64oiz" }));
    for bad in [
        "did:plc:ewvi7nxzyoun6zhxrhs64oi",
        "did:plc:ewvi7nxzyoun6zhxrhs64oizz",
        "did:plc:ewvi7nxzyoun6zhxrhs64oi1",
        "did:plc:EWVI7nxzyoun6zhxrhs64oiz",
    ] {
        refused(bad, UnsupportedDid::PlcIdentifier);
    }
}

#[test]
fn did_022_case_is_kept_and_counts() {
    let did = Did::new("did:web:EXAMPLE.com").unwrap();
    assert_eq!(did, "did:web:EXAMPLE.com");
    assert_ne!(did, Did::new("did:web:example.com").unwrap());
    let read: Did = serde_json::from_str("\"did:web:EXAMPLE.com\"").unwrap();
    assert_eq!(read, did);
    assert!(serde_json::from_str::<Did>("\"DID:web:example.com\"").is_err());
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

fn refused(text: &str, expected: UnsupportedDid) {
    assert_eq!(Did::new(text).unwrap().supported(), Err(expected), "{text}");
}
