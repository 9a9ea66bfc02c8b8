//! Whatever signs: behind pointers, and behind a function.

use std::{error::Error, io, sync::Arc};

use atproto_core::{
    crypto::{Curve, RemoteSigner, SecretKey, SignError, Signature, SignatureError, Signer},
    identity::plc::{Content, Operation},
    syntax::Handle,
};

use super::{CURVES, twin};

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

#[test]
fn remote_signatures_are_lowered() {
    for curve in CURVES {
        let key = SecretKey::generate(curve);
        let public = key.public_key();
        let expected = key.sign(b"message").unwrap();
        let high = RemoteSigner::new(public.clone(), |message: &[u8]| {
            key.sign(message).map(|signature| twin(curve, &signature))
        });
        assert_eq!(high.sign(b"message").unwrap(), expected);
        assert_eq!(high.public_key(), public);
        assert!(format!("{high:?}").contains(&public.to_did_key()));
    }
}

#[test]
fn remote_signatures_of_other_keys_and_messages_are_refused() {
    for curve in CURVES {
        let (key, other) = (SecretKey::generate(curve), SecretKey::generate(curve));
        let wrong_key = RemoteSigner::new(key.public_key(), |message: &[u8]| other.sign(message));
        let wrong_message = RemoteSigner::new(key.public_key(), |_: &[u8]| key.sign(b"another"));
        let wrong_form =
            RemoteSigner::new(key.public_key(), |_: &[u8]| Ok(Signature::from([0xFF; 64])));
        let refusals = [
            (&wrong_key as &dyn Signer, SignatureError::Mismatch),
            (&wrong_message, SignatureError::Mismatch),
            (&wrong_form, SignatureError::OutOfRange),
        ];
        for (signer, expected) in refusals {
            let refused = signer.sign(b"message").unwrap_err();
            assert!(matches!(refused, SignError::Invalid(error) if error == expected), "{refused}");
        }
        let away = RemoteSigner::new(key.public_key(), |_: &[u8]| {
            Err(SignError::unavailable(io::Error::other("no route")))
        });
        let error = away.sign(b"message").unwrap_err();
        assert_eq!(error.source().unwrap().to_string(), "no route");
    }
}

#[test]
fn operations_take_signatures_made_elsewhere() {
    for curve in CURVES {
        let (key, other) = (SecretKey::generate(curve), SecretKey::generate(curve));
        let public = key.public_key();
        let content = || {
            let handle = Handle::new("alice.test").unwrap();
            let keys = std::slice::from_ref(&public);
            Content::Operation(Operation::account(keys, &public, &handle, "https://pds.test"))
        };
        let signature = key.sign(&content().signing_input()).unwrap();
        let Content::Operation(operation) = content() else { unreachable!() };
        let expected = operation.sign(&key).unwrap();
        for signature in [signature, twin(curve, &signature)] {
            assert_eq!(content().with_signature(&public, &signature).unwrap(), expected);
        }
        let foreign = other.sign(&content().signing_input()).unwrap();
        let refused = content().with_signature(&public, &foreign).unwrap_err();
        assert_eq!(refused, SignatureError::Mismatch);
    }
}
