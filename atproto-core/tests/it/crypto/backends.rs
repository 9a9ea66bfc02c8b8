//! Ours against the pure libraries themselves, whatever the features: the same verdict
//! on every input. With the features `secp256k1` and `ring` this compares the fast
//! verifiers with the pure ones.

use atproto_core::crypto::{Curve, PublicKey, SecretKey, Signature, SignatureError, Signer};
use proptest::{collection::vec, prelude::*};

use super::{CURVES, order, subtract, twin};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn t33_verdicts_do_not_depend_on_the_verifier(
        secret in 1u8..0xFF,
        message in vec(any::<u8>(), 0..200),
        change in change(),
    ) {
        for curve in CURVES {
            let key = SecretKey::from_bytes(curve, &[secret; 32]).unwrap();
            let signature = key.sign(&message).unwrap();
            let case = change.apply(curve, &message, key.public_key().as_sec1(), &signature);
            let ours = PublicKey::from_sec1(curve, &case.point)
                .map(|key| key.verify(&case.message, &case.signature))
                .ok();
            prop_assert_eq!(ours, reference(curve, &case));
            if matches!(change, Change::Nothing) {
                prop_assert_eq!(ours, Some(Ok(())));
            }
        }
    }

    #[test]
    fn points_do_not_depend_on_the_verifier(x: [u8; 32], odd: bool, y: [u8; 32]) {
        let compressed = [&[2 + u8::from(odd)], &x[..]].concat();
        let uncompressed = [&[4], &x[..], &y].concat();
        for (curve, point) in CURVES.into_iter().flat_map(|c| [(c, &compressed), (c, &uncompressed)]) {
            let ours = PublicKey::from_sec1(curve, point).ok();
            let bytes = ours.as_ref().map(|key| (key.as_sec1().to_vec(), key.to_sec1_uncompressed().to_vec()));
            prop_assert_eq!(&bytes, &reference_point(curve, point));
            if let Some(key) = ours {
                let long = PublicKey::from_sec1(curve, &key.to_sec1_uncompressed());
                prop_assert_eq!(long, Ok(key));
            }
        }
    }
}

/// What is done to a valid signature, its message or its key.
#[derive(Debug, Clone)]
enum Change {
    Nothing,
    HighS,
    ZeroR,
    ZeroS,
    /// Adds the order of the curve where there is room for it, else takes the order itself.
    BeyondR,
    BeyondS,
    SignatureBit(usize),
    MessageBit(usize),
    KeyBit(usize),
    Signature([u8; 32], [u8; 32]),
}

struct Case {
    message: Vec<u8>,
    point: Vec<u8>,
    signature: Signature,
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        Just(Change::Nothing),
        Just(Change::HighS),
        Just(Change::ZeroR),
        Just(Change::ZeroS),
        Just(Change::BeyondR),
        Just(Change::BeyondS),
        (0usize..512).prop_map(Change::SignatureBit),
        any::<usize>().prop_map(Change::MessageBit),
        // Not the first byte, which the reference would read as other forms.
        (8usize..264).prop_map(Change::KeyBit),
        any::<([u8; 32], [u8; 32])>().prop_map(|(r, s)| Change::Signature(r, s)),
    ]
}

impl Change {
    fn apply(&self, curve: Curve, message: &[u8], point: &[u8], signature: &Signature) -> Case {
        let (mut message, mut point) = (message.to_vec(), point.to_vec());
        let mut bytes = *signature.as_bytes();
        match *self {
            Self::Nothing => {}
            Self::HighS => bytes = *twin(curve, signature).as_bytes(),
            Self::ZeroR => bytes[..32].fill(0),
            Self::ZeroS => bytes[32..].fill(0),
            Self::BeyondR => make_beyond(curve, &mut bytes[..32]),
            Self::BeyondS => make_beyond(curve, &mut bytes[32..]),
            Self::SignatureBit(bit) => flip(&mut bytes, bit),
            Self::MessageBit(bit) => flip(&mut message, bit),
            Self::KeyBit(bit) => flip(&mut point, bit),
            Self::Signature(r, s) => bytes.copy_from_slice(&[r, s].concat()),
        }
        Case { message, point, signature: Signature::from(bytes) }
    }
}

/// Makes it `number + n` if that is less than 2^256, else `n`.
fn make_beyond(curve: Curve, number: &mut [u8]) {
    let order = order(curve);
    // 2^256 - n, which the number must stay below.
    let mut room = subtract(&[0xFF; 32], &order);
    room[31] += 1;
    let beyond =
        if *number < room[..] { subtract(&[0; 32], &subtract(&room, number)) } else { order };
    number.copy_from_slice(&beyond);
}

fn flip(bytes: &mut [u8], bit: usize) {
    if !bytes.is_empty() {
        let bit = bit % (8 * bytes.len());
        bytes[bit / 8] ^= 1 << (bit % 8);
    }
}

/// Declares the verdict of a pure library; that of low `s` too, which it can tell.
macro_rules! pure {
    ($library:ident, $verdict:ident, $point:ident) => {
        fn $verdict(case: &Case) -> Option<Result<(), SignatureError>> {
            use $library::ecdsa::{Signature, VerifyingKey, signature::Verifier as _};
            let key = VerifyingKey::from_sec1_bytes(&case.point).ok()?;
            let Ok(signature) = Signature::from_slice(case.signature.as_bytes()) else {
                return Some(Err(SignatureError::OutOfRange));
            };
            if signature.normalize_s() != signature {
                return Some(Err(SignatureError::HighS));
            }
            let verified = key.verify(&case.message, &signature);
            Some(verified.map_err(|_| SignatureError::Mismatch))
        }

        fn $point(bytes: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
            let key = $library::ecdsa::VerifyingKey::from_sec1_bytes(bytes).ok()?;
            let form = |compressed| key.to_sec1_point(compressed).as_bytes().to_vec();
            Some((form(true), form(false)))
        }
    };
}
pure!(k256, k256_verdict, k256_point);
pure!(p256, p256_verdict, p256_point);

/// `None` where the key is none.
fn reference(curve: Curve, case: &Case) -> Option<Result<(), SignatureError>> {
    match curve {
        Curve::K256 => k256_verdict(case),
        Curve::P256 => p256_verdict(case),
    }
}

fn reference_point(curve: Curve, bytes: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    match curve {
        Curve::K256 => k256_point(bytes),
        Curve::P256 => p256_point(bytes),
    }
}
