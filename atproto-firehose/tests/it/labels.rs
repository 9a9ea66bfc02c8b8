//! Labels and their signatures.

use std::sync::Arc;

use atproto_core::{
    crypto::{Curve, SecretKey, Signer},
    data::{Value, cbor},
    identity::DidDocument,
    syntax::{Datetime, Did},
};
use atproto_firehose::label::{self, LabelError, LabelVerifier};
use atproto_lexicons::com::atproto::label::defs::Label;

use crate::support::network::Directory;

fn labeler() -> Did {
    Did::new("did:plc:ewvi7nxzyoun6zhxrhs64oiz").unwrap()
}

fn key() -> SecretKey {
    SecretKey::from_bytes(Curve::K256, &[7; 32]).unwrap()
}

fn document(fragment: &str, key: &SecretKey) -> Arc<DidDocument> {
    Arc::new(DidDocument::new(labeler()).with_key(fragment, &key.public_key()))
}

fn directory(document: Arc<DidDocument>) -> Arc<Directory> {
    let directory = Directory::of(&[]);
    directory.set(document);
    directory
}

fn time(text: &str) -> Datetime {
    Datetime::new(text).unwrap()
}

fn signed(change: impl FnOnce(&mut Label)) -> Label {
    let subject = "at://did:plc:44ybard66vv44zksje25o7dz/com.example.note/1".parse().unwrap();
    let mut label = Label::new(labeler(), subject, "spam", time("2026-01-01T00:00:00.000Z"));
    change(&mut label);
    label::sign(&mut label, &key()).unwrap();
    label
}

async fn verify(label: &Label) -> Result<(), LabelError> {
    LabelVerifier::new(directory(document("atproto_label", &key()))).verify(label).await
}

#[tokio::test]
async fn lb_001_version_and_signature_are_required_between_services() {
    let label = signed(|_| {});
    assert_eq!(label.ver, Some(1));
    verify(&label).await.unwrap();
    for ver in [None, Some(2)] {
        let error = verify(&Label { ver, ..label.clone() }).await.unwrap_err();
        assert!(matches!(error, LabelError::Version(found) if found == ver), "{error}");
    }
    let unsigned = Label { sig: None, ..label.clone() };
    assert!(matches!(verify(&unsigned).await, Err(LabelError::Unsigned)));
    let short = Label { sig: Some(vec![1; 63].into()), ..label };
    assert!(matches!(verify(&short).await, Err(LabelError::BadSignature(_))));
}

#[tokio::test]
async fn lb_002_values_have_128_bytes_at_most() {
    verify(&signed(|label| label.val = "x".repeat(128))).await.unwrap();
    let long = signed(|label| label.val = "x".repeat(129));
    assert!(matches!(verify(&long).await, Err(LabelError::Value(129))));
}

#[test]
fn lb_003_recommended_values_are_words_with_dashes() {
    for value in ["spam", "graphic-media", "!warn", "!no-unauthenticated"] {
        assert!(label::is_recommended_value(value), "{value}");
    }
    let long = "x".repeat(129);
    for value in ["", "!", "-", "a-", "-a", "a--b", "Spam", "a b", "a_b", "a1", "ä", &long] {
        assert!(!label::is_recommended_value(value), "{value}");
    }
}

