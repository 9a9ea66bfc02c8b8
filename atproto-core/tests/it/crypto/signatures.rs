//! Signatures: which one is made, and which are accepted.

use atproto_core::{
    crypto::{Curve, SecretKey, Signature, SignatureError, Signer},
    data::{Map, Value, cbor},
    identity::plc::{Operation, SignatureProblem, SignedOperation, Tombstone},
    syntax::Handle,
};
use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use proptest::prelude::*;

use super::{CURVES, order, subtract, twin};

#[test]
fn cr_002_signed_is_the_sha_256_digest() {
    // RFC 6979 appendix A.2.5, P-256 with SHA-256 and the message "sample"; its s is high.
    let key = "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721";
    let r = "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716";
    let s = "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8";
    let signature = SecretKey::from_hex(Curve::P256, key).unwrap().sign(b"sample").unwrap();
    let number = |hex: &str| HEXLOWER.decode(hex.as_bytes()).unwrap();
    assert_eq!(signature.as_bytes()[..32], number(r));
    assert_eq!(signature.as_bytes()[32..], subtract(&order(Curve::P256), &number(s)));
}

#[test]
fn cr_004_the_high_half_is_refused() {
    for curve in CURVES {
        let key = SecretKey::from_bytes(curve, &[7; 32]).unwrap();
        for number in 0..32u8 {
            let signature = key.sign(&[number]).unwrap();
            let twin = twin(curve, &signature);
            let refused = key.public_key().verify(&[number], &twin);
            assert_eq!(refused, Err(SignatureError::HighS));
            assert_eq!(twin.to_low_s(curve), signature);
            assert_eq!(signature.to_low_s(curve), signature);
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
fn cr_010_operations_sign_their_fields_and_nothing_else() {
    let key = SecretKey::generate(Curve::K256);
    let prev = genesis(&key).cid();
    for signed in [genesis(&key), Tombstone { prev }.sign(&key).unwrap()] {
        let (mut fields, signature) = without_signature(&signed);
        let verify = |fields: &Map| {
            let message = cbor::encode(&Value::Map(fields.clone()));
            key.public_key().verify(&message, &signature)
        };
        assert_eq!(verify(&fields), Ok(()));
        let names: Vec<String> = fields.keys().map(str::to_owned).collect();
        for name in names {
            let value = fields.remove(&name).unwrap();
            assert_eq!(verify(&fields), Err(SignatureError::Mismatch), "without {name}");
            fields.insert(name, value);
        }
        fields.insert("more".to_owned(), Value::Null);
        assert_eq!(verify(&fields), Err(SignatureError::Mismatch));
    }
}

#[test]
fn it_006_an_operation_has_one_signature() {
    for curve in CURVES {
        let key = SecretKey::generate(curve);
        let keys = [key.public_key().to_did_key()];
        let signed = genesis(&key);
        assert_eq!(signed.signer(&keys), Ok(0));
        let (_, signature) = without_signature(&signed);
        let twin = twin(curve, &signature);
        let other = SignedOperation::from_parts(signed.content().clone(), &twin);
        // The same statement under another hash, and so another identity, if it counted.
        assert_ne!(other.cid(), signed.cid());
        assert_eq!(other.signer(&keys), Err(SignatureProblem::NoKey));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn cr_003_only_the_low_half_is_made(secret: [u8; 32], message: Vec<u8>) {
        for curve in CURVES {
            let Ok(key) = SecretKey::from_bytes(curve, &secret) else { continue };
            let signature = key.sign(&message).unwrap();
            prop_assert_eq!(key.public_key().verify(&message, &signature), Ok(()));
            prop_assert!(signature.as_bytes()[32..] < twin(curve, &signature).as_bytes()[32..]);
        }
    }
}

fn genesis(key: &SecretKey) -> SignedOperation {
    let (public, handle) = (key.public_key(), Handle::new("alice.test").unwrap());
    let keys = std::slice::from_ref(&public);
    Operation::account(keys, &public, &handle, "https://pds.example.com").sign(key).unwrap()
}

/// The fields that are signed, and the signature.
fn without_signature(signed: &SignedOperation) -> (Map, Signature) {
    let mut fields = cbor::decode_map(&signed.to_cbor()).unwrap();
    fields.remove("sig").unwrap();
    let signature = BASE64URL_NOPAD.decode(signed.signature().as_bytes()).unwrap();
    (fields, Signature::from_bytes(&signature).unwrap())
}
