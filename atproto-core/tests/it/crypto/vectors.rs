//! The shared vectors, each with the number of its cases.

use std::fs;

use atproto_core::crypto::{Curve, KeyError, PublicKey, SecretKey, Signature, SignatureError};
use data_encoding::BASE64_NOPAD;
use serde_json::Value;

use crate::support::shared;

#[test]
fn signature_vectors() {
    for case in cases("interop/crypto/signature-fixtures.json", 6) {
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
            Some("der-encoded") => {
                let raw = Signature::from_der(&bytes).unwrap();
                assert!(key.verify_lowered(&message, &raw).is_ok(), "{case}");
                Err(SignatureError::Length(bytes.len()))
            }
            Some(other) => panic!("unknown tag {other}"),
        };
        assert_eq!(outcome, expected, "{case}");
        assert_eq!(outcome.is_ok(), case["validSignature"].as_bool().unwrap());
    }
}

#[test]
fn did_key_vectors() {
    for case in cases("interop/crypto/w3c_didkey_K256.json", 5) {
        let hex = case["privateKeyBytesHex"].as_str().unwrap();
        let key = SecretKey::from_hex(Curve::K256, hex).unwrap();
        assert_eq!(key.public_key().to_did_key(), case["publicDidKey"].as_str().unwrap());
    }
    for case in cases("interop/crypto/w3c_didkey_P256.json", 1) {
        let bytes = bs58::decode(case["privateKeyBytesBase58"].as_str().unwrap()).into_vec();
        let key = SecretKey::from_bytes(Curve::P256, &bytes.unwrap()).unwrap();
        assert_eq!(key.public_key().to_did_key(), case["publicDidKey"].as_str().unwrap());
    }
}

#[test]
fn bad_keys() {
    for case in cases("bad-input/identity/control-keys.json", 14) {
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

/// The entries of a file of shared data, or none where there is no such data.
fn cases(path: &str, count: usize) -> Vec<Value> {
    let Some(shared) = shared() else { return Vec::new() };
    let path = shared.join(path);
    let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path:?}: {e}"));
    let cases: Vec<Value> = serde_json::from_str(&text).unwrap();
    assert_eq!(cases.len(), count, "{path:?}");
    cases
}
