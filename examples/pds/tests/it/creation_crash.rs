//! An account is whole or not there, whatever is interrupted when.
//!
//! Between the reservation of a handle and the first commit lie a request to the directory
//! and two databases. Each test stops at one of the places in between and looks at what is
//! left after the next start.

use std::sync::Arc;

use atproto_core::{
    crypto::{Curve, SecretKey},
    identity::plc::{self, Operation},
    syntax::{Datetime, Handle},
};
use pds::accounts::{Account, Status, reservation::Wish};

use crate::{
    harness::Pds,
    network::{self, Directory, wish},
    stream::{kinds, subscribe, take},
};

const CREATE: &str = "com.atproto.server.createAccount";

async fn settled(pds: &Pds) {
    while !pds.app.accounts.reservations().await.unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn what_the_directory_refuses_can_be_tried_again() {
    let (directory, url) = Directory::start().await;
    let dir = tempfile::tempdir().unwrap();
    let pds = network::pds(dir.path(), &url, &[]).await;
    directory.refuse(400);
    assert_eq!(pds.post(CREATE, &wish("alice")).await.error(), (502, "UpstreamFailure".to_owned()));
    directory.refuse(0);
    pds.sign_up("alice").await;
    assert_eq!(directory.lengths(), [1]);
}

#[tokio::test]
async fn an_identity_whose_creation_got_no_answer_is_ended() {
    let (directory, url) = Directory::start().await;
    let dir = tempfile::tempdir().unwrap();
    let pds = network::pds(dir.path(), &url, &[]).await;
    directory.lose_answers(500);
    let refusal = pds.post(CREATE, &wish("alice")).await.error();
    assert_eq!(refusal.0, 502);
    directory.lose_answers(0);
    pds.stop().await;
    let pds = network::pds(dir.path(), &url, &[]).await;
    settled(&pds).await;
    assert!(directory.alive().is_empty());
    let alice = pds.sign_up("alice").await;
    assert_eq!(directory.alive(), [alice["did"].as_str().unwrap()]);
}

#[tokio::test]
async fn a_crash_before_and_after_the_directory_leaves_nothing() {
    for asked in [false, true] {
        let (directory, url) = Directory::start().await;
        let dir = tempfile::tempdir().unwrap();
        let pds = network::pds(dir.path(), &url, &[]).await;
        let handle = Handle::new("alice.test").unwrap();
        let rotation = Arc::clone(&pds.app.secrets.rotation_key);
        let key = SecretKey::generate(Curve::K256).public_key();
        let operation = Operation::account(&[rotation.public_key()], &key, &handle, &pds.url);
        let (did, genesis) = plc::create(operation, rotation.as_ref()).unwrap();
        let email = Some("alice@example.com".to_owned());
        let wish = Wish { handle, email, did: did.clone(), invite_code: None };
        pds.app.accounts.reserve(wish).await.unwrap();
        if asked {
            directory.insert(&did, genesis);
        }
        pds.stop().await;
        let pds = network::pds(dir.path(), &url, &[]).await;
        settled(&pds).await;
        assert!(pds.app.accounts.by_did(&did).await.unwrap().is_none());
        assert!(directory.alive().is_empty());
        pds.sign_up("alice").await;
    }
}

#[tokio::test]
async fn a_crash_after_the_account_is_stored_loses_nothing() {
    let (_directory, url) = Directory::start().await;
    let dir = tempfile::tempdir().unwrap();
    let pds = network::pds(dir.path(), &url, &[]).await;
    let (account, key) = crate::harness::new_account("alice");
    let handle = account.handle.clone().unwrap();
    let wish = Wish { handle, email: None, did: account.did.clone(), invite_code: None };
    let reservation = pds.app.accounts.reserve(wish).await.unwrap();
    pds.app.accounts.redeem(&reservation, account.clone(), key).await.unwrap();
    pds.stop().await;
    let pds = network::pds(dir.path(), &url, &[]).await;
    let events = take(&mut subscribe(&pds, Some(0)).await, 4).await;
    assert_eq!(kinds(&events), ["identity", "account", "commit", "sync"]);
    let latest = [("did", account.did.as_str())];
    pds.get("com.atproto.sync.getLatestCommit", &latest).await.ok();
}

#[tokio::test]
async fn an_interrupted_change_of_a_handle_is_settled_by_the_directory() {
    for asked in [false, true] {
        let (directory, url) = Directory::start().await;
        let dir = tempfile::tempdir().unwrap();
        let pds = network::pds(dir.path(), &url, &[]).await;
        let alice = pds.sign_up("alice").await;
        let did = alice["did"].as_str().unwrap().parse().unwrap();
        let handle = Handle::new("carol.test").unwrap();
        let wish = Wish { handle: handle.clone(), email: None, did, invite_code: None };
        let reservation = pds.app.accounts.reserve(wish).await.unwrap();
        if asked {
            let mut next = directory.log(reservation.did.as_str())[0].successor().unwrap();
            next.set_handle(&handle);
            let signed = next.sign(pds.app.secrets.rotation_key.as_ref()).unwrap();
            directory.insert(&reservation.did, signed);
        }
        pds.stop().await;
        let pds = network::pds(dir.path(), &url, &[]).await;
        settled(&pds).await;
        let account = pds.app.accounts.by_did(&reservation.did).await.unwrap().unwrap();
        let expected = if asked { "carol.test" } else { "alice.test" };
        assert_eq!(account.handle.unwrap().as_str(), expected);
    }
}

#[tokio::test]
async fn a_reservation_keeps_handle_and_address_from_others() {
    let (_directory, url) = Directory::start().await;
    let dir = tempfile::tempdir().unwrap();
    let pds = network::pds(dir.path(), &url, &[]).await;
    let (account, _) = crate::harness::new_account("alice");
    let Account { did, handle, .. } = account;
    let email = Some("Alice@example.com".to_owned());
    let wish_of_alice = Wish { handle: handle.unwrap(), email, did, invite_code: None };
    let reservation = pds.app.accounts.reserve(wish_of_alice.clone()).await.unwrap();
    assert!(pds.app.accounts.reserve(wish_of_alice.clone()).await.is_err());
    assert_eq!(pds.post(CREATE, &wish("alice")).await.error().1, "HandleNotAvailable");
    let mut input = wish("other");
    input["email"] = "alice@example.com".into();
    assert_eq!(pds.post(CREATE, &input).await.error().1, "InvalidRequest");
    pds.app.accounts.release(&reservation).await.unwrap();
    pds.post(CREATE, &input).await.ok();
    let created = pds.app.accounts.by_email("ALICE@example.com").await.unwrap().unwrap();
    assert_eq!((created.status, created.created_at <= Datetime::now()), (Status::Active, true));
}
