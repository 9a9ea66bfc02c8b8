//! CIDs: the statements CID-001 to CID-010.

use atproto_core::syntax::{Cid, Codec, Fault, SyntaxError};

/// SHA-256 of "hello", as raw bytes and as DAG-CBOR.
const RAW: &str = "bafkreibm6jg3ux5qumhcn2b3flc3tyu6dmlb4xa7u5bf44yegnrjhc4yeq";

#[test]
fn text_of_a_known_block() {
    let cid = Cid::raw(b"hello");
    assert_eq!(cid.to_string(), RAW);
    assert_eq!(RAW.parse(), Ok(cid));
    assert_eq!(size_of::<Cid>(), 33);
    // The empty map, a value known from many other implementations.
    let empty = "bafyreigbtj4x7ip5legnfznufuopl4sg4knzc2cof6duas4b3q2fy6swua";
    assert_eq!(Cid::dag_cbor(&[0xA0]).to_string(), empty);
}

#[test]
fn cid_001_and_006_only_version_1() {
    let mut bytes = Cid::raw(b"hello").to_bytes();
    bytes[0] = 0;
    assert_eq!(Cid::from_bytes(&bytes), Err(SyntaxError::Cid(Fault::BadCidPrefix)));
    bytes[0] = 2;
    assert_eq!(Cid::from_bytes(&bytes), Err(SyntaxError::Cid(Fault::BadCidPrefix)));
    // The binary form of version 0 is the bare multihash.
    assert!(Cid::from_bytes(&Cid::raw(b"hello").to_bytes()[2..]).is_err());
    assert!(Cid::new("QmbWqxBEKC3P8tqsKc98xmWNzrzDtRLMiMPL8wBuTGsMnR").is_err());
}

#[test]
fn cid_002_only_two_codecs() {
    let mut bytes = Cid::raw(b"hello").to_bytes();
    for codec in 0..=255 {
        bytes[1] = codec;
        assert_eq!(Cid::from_bytes(&bytes).is_ok(), codec == 0x55 || codec == 0x71);
    }
    assert_eq!(Cid::dag_cbor(b"").codec(), Codec::DagCbor);
    assert_ne!(Cid::dag_cbor(b""), Cid::raw(b""));
}

#[test]
fn cid_003_only_sha_256() {
    let mut bytes = Cid::raw(b"hello").to_bytes();
    bytes[2] = 0x13;
    assert!(Cid::from_bytes(&bytes).is_err());
    bytes[2] = 0x12;
    bytes[3] = 0x1F;
    assert!(Cid::from_bytes(&bytes).is_err());
}

#[test]
fn cid_004_only_lower_case_base32() {
    assert!(Cid::new(RAW.to_uppercase()).is_err());
    assert!(Cid::new(format!("B{}", &RAW[1..])).is_err());
    assert!(Cid::new(format!("{RAW}=")).is_err());
    assert!(Cid::new(format!("/ipfs/{RAW}")).is_err());
    assert!(Cid::new(format!(" {RAW}")).is_err());
    assert!(Cid::new(&RAW[..58]).is_err());
    assert!(Cid::new("").is_err());
    // The last character has two spare bits; with one set the text has a twin.
    let twin = format!("{}r", &RAW[..58]);
    assert_eq!(Cid::new(twin), Err(SyntaxError::Cid(Fault::Trailing)));
}

#[test]
fn cid_005_exactly_36_bytes() {
    let bytes = Cid::raw(b"hello").to_bytes();
    assert!(Cid::from_bytes(&bytes[..35]).is_err());
    let long = [&bytes[..], &[0]].concat();
    let fault = Fault::BadLength { expected: 36, found: 37 };
    assert_eq!(Cid::from_bytes(&long), Err(SyntaxError::Cid(fault)));
}

#[test]
fn cid_009_content_is_compared() {
    assert!(Cid::raw(b"hello").matches(b"hello"));
    assert!(!Cid::raw(b"hello").matches(b"hellp"));
}

#[test]
fn cid_010_serde_is_the_text() {
    let cid = Cid::raw(b"hello");
    let json = serde_json::to_string(&cid).unwrap();
    assert_eq!(json, format!("\"{RAW}\""));
    assert_eq!(serde_json::from_str::<Cid>(&json).unwrap(), cid);
    assert!(serde_json::from_str::<Cid>(r#"{"$link":"x"}"#).is_err());
}

#[test]
fn conversion_to_and_from_the_general_type() {
    for ours in [Cid::raw(b"hello"), Cid::dag_cbor(b"hello")] {
        let general = cid::Cid::from(ours);
        assert_eq!(general.to_bytes(), ours.to_bytes());
        assert_eq!(Cid::try_from(general), Ok(ours));
    }
    let hash = cid::multihash::Multihash::wrap(0x12, &[0; 32]).unwrap();
    assert!(Cid::try_from(cid::Cid::new_v1(0x70, hash)).is_err());
    assert!(Cid::try_from(cid::Cid::new_v0(hash).unwrap()).is_err());
    let short = cid::multihash::Multihash::wrap(0x12, &[0; 20]).unwrap();
    assert!(Cid::try_from(cid::Cid::new_v1(0x71, short)).is_err());
}

#[test]
fn order_is_that_of_the_bytes() {
    let mut cids: Vec<_> = (0u8..50).flat_map(|n| [Cid::raw(&[n]), Cid::dag_cbor(&[n])]).collect();
    cids.sort();
    assert!(cids.is_sorted_by_key(Cid::to_bytes));
}
