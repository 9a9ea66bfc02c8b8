use std::time::Duration;

use atproto_repo::event::{Event as Message, InfoEvent};

use super::world::{Index, World, posts};

/// A tracker that has told of one post, `1`, of account `a`.
async fn following(world: &mut World) -> (atproto_firehose::tracker::Tracker, Index) {
    world.put_unseen('a', "com.example.post/birth");
    world.put_unseen('a', "com.example.post/1");
    let mut tracker = world.track(World::options().scope(posts())).await;
    let mut index = Index::default();
    index.follow(&mut tracker).await;
    assert_eq!(index.take_told(), ["a: resync +1"]);
    world.hosts.take_requests();
    (tracker, index)
}

#[tokio::test(start_paused = true)]
async fn what_was_missed_comes_as_the_difference_with_what_was_deleted() {
    let mut world = World::new("a");
    let (mut tracker, mut index) = following(&mut world).await;
    world.put('a', "com.example.post/2");
    world.put_unseen('a', "com.example.post/3");
    world.put_unseen('a', "com.example.post/2");
    world.delete_unseen('a', "com.example.post/1");
    world.put('a', "com.example.post/4");
    index.follow(&mut tracker).await;
    assert_eq!(index.take_told(), ["a: stream +2", "a: resync -1 ~2 +3 +4"]);
    assert_eq!(index.records, world.truth());
    world.put('a', "com.example.post/1");
    index.follow(&mut tracker).await;
    assert_eq!(index.take_told(), ["a: stream +1"]);
    assert_eq!(tracker.stats().ignored.get("awaits_fetch"), Some(&1));
}

#[tokio::test(start_paused = true)]
async fn what_comes_while_a_repository_is_fetched_waits_and_is_told_after_it() {
    let mut world = World::new("ab");
    world.put_unseen('b', "com.example.post/birth");
    let (mut tracker, mut index) = following(&mut world).await;
    world.put_unseen('a', "com.example.post/2");
    world.hosts.stall(true);
    world.put('a', "com.example.post/3");
    world.put('b', "com.example.post/1");
    index.follow(&mut tracker).await;
    let mut requests = world.hosts.take_requests();
    requests.sort();
    assert_eq!(requests, ["archive a", "archive b"], "what they answer is the state of now");
    world.put('a', "com.example.post/4");
    world.put('a', "com.example.post/2");
    index.follow(&mut tracker).await;
    assert_eq!(index.take_told(), Vec::<String>::new());
    assert_eq!(tracker.stats().parked, 2);
    world.hosts.stall(false);
    index.follow(&mut tracker).await;
    let told: Vec<_> = index.take_told().into_iter().filter(|line| line.starts_with('a')).collect();
    assert_eq!(told, ["a: resync +2 +3", "a: stream +4", "a: stream ~2"]);
    assert_eq!(index.records, world.truth());
    assert_eq!(tracker.stats().parked, 0);
}

#[tokio::test(start_paused = true)]
async fn an_archive_that_is_older_than_the_stream_is_fetched_again() {
    let mut world = World::new("a");
    let (mut tracker, mut index) = following(&mut world).await;
    let did = world.did('a');
    let old = world.account('a').archive();
    world.put_unseen('a', "com.example.post/2");
    world.put('a', "com.example.post/3");
    let new = world.account('a').archive();
    world.hosts.lie(&did, old);
    index.follow(&mut tracker).await;
    assert_eq!(index.take_told(), Vec::<String>::new());
    assert_eq!(tracker.progress().await.unwrap().failing, 1);
    world.hosts.lie(&did, new);
    tokio::time::sleep(Duration::from_secs(600)).await;
    index.follow(&mut tracker).await;
    assert_eq!(index.take_told(), ["a: resync +2 +3"]);
}

#[tokio::test(start_paused = true)]
async fn a_state_without_the_way_to_it_is_fetched() {
    let mut world = World::new("a");
    let (mut tracker, mut index) = following(&mut world).await;
    world.put_unseen('a', "com.example.post/2");
    let commit = world.put_unseen('a', "com.example.post/3");
    world.upstream.send(crate::tracker::world::sync_of(&commit));
    index.follow(&mut tracker).await;
    assert_eq!(index.take_told(), ["a: resync +2 +3"]);
    world.put('a', "com.example.post/4");
    index.follow(&mut tracker).await;
    assert_eq!(index.take_told(), ["a: stream +4"]);
}

#[tokio::test(start_paused = true)]
async fn after_lost_events_all_are_looked_at_and_those_are_fetched_that_changed() {
    let mut world = World::new("abc");
    for letter in ['b', 'c'] {
        world.put_unseen(letter, "com.example.post/birth");
        world.put_unseen(letter, "com.example.post/1");
    }
    let (mut tracker, mut index) = {
        world.put_unseen('a', "com.example.post/birth");
        let mut tracker = world.track(World::options()).await;
        let mut index = Index::default();
        index.follow(&mut tracker).await;
        (tracker, index)
    };
    world.put('a', "com.example.post/1");
    index.follow(&mut tracker).await;
    index.take_told();
    world.hosts.take_requests();
    world.put_unseen('b', "com.example.post/2");
    world.upstream.greet(
        Message::from(InfoEvent { name: "OutdatedCursor".to_owned(), message: None }).encode(),
    );
    world.upstream.cut();
    index.follow(&mut tracker).await;
    assert_eq!(index.take_told(), ["-: gap outdated_cursor", "b: resync +2"]);
    let mut requests = world.hosts.take_requests();
    requests.sort();
    assert_eq!(requests, ["archive b", "latest a", "latest b", "latest c"]);
    assert_eq!(index.records, world.truth());
}

#[tokio::test(start_paused = true)]
async fn an_account_that_is_deleted_and_comes_back_begins_anew() {
    let mut world = World::new("a");
    let (mut tracker, mut index) = following(&mut world).await;
    world.status('a', Some("deleted"));
    index.follow(&mut tracker).await;
    assert_eq!(index.take_told(), ["a: account deleted"]);
    assert!(index.records.is_empty());
    world.status('a', None);
    index.follow(&mut tracker).await;
    assert_eq!(index.take_told(), ["a: account active", "a: resync +1"]);
    assert_eq!(index.records, world.truth());
}

#[tokio::test(start_paused = true)]
async fn what_an_account_wrote_while_it_was_inactive_is_told_when_it_is_back() {
    let mut world = World::new("a");
    let (mut tracker, mut index) = following(&mut world).await;
    world.status('a', Some("deactivated"));
    world.put_unseen('a', "com.example.post/2");
    world.delete_unseen('a', "com.example.post/1");
    world.status('a', None);
    index.follow(&mut tracker).await;
    let told = ["a: account deactivated", "a: account active", "a: resync -1 +2"];
    assert_eq!(index.take_told(), told);
}
