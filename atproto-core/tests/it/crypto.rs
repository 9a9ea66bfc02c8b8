//! Keys and signatures: the shared vectors, and the statements CR-001 to CR-009.

use std::{fs, path::Path, sync::Arc};

use atproto_core::crypto::{
    Curve, KeyError, PublicKey, SecretKey, Signature, SignatureError, Signer,
};
use data_encoding::{BASE64_NOPAD, HEXLOWER};
use proptest::prelude::*;
use serde_json::Value;

use crate::support::shared;

const CURVES: [Curve; 2] = [Curve::K256, Curve::P256];

/// The order of each curve, as bytes: numbers from here on are out of range.
const K256_ORDER: &str = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";
const P256_ORDER: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";

#[test]
fn signature_vectors() {
    for case in cases("interop/crypto/signature-fixtures.json") {
        let text = |name: &str| case[name].as_str().unwrap();
        let curve = if text("algorithm") == "ES256" { Curve::P256 } else { Curve::K256 };
        let message = BASE64_NOPAD.decode(text("messageBase64").as_bytes()).unwrap();
        let bytes = BASE64_NOPAD.decode(text("signatureBase64").as_bytes()).unwrap();
        let key = PublicKey::from_did_key(text("publicKeyDid")).unwrap();
        assert_eq!(key.curve(), curve);
        assert_eq!(key.to_did_key(), text("publicKeyDid"));
        assert_eq!(PublicKey::from_legacy(curve, text("publicKeyMultibase")), Ok(key.clone()));

        let outcome = Signature::from_bytes(&bytes).and_then(|s| key.verify(&message, &s));
        let expected = match case["tags"][0].as_str() {
            None => Ok(()),
            Some("high-s") => Err(SignatureError::HighS),
            Some("der-encoded") => Err(SignatureError::Length(bytes.len())),
            Some(other) => panic!("unknown tag {other}"),
        };
        assert_eq!(outcome, expected, "{case}");
        assert_eq!(outcome.is_ok(), case["validSignature"].as_bool().unwrap());
    }
}

#[test]
fn did_key_vectors() {
    for case in cases("interop/crypto/w3c_didkey_K256.json") {
        let hex = case["privateKeyBytesHex"].as_str().unwrap();
        let key = SecretKey::from_hex(Curve::K256, hex).unwrap();
        assert_eq!(key.public_key().to_did_key(), case["publicDidKey"].as_str().unwrap());
    }
    for case in cases("interop/crypto/w3c_didkey_P256.json") {
        let bytes = bs58::decode(case["privateKeyBytesBase58"].as_str().unwrap()).into_vec();
        let key = SecretKey::from_bytes(Curve::P256, &bytes.unwrap()).unwrap();
        assert_eq!(key.public_key().to_did_key(), case["publicDidKey"].as_str().unwrap());
    }
}

#[test]
fn bad_keys() {
    for case in cases("bad-input/identity/control-keys.json") {
        let value = case["value"].as_str().unwrap();
        let key = PublicKey::from_did_key(value);
        match case["expect"].as_str().unwrap() {
            "accept k256" => assert_eq!(key.unwrap().curve(), Curve::K256),
            "accept p256" => assert_eq!(key.unwrap().curve(), Curve::P256),
            "accept as multikey, reject as did:key" => {
                assert!(key.is_err() && PublicKey::from_multikey(value).is_ok(), "{case}");
            }
            // Either answer will do, as long as there is one.
            expect if expect.starts_with("reject or accept") => {}
            // Base58 is the only multibase of keys here, also where hexadecimal is left open.
            _ => assert!(key.is_err(), "{case}"),
        }
    }
    let ed25519 = "did:key:z6Mkij3Pe4qtqXBUSD7fUVSLbd3AikML4qPrQWvGCuXPaFhT";
    assert_eq!(PublicKey::from_did_key(ed25519), Err(KeyError::Type));
}

#[test]
fn cr_001_both_curves_round_trip() {
    for curve in CURVES {
        let key = SecretKey::generate(curve);
        let copy = SecretKey::from_bytes(curve, key.to_bytes().as_slice()).unwrap();
        let public = copy.public_key();
        assert_eq!((public.curve(), key.curve()), (curve, curve));
        assert_eq!(PublicKey::from_did_key(&public.to_did_key()), Ok(public.clone()));
        assert_eq!(PublicKey::from_multikey(&public.to_multikey()), Ok(public.clone()));
        assert_eq!(PublicKey::from_sec1(curve, public.as_sec1()), Ok(public.clone()));
        let long = public.to_sec1_uncompressed();
        assert_eq!(PublicKey::from_sec1(curve, &long), Ok(public.clone()));
        public.verify(b"message", &key.sign(b"message").unwrap()).unwrap();
        assert_ne!(SecretKey::generate(curve).public_key(), public);
    }
}

