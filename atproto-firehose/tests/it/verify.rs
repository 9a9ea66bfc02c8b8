use std::sync::Arc;

use atproto_core::crypto::{Curve, SecretKey};
use atproto_core::identity::{DidDocument, ResolveError, Resolver};
use atproto_core::syntax::{Did, Handle};
use atproto_firehose::verify::{Outcome, Rejection, Verifier};
use atproto_repo::event::{AccountEvent, Event, IdentityEvent};
use atproto_repo::sync::Violation;
use futures::future::{BoxFuture, FutureExt};

use crate::support::network::{Account, Directory, TIME, document};

fn event(account: &mut Account) -> Event {
    account.commit().into()
}

#[tokio::test]
async fn a_chain_of_commits_is_accepted_and_a_hole_is_seen() {
    let mut alice = Account::new('a');
    let verifier = Verifier::new(Directory::of(&[&alice]));
    let first = verifier.check(&event(&mut alice), None, None).await;
    let Outcome::Accept(Some(one)) = first.verdict else { panic!("{first:?}") };
    let second = event(&mut alice);
    let checked = verifier.check(&second, Some(one), None).await;
    let Outcome::Accept(Some(two)) = checked.verdict else { panic!("{checked:?}") };

    let replay = verifier.check(&second, Some(two), None).await;
    assert!(matches!(replay.verdict, Outcome::Stale));
    let _missed = alice.commit();
    let hole = verifier.check(&event(&mut alice), Some(two), None).await;
    assert!(matches!(hole.verdict, Outcome::Discontinuous { .. }), "{hole:?}");
}

#[tokio::test]
async fn fh_008_a_rotated_key_is_found_by_one_refresh() {
    let mut alice = Account::new('a');
    let directory = Directory::of(&[&alice]);
    alice.key = SecretKey::generate(Curve::P256);
    directory.set_fresh(document(&alice.did, &alice.key, "pds.example"));
    let verifier = Verifier::new(Arc::clone(&directory) as Arc<_>);
    let checked = verifier.check(&event(&mut alice), None, None).await;
    assert!(matches!(checked.verdict, Outcome::Accept(Some(_))), "{checked:?}");
    assert!(checked.refreshed);
    assert_eq!(directory.purges(), 1);
}

#[tokio::test]
async fn id_014_a_wrong_signature_is_rejected_after_one_refresh() {
    let mut alice = Account::new('a');
    let directory = Directory::of(&[&alice]);
    alice.key = SecretKey::generate(Curve::K256);
    let verifier = Verifier::new(Arc::clone(&directory) as Arc<_>);
    let checked = verifier.check(&event(&mut alice), None, None).await;
    let Outcome::Reject(rejection) = checked.verdict else { panic!() };
    assert!(matches!(rejection, Rejection::Violation(Violation::BadSignature { .. })));
    assert_eq!(rejection.label(), "bad_signature");
    assert_eq!(directory.purges(), 1);
}

#[tokio::test]
async fn fh_006_only_the_accounts_own_host_may_speak() {
    let mut alice = Account::new('a');
    let directory = Directory::of(&[&alice]);
    let verifier = Verifier::new(Arc::clone(&directory) as Arc<_>);
    let commit = event(&mut alice);
    let identity = IdentityEvent::new(alice.did.clone(), None, TIME).into();
    let account = AccountEvent::new(alice.did.clone(), Some("deleted"), TIME).into();
    for event in [&commit, &identity, &account] {
        let checked = verifier.check(event, None, Some("evil.example")).await;
        let Outcome::Reject(rejection) = checked.verdict else { panic!("{checked:?}") };
        assert_eq!(rejection.label(), "wrong_host");
        let checked = verifier.check(event, None, Some("pds.example")).await;
        assert!(matches!(checked.verdict, Outcome::Accept(_)), "{checked:?}");
    }
    // The account has moved, and the cache did not know.
    directory.set_fresh(document(&alice.did, &alice.key, "new.example"));
    let checked = verifier.check(&commit, None, Some("new.example")).await;
    assert!(matches!(checked.verdict, Outcome::Accept(Some(_))), "{checked:?}");
    assert!(checked.refreshed);
}

