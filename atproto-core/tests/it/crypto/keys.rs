//! Public keys: their texts and points.

use atproto_core::crypto::{Curve, KeyError, PublicKey, SecretKey, Signer};
use proptest::prelude::*;

use super::CURVES;

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
fn cr_006_multikeys() {
    for (curve, start) in [(Curve::K256, "zQ3sh"), (Curve::P256, "zDnae")] {
        let key = SecretKey::from_bytes(curve, &[1; 32]).unwrap().public_key();
        assert!(key.to_multikey().starts_with(start));
        assert_eq!(PublicKey::from_multikey(&key.to_multikey()), Ok(key.clone()));
        assert_eq!(PublicKey::from_multikey(&key.to_did_key()), Err(KeyError::Prefix("z")));
        let hexadecimal = format!("f{}", "e7".repeat(35));
        assert_eq!(PublicKey::from_multikey(&hexadecimal), Err(KeyError::Prefix("z")));
    }
    let endless = format!("z{}", "2".repeat(100_000));
    assert_eq!(PublicKey::from_multikey(&endless), Err(KeyError::Encoding));
}

#[test]
fn cr_007_did_key_is_a_prefix_and_a_multikey() {
    for curve in CURVES {
        let key = SecretKey::from_bytes(curve, &[1; 32]).unwrap().public_key();
        assert_eq!(key.to_did_key(), format!("did:key:{}", key.to_multikey()));
        assert_eq!(key.to_string(), key.to_did_key());
        assert_eq!(key.to_string().parse(), Ok(key.clone()));
        let refused = Err(KeyError::Prefix("did:key:"));
        assert_eq!(PublicKey::from_did_key(&key.to_multikey()), refused);
        assert_eq!(PublicKey::from_did_key(&key.to_did_key().to_uppercase()), refused);
        let fragment = format!("{key}#{}", key.to_multikey());
        assert_eq!(PublicKey::from_did_key(&fragment), Err(KeyError::Encoding));
    }
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

proptest! {
    #[test]
    fn foreign_text_is_no_key(text in "(did:key:)?z?[1-9A-HJ-NP-Za-km-z]{0,100}|.{0,40}") {
        let keys = [PublicKey::from_did_key(&text), PublicKey::from_multikey(&text)];
        for key in keys.into_iter().flatten() {
            prop_assert!(text.ends_with(&key.to_multikey()));
        }
    }
}
