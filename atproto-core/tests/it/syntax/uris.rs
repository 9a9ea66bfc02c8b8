//! AT-URIs and URIs: the statements URI-001 to URI-007 and FMT-001.

use atproto_core::syntax::{AtIdentifier, AtUri, Did, Fault, Nsid, RecordKey, SyntaxError, Uri};

#[test]
fn uri_001_scheme_and_authority() {
    let fault = Fault::MissingPrefix { expected: "at://" };
    for bad in ["", "a.com", "AT://a.com", "at:/a.com", "https://a.com"] {
        assert_eq!(AtUri::new(bad), Err(SyntaxError::AtUri(fault)), "{bad}");
    }
    for bad in ["at://", "at:///a.b.c/x"] {
        let fault = Fault::Empty { part: "handle" };
        assert_eq!(AtUri::new(bad), Err(SyntaxError::AtUri(fault)), "{bad}");
    }
}

#[test]
fn uri_002_no_port_and_no_user() {
    for bad in ["at://a.com:80", "at://u@a.com", "at://u:p@a.com", "at://[::1]", "at://a_b.com"] {
        assert!(AtUri::new(bad).is_err(), "{bad}");
    }
    let uri = AtUri::new("at://did:web:localhost%3A80").unwrap();
    assert_eq!(uri.authority(), AtIdentifier::Did(Did::new("did:web:localhost%3A80").unwrap()));
    assert_eq!((uri.collection(), uri.rkey()), (None, None));
}

#[test]
fn uri_003_length() {
    let fault = Fault::TooLong { part: "AT-URI", limit: 8192 };
    let long = format!("at://a.com/a.b.c/{}", "o".repeat(8192));
    assert_eq!(AtUri::new(long), Err(SyntaxError::AtUri(fault)));
    let parts = (
        Did::new(format!("did:a:{}", "b".repeat(2042))).unwrap(),
        Nsid::new("a.b.c").unwrap(),
        RecordKey::new("o".repeat(512)).unwrap(),
    );
    let longest = AtUri::from_parts(&parts.0, &parts.1, &parts.2);
    assert_eq!(AtUri::new(&longest), Ok(longest));
}

#[test]
fn uri_004_restricted_form() {
    let uri = AtUri::new("at://a.com/a.b.c").unwrap();
    assert_eq!((uri.collection(), uri.rkey()), (Some(Nsid::new("a.b.c").unwrap()), None));
    for tail in
        ["/", "/a.b.c/", "/a.b.c/d/", "/a.b.c/d/e", "//a.b.c", "?q", "/a.b.c?q", "/a.b.c/d#f"]
    {
        assert!(AtUri::new(format!("at://a.com{tail}")).is_err(), "{tail}");
    }
}

#[test]
fn uri_005_normal_form() {
    let uri = AtUri::new("at://A.Com/A.B.cD/Ef").unwrap();
    assert_eq!(uri, "at://A.Com/A.B.cD/Ef");
    assert_eq!(uri.to_normalized(), "at://a.com/a.b.cD/Ef");
    assert_eq!(uri.to_normalized().rkey().unwrap(), "Ef");
    assert_eq!(uri.authority().as_str(), "a.com");
}

#[test]
fn uri_006_parts_are_checked_and_located() {
    let fault = Fault::BadCharacter { at: 17 };
    assert_eq!(AtUri::new("at://a.com/a.b.c/$"), Err(SyntaxError::AtUri(fault)));
    assert!(AtUri::new("at://a.com/a.b").is_err());
    assert!(AtUri::new("at://a.com/a.b.c/..").is_err());
    let fault = Fault::SegmentStartsWithDigit { at: 11 };
    assert_eq!(AtUri::new("at://a.com/0.b.c"), Err(SyntaxError::AtUri(fault)));
}

#[test]
fn uri_007_made_of_parts() {
    let (did, collection, rkey) = (
        Did::new("did:web:example.com").unwrap(),
        Nsid::new("app.bsky.feed.post").unwrap(),
        RecordKey::new("self").unwrap(),
    );
    let uri = AtUri::from_parts(&did, &collection, &rkey);
    assert_eq!(uri, "at://did:web:example.com/app.bsky.feed.post/self");
    assert_eq!(uri.authority(), AtIdentifier::from(did.clone()));
    assert_eq!((uri.collection(), uri.rkey()), (Some(collection), Some(rkey)));
    let repo = AtUri::from_authority(&did.into());
    assert_eq!(repo, "at://did:web:example.com");
    assert_eq!((repo.collection(), repo.rkey()), (None, None));
}

#[test]
fn fmt_001_uri() {
    let start = "https://example.com/";
    let most = format!("{start}{}", "x".repeat(8192 - start.len()));
    assert!(Uri::new(&most).is_ok());
    assert!(Uri::new(most + "x").is_err());
    assert_eq!(Uri::new("content-type:x").unwrap().scheme(), "content-type");
    assert!(Uri::new("https://example.com/日本").is_ok());
    for bad in ["", ":", "a:", ":a", "1a:b", "a b:c", "a:b c", "a:b\u{a0}c", "a:\0", "ä:b"] {
        assert!(Uri::new(bad).is_err(), "{bad:?}");
    }
}