/// The same bytes by another way: a map of the data model, made field by field.
#[tokio::test]
async fn lb_004_the_specified_fields_are_signed_and_no_others() {
    let label = signed(|label| {
        label.neg = Some(true);
        label.exp = Some(time("2027-01-01T00:00:00.000Z"));
    });
    let fields = [
        ("ver", Value::from(1)),
        ("src", Value::from(label.src.as_str())),
        ("uri", Value::from(label.uri.as_str())),
        ("val", Value::from("spam")),
        ("neg", Value::from(true)),
        ("cts", Value::from("2026-01-01T00:00:00.000Z")),
        ("exp", Value::from("2027-01-01T00:00:00.000Z")),
    ];
    let message = cbor::encode(&Value::Map(fields.into_iter().collect()));
    let expected = key().sign(&message).unwrap();
    assert_eq!(&label.sig.as_ref().unwrap()[..], expected.as_ref());

    // What the lexicon's form adds is not signed, and what is signed cannot be changed.
    let mut dressed = label.clone();
    dressed.extra.insert("$type", "com.atproto.label.defs#label");
    dressed.extra.insert("note", "of no matter");
    verify(&dressed).await.unwrap();
    for change in [
        (|label| label.neg = None) as fn(&mut Label),
        |label| label.val.push('s'),
        |label| label.exp = None,
        |label| label.cts = time("2026-01-01T00:00:00Z"),
    ] {
        let mut changed = label.clone();
        change(&mut changed);
        assert!(matches!(verify(&changed).await, Err(LabelError::BadSignature(_))));
    }
}

#[tokio::test]
async fn lb_005_no_other_key_stands_in() {
    let verifier = LabelVerifier::new(directory(document("atproto", &key())));
    let error = verifier.verify(&signed(|_| {})).await.unwrap_err();
    assert!(matches!(error, LabelError::NoKey(_)), "{error}");
}

#[test]
fn lb_006_the_latest_label_counts_and_may_take_the_others_back() {
    let spam = signed(|_| {});
    let at =
        |cts: &str, neg: bool| Label { cts: time(cts), neg: neg.then_some(true), ..spam.clone() };
    // The later one counts, whatever form its time has and in whatever order they come.
    let negation = at("2026-01-01T03:00:00+02:00", true);
    assert!(label::supersedes(&negation, &spam) && !label::supersedes(&spam, &negation));
    let again = at("2026-01-02T00:00:00Z", false);
    assert!(label::supersedes(&again, &negation));
    // At the same instant taking back wins.
    let same = at("2026-01-01T00:00:00Z", true);
    assert!(label::supersedes(&same, &spam) && !label::supersedes(&spam, &same));
    assert!(label::supersedes(&spam, &spam));
    // Others are others.
    let other = Label { val: "rude".into(), ..again };
    assert!(!label::supersedes(&other, &spam));
}

#[test]
fn lb_007_what_is_taken_back_or_over_is_not_shown() {
    let now = time("2026-06-01T00:00:00Z");
    assert!(label::is_active(&signed(|_| {}), &now));
    assert!(label::is_active(&signed(|label| label.neg = Some(false)), &now));
    assert!(!label::is_active(&signed(|label| label.neg = Some(true)), &now));
    let until = |exp: &str| signed(|label| label.exp = Some(time(exp)));
    assert!(label::is_active(&until("2026-06-01T00:00:01Z"), &now));
    assert!(!label::is_active(&until("2026-06-01T00:00:00Z"), &now));
}

#[tokio::test(start_paused = true)]
async fn lb_008_a_rotated_key_is_found_by_one_refresh() {
    let old = SecretKey::from_bytes(Curve::P256, &[9; 32]).unwrap();
    let directory = directory(document("atproto_label", &old));
    directory.set_fresh(document("atproto_label", &key()));
    let verifier = LabelVerifier::new(Arc::clone(&directory) as Arc<_>);
    verifier.verify(&signed(|_| {})).await.unwrap();
    assert_eq!(directory.purges(), 1);
    // What the old key signed stays in the stream: it is not looked up each time.
    let mut outdated = signed(|_| {});
    label::sign(&mut outdated, &old).unwrap();
    for _ in 0..3 {
        let error = verifier.verify(&outdated).await.unwrap_err();
        assert!(matches!(error, LabelError::BadSignature(_)), "{error}");
    }
    assert_eq!(directory.purges(), 1);
    directory.set_down(true);
    let error = verifier.verify(&outdated).await.unwrap_err();
    assert!(matches!(&error, LabelError::Identity(error) if error.is_transient()), "{error}");
}