#[test]
fn cr_002_signed_is_the_sha_256_digest() {
    // RFC 6979 appendix A.2.5, P-256 with SHA-256 and the message "sample"; its s is high.
    let key = "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721";
    let r = "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716";
    let s = "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8";
    let signature = SecretKey::from_hex(Curve::P256, key).unwrap().sign(b"sample").unwrap();
    let number = |hex: &str| HEXLOWER.decode(hex.as_bytes()).unwrap();
    assert_eq!(signature.as_bytes()[..32], number(r));
    assert_eq!(signature.as_bytes()[32..], subtract(&number(P256_ORDER), &number(s)));
}

#[test]
fn cr_003_and_004_only_the_low_half() {
    for (curve, order) in [(Curve::K256, K256_ORDER), (Curve::P256, P256_ORDER)] {
        let order = HEXLOWER.decode(order.as_bytes()).unwrap();
        let key = SecretKey::from_bytes(curve, &[7; 32]).unwrap();
        for number in 0..32u8 {
            let signature = key.sign(&[number]).unwrap();
            assert_eq!(key.public_key().verify(&[number], &signature), Ok(()));
            let mut twin = *signature.as_bytes();
            let s = subtract(&order, &signature.as_bytes()[32..]);
            twin[32..].copy_from_slice(&s);
            let refused = key.public_key().verify(&[number], &Signature::from(twin));
            assert_eq!(refused, Err(SignatureError::HighS));
        }
    }
}

#[test]
fn cr_005_raw_and_in_range() {
    assert_eq!(Signature::from_bytes(&[1; 63]), Err(SignatureError::Length(63)));
    assert_eq!(Signature::from_bytes(&[1; 70]), Err(SignatureError::Length(70)));
    for curve in CURVES {
        let key = SecretKey::generate(curve).public_key();
        for bytes in [[0; 64], [0xFF; 64]] {
            let outcome = key.verify(b"", &Signature::from(bytes));
            assert_eq!(outcome, Err(SignatureError::OutOfRange));
        }
    }
}

#[test]
fn cr_006_and_007_text_of_keys() {
    for (curve, start) in [(Curve::K256, "zQ3sh"), (Curve::P256, "zDnae")] {
        let key = SecretKey::from_bytes(curve, &[1; 32]).unwrap().public_key();
        assert!(key.to_multikey().starts_with(start));
        assert_eq!(key.to_did_key(), format!("did:key:{}", key.to_multikey()));
        assert_eq!(key.to_string().parse(), Ok(key.clone()));
        assert_eq!(PublicKey::from_did_key(&key.to_multikey()), Err(KeyError::Prefix("did:key:")));
        assert_eq!(PublicKey::from_multikey(&key.to_did_key()), Err(KeyError::Prefix("z")));
    }
    let endless = format!("z{}", "2".repeat(100_000));
    assert_eq!(PublicKey::from_multikey(&endless), Err(KeyError::Encoding));
}

#[test]
fn cr_008_points_of_other_forms() {
    for (curve, multicodec) in [(Curve::K256, [0xE7, 0x01]), (Curve::P256, [0x80, 0x24])] {
        let key = SecretKey::generate(curve).public_key();
        let multikey = |point: &[u8]| {
            format!("z{}", bs58::encode([&multicodec, point].concat()).into_string())
        };
        assert_eq!(PublicKey::from_multikey(&multikey(key.as_sec1())), Ok(key.clone()));
        let long = key.to_sec1_uncompressed();
        assert_eq!(PublicKey::from_multikey(&multikey(&long)), Err(KeyError::Form(65)));
        assert_eq!(PublicKey::from_multikey(&multikey(&long[..33])), Err(KeyError::Form(33)));
        // The point at infinity, and an x that is no coordinate of the field.
        assert_eq!(PublicKey::from_multikey(&multikey(&[0])), Err(KeyError::Form(1)));
        let mut beyond = [0xFF; 33];
        beyond[0] = 2;
        assert_eq!(PublicKey::from_multikey(&multikey(&beyond)), Err(KeyError::Point));
        let mut off = long;
        off[64] ^= 1;
        assert_eq!(PublicKey::from_sec1(curve, &off), Err(KeyError::Point));
        // Hybrid points, which libraries read and nobody writes.
        let mut hybrid = long;
        hybrid[0] = 6 | long[64] & 1;
        assert_eq!(PublicKey::from_sec1(curve, &hybrid), Err(KeyError::Form(65)));
    }
}

