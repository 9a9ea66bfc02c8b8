//! Keys and signatures: the shared vectors, the statements CR-001 to CR-010 and IT-006.

use atproto_core::crypto::{Curve, Signature};
use data_encoding::HEXLOWER;

mod backends;
mod keys;
mod numbers;
mod secrets;
mod signatures;
mod signers;
mod vectors;

const CURVES: [Curve; 2] = [Curve::K256, Curve::P256];

/// The order of each curve, as bytes: numbers from here on are out of range.
const K256_ORDER: &str = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";
const P256_ORDER: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";

fn order(curve: Curve) -> [u8; 32] {
    let hex = if curve == Curve::K256 { K256_ORDER } else { P256_ORDER };
    HEXLOWER.decode(hex.as_bytes()).unwrap().try_into().unwrap()
}

/// The other signature of the same key over the same message: `s` replaced by `n - s`.
fn twin(curve: Curve, signature: &Signature) -> Signature {
    let mut twin = *signature.as_bytes();
    let s = subtract(&order(curve), &signature.as_bytes()[32..]);
    twin[32..].copy_from_slice(&s);
    Signature::from(twin)
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