#[tokio::test]
async fn an_identity_that_cannot_be_resolved_defers_and_never_passes() {
    let mut alice = Account::new('a');
    let directory = Directory::of(&[&alice]);
    directory.set_down(true);
    let verifier = Verifier::new(Arc::clone(&directory) as Arc<_>);
    let commit = event(&mut alice);
    let checked = verifier.check(&commit, None, None).await;
    assert!(matches!(checked.verdict, Outcome::Defer(_)), "{checked:?}");
    directory.set_down(false);
    let checked = verifier.check(&commit, None, None).await;
    assert!(matches!(checked.verdict, Outcome::Accept(Some(_))), "{checked:?}");
}

#[tokio::test]
async fn fh_023_what_an_identity_event_claims_is_looked_up_and_not_believed() {
    let mut alice = Account::new('a');
    let directory = Directory::of(&[&alice]);
    let verifier = Verifier::new(Arc::clone(&directory) as Arc<_>);
    let identity: Event = IdentityEvent::new(alice.did.clone(), None, TIME).into();
    // Nothing has changed: that is no fault, and what is cached is dropped all the same.
    for times in 1..=2 {
        let checked = verifier.check(&identity, None, None).await;
        assert!(matches!(checked.verdict, Outcome::Accept(None)), "{checked:?}");
        assert_eq!(directory.purges(), times);
    }
    alice.key = SecretKey::generate(Curve::K256);
    directory.set_fresh(document(&alice.did, &alice.key, "pds.example"));
    let _ = verifier.check(&identity, None, None).await;
    let checked = verifier.check(&event(&mut alice), None, None).await;
    assert!(matches!(checked.verdict, Outcome::Accept(Some(_))), "{checked:?}");
    assert!(!checked.refreshed, "the new key was known before it was needed");
}

#[tokio::test]
async fn fh_005_an_unknown_account_is_rejected() {
    let mut alice = Account::new('a');
    let verifier = Verifier::new(Directory::of(&[]));
    let checked = verifier.check(&event(&mut alice), None, None).await;
    let Outcome::Reject(rejection) = checked.verdict else { panic!("{checked:?}") };
    assert_eq!(rejection.label(), "not_found");
}

/// A directory in which every identity has ended.
struct Ended;

impl Resolver for Ended {
    fn did<'a>(&'a self, did: &'a Did) -> BoxFuture<'a, Result<Arc<DidDocument>, ResolveError>> {
        async { Err(ResolveError::Tombstoned(did.clone())) }.boxed()
    }

    fn handle<'a>(&'a self, handle: &'a Handle) -> BoxFuture<'a, Result<Did, ResolveError>> {
        async { Err(ResolveError::NotFound(handle.to_string())) }.boxed()
    }

    fn purge(&self, _did: &Did) {}
}

/// Nobody speaks for it any more, but that it is gone is believed from anyone.
#[tokio::test]
async fn id_015_a_tombstoned_identity_is_a_deleted_account() {
    let mut alice = Account::new('a');
    let verifier = Verifier::new(Arc::new(Ended) as Arc<_>);
    let commit = event(&mut alice);
    let active = AccountEvent::new(alice.did.clone(), None, TIME).into();
    for event in [&commit, &active] {
        let checked = verifier.check(event, None, Some("pds.example")).await;
        let Outcome::Reject(rejection) = checked.verdict else { panic!("{checked:?}") };
        assert_eq!(rejection.label(), "tombstoned");
    }
    let deleted = AccountEvent::new(alice.did.clone(), Some("deleted"), TIME).into();
    let checked = verifier.check(&deleted, None, Some("pds.example")).await;
    assert!(matches!(checked.verdict, Outcome::Accept(None)), "{checked:?}");
}