#[test]
fn cr_009_other_messages_and_keys() {
    for curve in CURVES {
        let key = SecretKey::generate(curve);
        let signature = key.sign(b"message").unwrap();
        let refused = Err(SignatureError::Mismatch);
        assert_eq!(key.public_key().verify(b"massage", &signature), refused);
        let other = SecretKey::generate(curve).public_key();
        assert_eq!(other.verify(b"message", &signature), refused);
    }
}

#[test]
fn did_020_legacy_keys() {
    for curve in CURVES {
        let key = SecretKey::generate(curve).public_key();
        let legacy = |point: &[u8]| format!("z{}", bs58::encode(point).into_string());
        assert_eq!(PublicKey::from_legacy(curve, &legacy(key.as_sec1())), Ok(key.clone()));
        let long = key.to_sec1_uncompressed();
        assert_eq!(PublicKey::from_legacy(curve, &legacy(&long)), Ok(key.clone()));
        assert_eq!(PublicKey::from_legacy(curve, &key.to_multikey()), Err(KeyError::Form(35)));
    }
}

#[test]
fn secret_keys_out_of_range() {
    for (curve, order) in [(Curve::K256, K256_ORDER), (Curve::P256, P256_ORDER)] {
        let refused = |bytes: &[u8]| SecretKey::from_bytes(curve, bytes).unwrap_err();
        assert_eq!(refused(&[0; 32]), KeyError::Secret);
        assert_eq!(refused(&[1; 31]), KeyError::Secret);
        assert_eq!(refused(&[1; 33]), KeyError::Secret);
        assert_eq!(SecretKey::from_hex(curve, order).unwrap_err(), KeyError::Secret);
        assert_eq!(SecretKey::from_hex(curve, "abc").unwrap_err(), KeyError::Encoding);
        let letters = "g".repeat(64);
        assert_eq!(SecretKey::from_hex(curve, &letters).unwrap_err(), KeyError::Encoding);
    }
}

#[test]
fn secret_keys_are_not_shown() {
    let key = SecretKey::from_bytes(Curve::K256, &[0xAB; 32]).unwrap();
    assert_eq!(format!("{key:?}"), "SecretKey(k256, …)");
}

#[test]
fn signers_behind_pointers() {
    let key = SecretKey::generate(Curve::P256);
    let public = key.public_key();
    let shared: Arc<dyn Signer> = Arc::new(key);
    let boxed: Box<dyn Signer> = Box::new(Arc::clone(&shared));
    for signer in [&shared as &dyn Signer, &boxed, &&shared] {
        let signature = signer.sign(b"message").unwrap();
        assert_eq!(public.verify(b"message", &signature), Ok(()));
        assert_eq!(signer.public_key(), public);
    }
}

proptest! {
    #[test]
    fn foreign_text_is_no_key(text in "(did:key:)?z?[1-9A-HJ-NP-Za-km-z]{0,100}|.{0,40}") {
        let keys = [PublicKey::from_did_key(&text), PublicKey::from_multikey(&text)];
        for key in keys.into_iter().flatten() {
            prop_assert!(text.ends_with(&key.to_multikey()));
        }
    }
}

/// `a - b` of two numbers of 32 bytes, big-endian.
fn subtract(a: &[u8], b: &[u8]) -> [u8; 32] {
    let mut difference = [0; 32];
    let mut borrow = 0;
    for place in (0..32).rev() {
        let value = i16::from(a[place]) - i16::from(b[place]) - borrow;
        borrow = i16::from(value < 0);
        difference[place] = value.rem_euclid(256) as u8;
    }
    difference
}

/// The entries of a file of shared data, or none where there is no such data.
fn cases(path: &str) -> Vec<Value> {
    let Some(shared) = shared() else { return Vec::new() };
    let read = |path: &Path| fs::read_to_string(path).unwrap_or_else(|e| panic!("{path:?}: {e}"));
    serde_json::from_str(&read(&shared.join(path))).unwrap()
}
