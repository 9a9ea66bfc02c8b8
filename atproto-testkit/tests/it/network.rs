//! The kit's own parts against the libraries that they imitate.

use std::time::Duration;

use atproto_core::{
    identity::Resolver,
    syntax::{Datetime, RecordKey},
};
use atproto_lexicons::{
    app::bsky::feed::Post,
    com::atproto::sync::{GetRepo, SubscribeRepos},
};
use atproto_repo::{
    event::Event,
    repo::{self, Write},
    sync::{Verdict, VerifyContext, VerifyOptions, verify_commit},
};
use atproto_testkit::{Author, Directory, MicroPds};
use atproto_xrpc::Client;
use futures::StreamExt;

const PATIENCE: Duration = Duration::from_secs(10);

fn post(text: &str) -> Post {
    Post::new(text, Datetime::new("2026-01-01T00:00:00Z").expect("a valid time"))
}

#[test]
fn an_authors_commits_verify_one_after_another() {
    let mut alice = Author::new("alice.test", 7);
    let key = alice.key().public_key();
    let rkey = RecordKey::new("one").expect("a valid record key");
    let mut events = alice.birth().split_off(2);
    events.push(alice.create(&post("hello")));
    events.push(alice.write(vec![Write::create_at(rkey, &post("one")).expect("it encodes")]));
    let mut state = None;
    for event in events {
        let Event::Commit(commit) = event else { panic!("an author's writes are commits") };
        let context =
            VerifyContext { key: &key, previous: state.as_ref(), now_micros: commit.rev.micros() };
        match verify_commit(&commit, &context, &VerifyOptions::default()) {
            Verdict::Accept(next) => state = Some(next),
            other => panic!("{other:?}"),
        }
    }
    let verified = repo::verify(alice.export(), Some(&key)).expect("the export verifies");
    assert_eq!(verified.len(), 2);
    assert_eq!(verified.head, alice.head());
}

#[test]
fn the_same_seed_is_the_same_author_and_another_seed_another() {
    let write = |seed| Author::new("alice.test", seed).create(&post("hello")).encode();
    assert_eq!(write(1), write(1));
    assert_ne!(write(1), write(2));
    assert_ne!(Author::new("a.test", 1).did(), Author::new("a.test", 33).did());
}

#[tokio::test]
async fn a_micro_pds_replays_and_hangs_up() {
    let pds = MicroPds::start().await.expect("loopback has free ports");
    let mut alice = Author::new("alice.test", 1);
    pds.announce(&alice);
    let last = pds.publish(alice.create(&post("hello")));
    pds.host(&alice);

    let client = Client::new(pds.url()).expect("loopback may be clear text");
    let body = client.call(GetRepo::new(alice.did().clone())).await.expect("it is hosted");
    assert_eq!(body.bytes, alice.export());

    let params = SubscribeRepos { cursor: Some(last - 1) };
    let mut stream = client.subscribe(&params).await.expect("the stream opens");
    let frame = stream.next().await.expect("a frame").expect("no fault");
    let event = Event::decode(frame).expect("an event");
    assert_eq!(event.seq(), Some(last));
    pds.hang_up();
    let end = tokio::time::timeout(PATIENCE, stream.next()).await.expect("it hangs up");
    assert!(end.is_none_or(|item| item.is_err()));
}

#[tokio::test]
async fn a_directory_can_be_out_of_reach() {
    let alice = Author::new("alice.test", 1);
    let directory = Directory::default();
    directory.insert(alice.document("http://localhost:1"));
    assert_eq!(directory.handle(alice.handle()).await.expect("it is known"), *alice.did());
    directory.set_reachable(alice.did(), false);
    assert!(directory.did(alice.did()).await.is_err_and(|error| error.is_transient()));
    directory.set_reachable(alice.did(), true);
    assert!(directory.did(alice.did()).await.is_ok());
    directory.remove(alice.did());
    assert!(directory.did(alice.did()).await.is_err_and(|error| !error.is_transient()));
}
