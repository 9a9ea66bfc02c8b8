//! Public keys in every form, secret keys and signatures.

use std::sync::LazyLock;

use atproto_core::crypto::{Curve, PublicKey, SecretKey, Signature, SignatureError, Signer as _};

use super::entropy::Entropy;

/// Keys for signatures that come from the input.
static KEYS: LazyLock<[PublicKey; 2]> = LazyLock::new(|| {
    CURVES.map(|curve| SecretKey::from_bytes(curve, &[7; 32]).expect("a key").public_key())
});

const CURVES: [Curve; 2] = [Curve::K256, Curve::P256];

/// Text is a key. What begins with zero or one is a secret key of that curve and a message,
/// with two or three a signature by a key unknown, with four a point, with five a signature
/// in DER.
pub(crate) fn check(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        public(text);
    }
    let mut entropy = Entropy::new(data);
    match entropy.byte() {
        curve @ (0 | 1) => sign(CURVES[usize::from(curve)], &mut entropy),
        curve @ (2 | 3) => foreign(&KEYS[usize::from(curve - 2)], &mut entropy),
        4 => {
            for curve in CURVES {
                if let Ok(key) = PublicKey::from_sec1(curve, entropy.clone().rest()) {
                    forms(&key);
                }
            }
        }
        5 => {
            if let Ok(signature) = Signature::from_der(entropy.rest()) {
                assert_eq!(der(&signature), entropy.rest());
            }
        }
        _ => {}
    }
}

fn public(text: &str) {
    if let Ok(key) = PublicKey::from_did_key(text) {
        assert_eq!(key.to_did_key(), text);
        assert_eq!(text.parse(), Ok(key.clone()));
        forms(&key);
    }
    if let Ok(key) = PublicKey::from_multikey(text) {
        assert_eq!(key.to_multikey(), text);
        forms(&key);
    }
    for curve in CURVES {
        if let Ok(key) = PublicKey::from_legacy(curve, text) {
            assert_eq!(key.curve(), curve);
            forms(&key);
        }
    }
}

/// Every form of a key reads as the same key.
fn forms(key: &PublicKey) {
    let curve = key.curve();
    assert_eq!(PublicKey::from_did_key(&key.to_did_key()).as_ref(), Ok(key));
    assert_eq!(PublicKey::from_multikey(&key.to_multikey()).as_ref(), Ok(key));
    assert_eq!(PublicKey::from_sec1(curve, key.as_sec1()).as_ref(), Ok(key));
    let uncompressed = key.to_sec1_uncompressed();
    assert_eq!(PublicKey::from_sec1(curve, &uncompressed).as_ref(), Ok(key));
    assert_eq!(uncompressed[1..33], key.as_sec1()[1..]);
    for point in [&key.as_sec1()[..], &uncompressed] {
        let legacy = format!("z{}", bs58::encode(point).into_string());
        assert_eq!(PublicKey::from_legacy(curve, &legacy).as_ref(), Ok(key));
        assert!(PublicKey::from_multikey(&legacy).is_err(), "a key without its type");
    }
}

/// A signature verifies, and nothing else does: not with the other `s`, over another
/// message, with another key or with a bit changed.
fn sign(curve: Curve, entropy: &mut Entropy<'_>) {
    let Ok(secret) = SecretKey::from_bytes(curve, &entropy.array::<32>()) else { return };
    assert_eq!(secret.to_bytes().len(), 32);
    let (place, change) = (entropy.below(64), entropy.byte());
    let message = entropy.rest();
    let key = secret.public_key();
    let signature = secret.sign(message).expect("a key in memory always signs");
    assert!(is_low(curve, &signature));
    assert_eq!(key.verify(message, &signature), Ok(()));

    let high = Signature::from(with_other_s(curve, &signature));
    assert_eq!(key.verify(message, &high), Err(SignatureError::HighS));
    assert_eq!(high.to_low_s(curve), signature);
    assert_eq!(key.verify_lowered(message, &high), Ok(signature));
    assert_eq!(Signature::from_der(&der(&high)), Ok(high));
    let longer = [message, b"."].concat();
    assert_eq!(key.verify(&longer, &signature), Err(SignatureError::Mismatch));
    assert!(KEYS.iter().all(|other| *other == key || other.verify(message, &signature).is_err()));
    let mut bytes = *signature.as_bytes();
    bytes[place] ^= change.max(1);
    assert!(key.verify(message, &Signature::from(bytes)).is_err());
}

/// Whatever is accepted is low; lengths other than 64 are refused.
fn foreign(key: &PublicKey, entropy: &mut Entropy<'_>) {
    let bytes = entropy.rest();
    let (signature, message) = bytes.split_at(bytes.len().min(64));
    let Ok(signature) = Signature::from_bytes(signature) else {
        assert_ne!(signature.len(), 64);
        return;
    };
    match key.verify(message, &signature) {
        Ok(()) => assert!(is_low(key.curve(), &signature)),
        Err(SignatureError::HighS) => assert!(!is_low(key.curve(), &signature)),
        Err(_) => {}
    }
}

/// A sequence of two integers, without zeros ahead but for the one that keeps a number from
/// being negative.
fn der(signature: &Signature) -> Vec<u8> {
    let integer = |number: &[u8]| {
        let zeros = number.iter().take_while(|byte| **byte == 0).count();
        let digits = &number[zeros.min(number.len() - 1)..];
        let sign = &[0][..usize::from(digits[0] > 0x7f)];
        [&[2, (sign.len() + digits.len()) as u8], sign, digits].concat()
    };
    let (r, s) = signature.as_bytes().split_at(32);
    let integers = [integer(r), integer(s)].concat();
    [&[0x30, integers.len() as u8], &integers[..]].concat()
}

fn is_low(curve: Curve, signature: &Signature) -> bool {
    signature.as_bytes()[32..] <= with_other_s(curve, signature)[32..]
}

/// The signature with `n − s` for `s`, which is as true to whoever does not look.
fn with_other_s(curve: Curve, signature: &Signature) -> [u8; 64] {
    let order = match curve {
        Curve::K256 => K256_ORDER,
        _ => P256_ORDER,
    };
    let mut bytes = *signature.as_bytes();
    let mut borrow = 0;
    for (place, order) in bytes[32..].iter_mut().zip(order).rev() {
        let difference = i16::from(order) - i16::from(*place) - borrow;
        borrow = i16::from(difference < 0);
        *place = difference.rem_euclid(256) as u8;
    }
    bytes
}

const K256_ORDER: [u8; 32] =
    order(0xffffffff_ffffffff_ffffffff_fffffffe, 0xbaaedce6_af48a03b_bfd25e8c_d0364141);
const P256_ORDER: [u8; 32] =
    order(0xffffffff_00000000_ffffffff_ffffffff, 0xbce6faad_a7179e84_f3b9cac2_fc632551);

const fn order(high: u128, low: u128) -> [u8; 32] {
    let (high, low) = (high.to_be_bytes(), low.to_be_bytes());
    let mut bytes = [0; 32];
    let mut at = 0;
    while at < 16 {
        (bytes[at], bytes[at + 16]) = (high[at], low[at]);
        at += 1;
    }
    bytes
}
