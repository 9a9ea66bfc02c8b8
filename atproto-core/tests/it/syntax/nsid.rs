//! NSIDs and patterns of them: the statements NSID-001 to NSID-006.

use atproto_core::syntax::{Fault, Nsid, NsidPattern, SyntaxError};

/// Four segments of together 253 bytes.
fn longest_authority() -> String {
    let label = "a".repeat(63);
    format!("{label}.{label}.{label}.{}", "a".repeat(61))
}

#[test]
fn nsid_001_three_segments_and_a_length() {
    let most = format!("{}.{}", longest_authority(), "a".repeat(63));
    assert_eq!(most.len(), 317);
    assert!(Nsid::new(&most).is_ok());
    let fault = Fault::TooLong { part: "NSID", limit: 317 };
    assert_eq!(Nsid::new(most + "a"), Err(SyntaxError::Nsid(fault)));
    for bad in ["a", "a.b"] {
        let fault = Fault::TooFewSegments { least: 3 };
        assert_eq!(Nsid::new(bad), Err(SyntaxError::Nsid(fault)), "{bad}");
    }
    for bad in ["", "a..b", ".a.b", "a.b.", "a.b.c."] {
        let fault = Fault::Empty { part: "segment" };
        assert_eq!(Nsid::new(bad), Err(SyntaxError::Nsid(fault)), "{bad}");
    }
    assert!(Nsid::new("a.b.\u{fc}").is_err());
}

#[test]
fn nsid_002_segments_of_the_authority() {
    let label = "a".repeat(63);
    assert!(Nsid::new(format!("{label}.{label}.c")).is_ok());
    let fault = Fault::TooLong { part: "segment", limit: 63 };
    assert_eq!(Nsid::new(format!("a{label}.b.c")), Err(SyntaxError::Nsid(fault)));
    assert!(Nsid::new("a-b.c-0.d").is_ok());
    for bad in ["-a.b.c", "a-.b.c", "a.-b.c", "a.b_b.c"] {
        assert!(Nsid::new(bad).is_err(), "{bad}");
    }
    // An authority over 253 bytes counts only as part of the whole, as the vectors have it.
    assert!(Nsid::new(format!("{}.a.a", longest_authority())).is_ok());
}

#[test]
fn nsid_003_first_segment() {
    let fault = Fault::SegmentStartsWithDigit { at: 0 };
    assert_eq!(Nsid::new("0a.b.c"), Err(SyntaxError::Nsid(fault)));
    assert!(Nsid::new("a.0b.c").is_ok());
}

#[test]
fn nsid_004_name() {
    for (bad, fault) in [
        ("a.b.0c", Fault::SegmentStartsWithDigit { at: 4 }),
        ("a.b.c-d", Fault::BadCharacter { at: 5 }),
        ("a.b.c_d", Fault::BadCharacter { at: 5 }),
        ("a.b.c#d", Fault::BadCharacter { at: 5 }),
        ("a.b.-", Fault::BadCharacter { at: 4 }),
    ] {
        assert_eq!(Nsid::new(bad), Err(SyntaxError::Nsid(fault)), "{bad}");
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
