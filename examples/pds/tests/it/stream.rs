//! The stream of events.

use atproto_lexicons::com::atproto::sync::SubscribeRepos;
use atproto_repo::{
    event::{CommitEvent, Event},
    sync::{RepoState, Verdict, VerifyContext, VerifyOptions, verify_commit, verify_sync},
};
use atproto_xrpc::{Client, client::subscribe::FrameStream};
use futures::StreamExt;
use pds::{accounts::Status, app::now_micros};
use serde_json::json;

use crate::harness::{Pds, User, rkey};

/// Subscribes to a server's events.
pub(crate) async fn subscribe(pds: &Pds, cursor: Option<i64>) -> FrameStream {
    let client = Client::new(&pds.url).unwrap();
    client.subscribe(&SubscribeRepos { cursor }).await.unwrap()
}

/// The next events of a stream.
pub(crate) async fn take(stream: &mut FrameStream, count: usize) -> Vec<Event> {
    let mut events = Vec::with_capacity(count);
    while events.len() < count {
        let frame = stream.next().await.expect("another frame").unwrap();
        events.push(Event::decode(frame).unwrap());
    }
    events
}

pub(crate) fn kinds(events: &[Event]) -> Vec<&'static str> {
    events
        .iter()
        .map(|event| match event {
            Event::Commit(_) => "commit",
            Event::Sync(_) => "sync",
            Event::Identity(_) => "identity",
            Event::Account(_) => "account",
            _ => "other",
        })
        .collect()
}

fn seqs(events: &[Event]) -> Vec<i64> {
    events.iter().filter_map(Event::seq).collect()
}

fn accept(verdict: Verdict) -> RepoState {
    match verdict {
        Verdict::Accept(state) => state,
        other => panic!("not accepted: {other:?}"),
    }
}

fn check(commit: &CommitEvent, alice: &User<'_>, previous: Option<&RepoState>) -> RepoState {
    let context = VerifyContext { key: &alice.key, previous, now_micros: now_micros() };
    accept(verify_commit(commit, &context, &VerifyOptions::default()))
}

#[tokio::test]
async fn pd_007_a_new_account_is_told_of_in_order() {
    let (pds, _dir) = Pds::start().await;
    let alice = pds.account("alice").await;
    let events = take(&mut subscribe(&pds, Some(0)).await, 4).await;
    assert_eq!(kinds(&events), ["identity", "account", "commit", "sync"]);
    assert_eq!(seqs(&events), [1, 2, 3, 4]);
    let [
        Event::Identity(identity),
        Event::Account(account),
        Event::Commit(commit),
        Event::Sync(sync),
    ] = &events[..]
    else {
        unreachable!()
    };
    assert_eq!(identity.handle.as_ref().unwrap().as_str(), "alice.test");
    assert!(account.active && account.status.is_none());
    let state = check(commit, &alice, None);
    let context =
        VerifyContext { key: &alice.key, previous: Some(&state), now_micros: now_micros() };
    accept(verify_sync(sync, &context, &VerifyOptions::default()));
}

#[tokio::test]
async fn commits_verify_one_after_the_other() {
    let (pds, _dir) = Pds::start().await;
    let alice = pds.account("alice").await;
    // The account's own events are out before anybody listens.
    take(&mut subscribe(&pds, Some(0)).await, 4).await;
    let mut live = subscribe(&pds, None).await;
    let mut keys = Vec::new();
    for n in 0..30 {
        keys.push(rkey(&alice.create(&format!("post {n}")).await.ok()));
    }
    let path =
        |key: &str| json!({ "repo": alice.did, "collection": "app.bsky.feed.post", "rkey": key });
    for key in &keys[10..20] {
        alice.post("com.atproto.repo.deleteRecord", path(key)).await.ok();
    }
    let mut put = path(&keys[0]);
    put["record"] = crate::harness::post("new");
    alice.post("com.atproto.repo.putRecord", put).await.ok();

    let mut replay = subscribe(&pds, Some(0)).await;
    let all = take(&mut replay, 4 + 41).await;
    let heard = take(&mut live, 41).await;
    assert_eq!(seqs(&heard), seqs(&all[4..]));
    let mut state = None;
    for event in &all {
        let Event::Commit(commit) = event else { continue };
        state = Some(check(commit, &alice, state.as_ref()));
    }
    let head = alice.head().await;
    assert_eq!(state.unwrap().rev.to_string(), head["rev"].as_str().unwrap());
    let Some(Event::Commit(last)) = all.last() else { panic!("the last event is a commit") };
    assert!(last.prev_data.is_some() && last.ops[0].prev.is_some());
}

#[tokio::test]
async fn a_cursor_resumes_after_it() {
    let (pds, _dir) = Pds::start().await;
    let _alice = pds.account("alice").await;
    let all = take(&mut subscribe(&pds, Some(0)).await, 4).await;
    let rest = take(&mut subscribe(&pds, Some(2)).await, 2).await;
    assert_eq!(seqs(&rest), seqs(&all[2..]));
}

#[tokio::test]
async fn ev_014_a_cursor_from_the_future_is_refused_in_the_stream() {
    let (pds, _dir) = Pds::start().await;
    let _alice = pds.account("alice").await;
    let mut stream = subscribe(&pds, Some(1_000_000)).await;
    let frame = stream.next().await.unwrap().unwrap();
    let error = Event::decode(frame).unwrap_err();
    assert!(error.to_string().contains("FutureCursor"), "{error}");
    assert!(stream.next().await.is_none_or(|end| end.is_err()));
}

#[tokio::test]
async fn pd_006_inactive_accounts_are_silent() {
    let (pds, _dir) = Pds::start().await;
    let alice = pds.account("alice").await;
    let mut stream = subscribe(&pds, Some(0)).await;
    take(&mut stream, 4).await;
    for status in [Status::Deactivated, Status::Deactivated, Status::Active] {
        pds.app.accounts.set_status(&alice.did, status).await.unwrap();
        let account = pds.app.accounts.by_did(&alice.did).await.unwrap().unwrap();
        pds.app.announce(&account).await.unwrap();
    }
    alice.create("back").await.ok();
    let events = take(&mut stream, 4).await;
    assert_eq!(kinds(&events), ["account", "account", "sync", "commit"]);
    let Event::Account(off) = &events[0] else { unreachable!() };
    assert_eq!((off.active, off.status.as_deref()), (false, Some("deactivated")));
}
