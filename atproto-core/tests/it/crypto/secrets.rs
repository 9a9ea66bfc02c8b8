//! Secret keys: which there are, and that they are not left lying about.

use std::{fmt::Display, hash::Hash};

use atproto_core::crypto::{Curve, KeyError, SecretKey};
use data_encoding::HEXLOWER;
use serde::Serialize;
use zeroize::{ZeroizeOnDrop, Zeroizing};

use super::{CURVES, order};

#[test]
fn secret_keys_out_of_range() {
    for curve in CURVES {
        let refused = |bytes: &[u8]| SecretKey::from_bytes(curve, bytes).unwrap_err();
        assert_eq!(refused(&[0; 32]), KeyError::Secret);
        assert_eq!(refused(&[1; 31]), KeyError::Secret);
        assert_eq!(refused(&[1; 33]), KeyError::Secret);
        assert_eq!(refused(&order(curve)), KeyError::Secret);
        assert_eq!(SecretKey::from_hex(curve, "abc").unwrap_err(), KeyError::Encoding);
        let letters = "g".repeat(64);
        assert_eq!(SecretKey::from_hex(curve, &letters).unwrap_err(), KeyError::Encoding);
    }
}

#[test]
fn secret_keys_are_not_shown() {
    for curve in CURVES {
        let key = SecretKey::from_bytes(curve, &[0xAB; 32]).unwrap();
        assert_eq!(format!("{key:?}"), format!("SecretKey({curve}, …)"));
        assert_eq!(format!("{key:#?}"), format!("SecretKey({curve}, …)"));
    }
    let bad = SecretKey::from_hex(Curve::K256, &"zz".repeat(32)).unwrap_err();
    assert!(!bad.to_string().contains("zz") && !format!("{bad:?}").contains("zz"));
}

/// Gives a type two implementations if it implements the trait, so that naming the one
/// that every type has no longer compiles.
macro_rules! assert_not {
    ($type:ty: $trait:path) => {{
        trait Ambiguous<Witness> {
            fn proof() {}
        }
        impl<T: ?Sized> Ambiguous<()> for T {}
        #[allow(dead_code)]
        struct Implemented;
        impl<T: ?Sized + $trait> Ambiguous<Implemented> for T {}
        <$type as Ambiguous<_>>::proof();
    }};
}

#[test]
fn secrets_are_overwritten_by_their_types() {
    fn is_overwritten<T: ZeroizeOnDrop>() {}
    is_overwritten::<SecretKey>();
    is_overwritten::<k256::ecdsa::SigningKey>();
    is_overwritten::<p256::ecdsa::SigningKey>();
    // What leaves is overwritten too, and says so in its type.
    let key = SecretKey::from_hex(Curve::P256, &HEXLOWER.encode(&[9; 32])).unwrap();
    let bytes: Zeroizing<[u8; 32]> = key.to_bytes();
    assert_eq!(*bytes, [9; 32]);

    // No other way out, and no comparison that takes longer the more is right.
    assert_not!(SecretKey: Serialize);
    assert_not!(SecretKey: Display);
    assert_not!(SecretKey: AsRef<[u8]>);
    assert_not!(SecretKey: PartialEq);
    assert_not!(SecretKey: Hash);
    assert_not!(SecretKey: Copy);
}
