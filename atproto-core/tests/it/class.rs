//! What an error says about what to do.

use std::{collections::BTreeSet, time::Duration};

#[cfg(feature = "resolver")]
use atproto_core::identity::{FetchError, PlcClientError};
use atproto_core::{Class, Classify, data::cbor, identity::ResolveError};

#[test]
fn labels_tell_classes_apart_and_only_passing_troubles_are_transient() {
    let retry_after = None;
    let transient =
        [Class::RateLimited { retry_after }, Class::StoreTransient, Class::UpstreamUnavailable];
    let lasting = [
        Class::Auth,
        Class::Bug,
        Class::Client,
        Class::Conflict,
        Class::StoreCorrupt,
        Class::UpstreamInvalid,
    ];
    assert!(transient.iter().all(|class| class.is_transient()));
    assert!(!lasting.iter().any(|class| class.is_transient()));
    let labels: BTreeSet<_> = transient.iter().chain(&lasting).map(Class::to_string).collect();
    assert_eq!(labels.len(), transient.len() + lasting.len());
}

#[test]
fn answers_are_classed_by_their_status() {
    let retry_after = Some(Duration::from_secs(30));
    for (status, class) in [
        (400, Class::Client),
        (401, Class::Auth),
        (403, Class::Auth),
        (404, Class::Client),
        (408, Class::UpstreamUnavailable),
        (409, Class::Conflict),
        (429, Class::RateLimited { retry_after }),
        (500, Class::UpstreamUnavailable),
        (503, Class::UpstreamUnavailable),
        (302, Class::UpstreamInvalid),
    ] {
        assert_eq!(Class::of_status(status, retry_after), class, "{status}");
    }
}

#[test]
fn the_class_follows_the_cause() {
    assert_eq!(ResolveError::NotFound("a.test".into()).class(), Class::UpstreamInvalid);
    let down = ResolveError::Unavailable(std::sync::Arc::new(std::io::Error::other("down")));
    assert_eq!(down.class(), Class::UpstreamUnavailable);

    let damage = cbor::decode(b"\xff").unwrap_err().class();
    assert_eq!(damage, Class::UpstreamInvalid);
    assert_eq!(damage.of_own_store(), Class::StoreCorrupt);
    assert_eq!(Class::StoreTransient.of_own_store(), Class::StoreTransient);
}

#[cfg(feature = "resolver")]
#[test]
fn what_policy_forbids_is_not_tried_again() {
    let forbidden = || FetchError::Port { port: 22 };
    assert_eq!(forbidden().class(), Class::UpstreamInvalid);
    assert_eq!(PlcClientError::Fetch(forbidden()).class(), Class::UpstreamInvalid);
    let slow = FetchError::Deadline(Duration::from_secs(1));
    assert_eq!(PlcClientError::Fetch(slow).class(), Class::UpstreamUnavailable);
}
