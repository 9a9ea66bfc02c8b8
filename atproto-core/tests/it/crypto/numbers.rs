//! The numbers of signatures, at the edges of their range, raw and in DER.

use atproto_core::crypto::{SecretKey, Signature, SignatureError};
use data_encoding::HEXLOWER;
use proptest::prelude::*;

use super::{CURVES, order, subtract};

#[test]
fn t33_the_range_ends_at_half_the_order() {
    for curve in CURVES {
        let key = SecretKey::generate(curve).public_key();
        let one = number(1);
        let order = order(curve);
        // The order is odd: half of it, rounded down, is the last low number.
        let half = halved(&order);
        let after_half = subtract(&order, &half);
        let last = subtract(&order, &one);
        let [mismatch, high, out] =
            [SignatureError::Mismatch, SignatureError::HighS, SignatureError::OutOfRange];
        let cases = [
            (one, one, mismatch),
            (last, one, mismatch),
            (one, half, mismatch),
            (one, after_half, high),
            (one, last, high),
            (number(0), one, out),
            (one, number(0), out),
            (order, one, out),
            (one, order, out),
            ([0xFF; 32], one, out),
            (one, [0xFF; 32], out),
            (number(0), after_half, out),
        ];
        for (r, s, expected) in cases {
            let signature = raw(r, s);
            assert_eq!(key.verify(b"", &signature), Err(expected), "{curve} {signature:?}");
        }
        assert_eq!(raw(one, after_half).to_low_s(curve), raw(one, half));
        assert_eq!(raw(one, last).to_low_s(curve), raw(one, one));
        for kept in [half, one, number(0), order, [0xFF; 32]] {
            assert_eq!(raw(last, kept).to_low_s(curve), raw(last, kept));
        }
    }
}

#[test]
fn der_is_read_in_its_only_form() {
    let good = ["3006020101020102", "300802020080020200ff", "3007020101020200ff"];
    for hex in good {
        let der = HEXLOWER.decode(hex.as_bytes()).unwrap();
        let read = Signature::from_der(&der).unwrap();
        assert_eq!(to_der(&read), der);
    }
    let bad = [
        "",
        "30",
        "3000",
        "3003020101",
        // Another type, outside or inside.
        "3106020101020102",
        "3006030101020102",
        // Bytes after, a third number, a length too long or too short.
        "300602010102010200",
        "3009020101020102020103",
        "3007020101020102",
        "3005020101020102",
        "3006020101020202",
        // Negative, zero, empty, and numbers that are not in their shortest form.
        "3006020181020101",
        "3006020100020101",
        "30050200020101",
        "300702020001020101",
        "308106020101020102",
        "30800201010201020000",
    ];
    for hex in bad {
        let der = HEXLOWER.decode(hex.as_bytes()).unwrap();
        assert_eq!(Signature::from_der(&der), Err(SignatureError::Der), "{hex}");
    }
    // A number of 33 bytes.
    let mut der = vec![0x30, 38, 0x02, 33, 1];
    der.extend([0; 32]);
    der.extend([0x02, 1, 1]);
    assert_eq!(Signature::from_der(&der), Err(SignatureError::Der));
}

proptest! {
    #[test]
    fn der_round_trip(r in 1u128.., s in 1u128.., shift in 0usize..16) {
        let place = |number: u128| {
            let mut bytes = [0; 32];
            bytes[shift..][..16].copy_from_slice(&number.to_be_bytes());
            bytes
        };
        let signature = raw(place(r), place(s));
        prop_assert_eq!(Signature::from_der(&to_der(&signature)), Ok(signature));
    }

    #[test]
    fn der_has_one_form(bytes: Vec<u8>, at in 0usize..72, value: u8, seed: [u8; 32]) {
        let mut der = to_der(&raw(seed, seed));
        let at = at % der.len();
        der[at] = value;
        for der in [bytes, der] {
            if let Ok(read) = Signature::from_der(&der) {
                prop_assert_eq!(to_der(&read), der);
            }
        }
    }
}

fn raw(r: [u8; 32], s: [u8; 32]) -> Signature {
    Signature::from_bytes(&[r, s].concat()).unwrap()
}

fn number(value: u8) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes[31] = value;
    bytes
}

fn halved(number: &[u8; 32]) -> [u8; 32] {
    let mut half = [0; 32];
    for place in 0..32 {
        let above = if place == 0 { 0 } else { number[place - 1] };
        half[place] = above << 7 | number[place] >> 1;
    }
    half
}

fn to_der(signature: &Signature) -> Vec<u8> {
    let integer = |number: &[u8]| {
        let start = number.iter().position(|digit| *digit > 0).unwrap_or(31);
        let sign: &[u8] = if number[start] > 0x7F { &[0] } else { &[] };
        let digits = [sign, &number[start..]].concat();
        [&[0x02, digits.len() as u8], &digits[..]].concat()
    };
    let (r, s) = signature.as_bytes().split_at(32);
    let content = [integer(r), integer(s)].concat();
    [&[0x30, content.len() as u8], &content[..]].concat()
}
