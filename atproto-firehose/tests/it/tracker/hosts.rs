use std::time::Duration;

use atproto_firehose::tracker::{PaceLimits, SourceError};
use atproto_repo::event::{Event as Message, InfoEvent};

use super::world::{Index, World};
use crate::support::network::{Account, document};

fn lost() -> InfoEvent {
    InfoEvent { name: "OutdatedCursor".to_owned(), message: None }
}

fn three() -> World {
    let mut world = World::new("abc");
    for letter in "abc".chars() {
        world.put_unseen(letter, "com.example.post/birth");
        world.put_unseen(letter, "com.example.post/1");
    }
    world
}

#[tokio::test(start_paused = true)]
async fn a_repository_that_cannot_be_fetched_holds_up_nobody_and_is_tried_again() {
    let world = three();
    let did = world.did('b');
    for _ in 0..3 {
        world.hosts.refuse(&did, SourceError::unavailable("down"));
    }
    let mut tracker = world.track(World::options()).await;
    let mut index = Index::default();
    for _ in 0..2 {
        let delivery = tracker.next().await.unwrap();
        index.apply(delivery.event());
        assert!(delivery.ack().await);
    }
    let mut told = index.take_told();
    told.sort();
    assert_eq!(told, ["a: resync +1", "c: resync +1"]);
    index.follow(&mut tracker).await;
    assert_eq!(index.take_told(), ["b: resync +1"]);
    let progress = tracker.progress().await.unwrap();
    assert_eq!((progress.failing, progress.failures, progress.left), (0, 3, 0));
}

#[tokio::test(start_paused = true)]
async fn a_host_that_wants_to_be_left_alone_is_asked_again_when_it_said() {
    let world = three();
    let did = world.did('a');
    let wait = Duration::from_secs(90);
    world.hosts.refuse(&did, SourceError::RateLimited { retry_after: Some(wait) });
    let began = tokio::time::Instant::now();
    let mut tracker = world.track(World::options()).await;
    let mut index = Index::default();
    index.follow(&mut tracker).await;
    assert!(index.records == world.truth() && began.elapsed() >= wait);
    let requests = world.hosts.take_requests();
    assert_eq!(requests.iter().filter(|one| one.starts_with("archive")).count(), 4, "{requests:?}");
    assert_eq!(tracker.progress().await.unwrap().failing, 0);
}

#[tokio::test(start_paused = true)]
async fn a_host_that_lies_is_not_believed() {
    let mut world = three();
    let (a, b) = (world.did('a'), world.did('b'));
    let other = world.account('a').archive();
    world.hosts.lie(&b, other.clone());
    let mut cut = other.to_vec();
    cut.truncate(cut.len() - 10);
    world.hosts.lie(&a, cut.into());
    let mut tracker = world.track(World::options()).await;
    let mut index = Index::default();
    index.follow(&mut tracker).await;
    assert_eq!(index.take_told(), ["c: resync +1"]);
    let progress = tracker.progress().await.unwrap();
    assert_eq!((progress.failing, progress.left), (2, 2));
    let archives = [world.account('a').archive(), world.account('b').archive()];
    let [first, second] = archives;
    world.hosts.lie(&a, first);
    world.hosts.lie(&b, second);
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    index.follow(&mut tracker).await;
    assert_eq!(index.records, world.truth());
}

#[tokio::test(start_paused = true)]
async fn an_account_whose_events_are_worked_on_for_long_keeps_no_other_from_its_turn() {
    let mut world = World::new("ab");
    for letter in ['a', 'b'] {
        world.put_unseen(letter, "com.example.post/birth");
    }
    let mut pace = PaceLimits::default();
    pace.total = 1;
    let mut tracker = world.track(World::options().pace(pace)).await;
    let mut index = Index::default();
    index.follow(&mut tracker).await;
    world.put('a', "com.example.post/1");
    let held = tracker.next().await.unwrap();
    world.upstream.greet(Message::from(lost()).encode());
    world.upstream.cut();
    world.put_unseen('b', "com.example.post/1");
    index.follow_for(&mut tracker, Duration::from_secs(60)).await;
    assert_eq!(index.take_told(), ["-: gap outdated_cursor", "b: resync +1"]);
    index.apply(held.event());
    assert!(held.ack().await);
    index.follow(&mut tracker).await;
    assert_eq!(index.records, world.truth());
}

#[tokio::test(start_paused = true)]
async fn a_source_that_panics_has_failed() {
    let world = three();
    let did = world.did('a');
    world.hosts.panic_for(&did);
    let mut tracker = world.track(World::options()).await;
    let mut index = Index::default();
    index.follow(&mut tracker).await;
    assert_eq!(index.records, world.truth());
    assert_eq!(tracker.progress().await.unwrap().failures, 1);
}

#[tokio::test(start_paused = true)]
async fn a_key_that_was_replaced_is_looked_up_again() {
    let mut world = World::new("a");
    world.put_unseen('a', "com.example.post/birth");
    world.put_unseen('a', "com.example.post/1");
    let account = world.account('a');
    let fresh = document(&account.did, &account.key, "pds.example");
    let stale = document(&account.did, &Account::new('z').key, "pds.example");
    world.directory.set(stale);
    world.directory.set_fresh(fresh);
    let mut tracker = world.track(World::options()).await;
    let mut index = Index::default();
    index.follow(&mut tracker).await;
    assert_eq!(index.take_told(), ["a: resync +1"]);
    assert_eq!(world.directory.purges(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_repository_that_is_gone_is_no_longer_wanted_until_it_is_back() {
    let world = three();
    let did = world.did('b');
    for _ in 0..2 {
        world.hosts.refuse(&did, SourceError::Gone("RepoDeactivated".to_owned()));
    }
    let mut tracker = world.track(World::options()).await;
    let mut index = Index::default();
    index.follow(&mut tracker).await;
    assert_eq!(index.take_told().len(), 2);
    let progress = tracker.progress().await.unwrap();
    assert_eq!((progress.left, progress.failing), (0, 0));
    world.status('b', None);
    index.follow(&mut tracker).await;
    assert_eq!(index.take_told(), ["b: account active", "b: resync +1"]);
}
