use super::world::{Index, World, posts};
use atproto_firehose::state::{SqliteState, sqlite};
use atproto_firehose::tracker::Scope;

#[tokio::test(start_paused = true)]
async fn what_was_there_before_comes_first_and_then_every_change() {
    let mut world = World::new("abc");
    for letter in ['a', 'b'] {
        world.put_unseen(letter, "com.example.post/birth");
        for path in ["com.example.post/1", "com.example.post/2", "com.example.like/1"] {
            world.put_unseen(letter, path);
        }
    }
    world.put_unseen('c', "com.example.post/birth");
    world.put_unseen('c', "com.example.like/1");
    let mut tracker = world.track(World::options().scope(posts())).await;
    let mut index = Index::default();
    index.follow(&mut tracker).await;
    let mut told = index.take_told();
    told.sort();
    assert_eq!(told, ["a: resync +1 +2", "b: resync +1 +2"]);
    world.put('b', "com.example.post/1");
    world.put('c', "com.example.like/2");
    index.follow(&mut tracker).await;
    assert_eq!(index.take_told(), ["b: stream ~1"], "c has no post and is not followed");
    let progress = tracker.progress().await.unwrap();
    assert_eq!((progress.done, progress.left, progress.fetched, progress.requests), (2, 0, 2, 2));
    assert_eq!(progress.lists, 0);
}

#[tokio::test(start_paused = true)]
async fn what_was_fetched_is_not_fetched_again_by_the_next_process() {
    let mut world = World::new("abcde");
    for letter in "abcde".chars() {
        world.put_unseen(letter, "com.example.post/birth");
        world.put_unseen(letter, "com.example.post/1");
    }
    let mut index = Index::default();
    let mut tracker = world.track(World::options()).await;
    for _ in 0..3 {
        let delivery = tracker.next().await.unwrap();
        index.apply(delivery.event());
        assert!(delivery.ack().await);
    }
    let report = tracker.stopper().drain(std::time::Duration::from_secs(1)).await;
    assert!(report.saved);
    drop(tracker);
    let before =
        world.hosts.take_requests().iter().filter(|one| one.starts_with("archive")).count();
    let mut tracker = world.track(World::options()).await;
    index.follow(&mut tracker).await;
    let after = world.hosts.take_requests().iter().filter(|one| one.starts_with("archive")).count();
    assert!(before + after <= 7, "{before} and {after}: two that were under way come again");
    assert_eq!(index.records, world.truth());
    assert!(index.told.iter().all(|line| line.ends_with("resync +1")), "{:?}", index.told);
    assert_eq!(index.told.len(), 5, "what was acknowledged does not come again");
}

#[tokio::test(start_paused = true)]
async fn a_long_repository_comes_in_parts_and_a_crash_between_them_repeats_none() {
    let mut world = World::new("a");
    world.put_unseen('a', "com.example.post/birth");
    for number in 0..1_200 {
        world.put_unseen('a', &format!("com.example.post/{number:04}"));
    }
    let mut index = Index::default();
    let mut tracker = world.track(World::options()).await;
    let delivery = tracker.next().await.unwrap();
    index.apply(delivery.event());
    assert!(delivery.ack().await);
    let second = tracker.next().await.unwrap();
    assert_eq!(second.event().did(), Some(&world.did('a')));
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    drop((second, tracker));
    let first = index.records.len();
    assert_eq!(first, 500);
    let mut tracker = world.track(World::options()).await;
    index.follow(&mut tracker).await;
    assert_eq!(index.records, world.truth());
    let told: usize = index.told.iter().map(|line| line.matches('+').count()).sum();
    assert_eq!((told, index.told.concat().matches('~').count()), (1_200, 0));
}

#[tokio::test(start_paused = true)]
async fn accounts_that_are_named_are_fetched_and_no_others() {
    let mut world = World::new("abc");
    for letter in "abc".chars() {
        world.put_unseen(letter, "com.example.post/birth");
        world.put_unseen(letter, "com.example.post/1");
    }
    let scope = Scope::accounts([world.did('b')]);
    let mut tracker = world.track(World::options().scope(scope)).await;
    let mut index = Index::default();
    index.follow(&mut tracker).await;
    world.put('a', "com.example.post/2");
    world.put('b', "com.example.post/2");
    index.follow(&mut tracker).await;
    assert_eq!(index.take_told(), ["b: resync +1", "b: stream +2"]);
    assert_eq!(world.hosts.take_requests(), ["archive b"]);
}

#[tokio::test(start_paused = true)]
async fn a_repository_is_told_of_once_more_when_that_is_asked_for() {
    let mut world = World::new("a");
    world.put_unseen('a', "com.example.post/birth");
    world.put_unseen('a', "com.example.post/1");
    let mut tracker = world.track(World::options()).await;
    let mut index = Index::default();
    index.follow(&mut tracker).await;
    world.put('a', "com.example.post/2");
    index.follow(&mut tracker).await;
    index.take_told();
    tracker.replay(&world.did('a')).await.unwrap();
    index.follow(&mut tracker).await;
    assert_eq!(index.take_told(), ["a: replay ~1 ~2"]);
    assert_eq!(index.records, world.truth());
}

#[tokio::test(start_paused = true)]
async fn what_was_fetched_and_is_rejected_is_kept_with_its_records_and_can_be_replayed() {
    let mut world = World::new("a");
    world.put_unseen('a', "com.example.post/birth");
    world.put_unseen('a', "com.example.post/1");
    let mut tracker = world.track(World::options()).await;
    assert!(tracker.next().await.unwrap().reject("no"));
    world.put('a', "com.example.post/2");
    let mut index = Index::default();
    index.follow(&mut tracker).await;
    assert_eq!(index.take_told(), ["a: stream +2"], "it holds up nothing");
    let state = SqliteState::open(world.path()).unwrap();
    let rejects = state.rejects(0, 10).unwrap();
    assert_eq!(rejects.len(), 1);
    let (id, reject) = &rejects[0];
    assert_eq!((&*reject.label, reject.did.as_ref()), ("handler", Some(&world.did('a'))));
    tracker.consumer().replay(*id, reject).unwrap();
    index.follow(&mut tracker).await;
    assert_eq!(index.take_told(), ["a: stream +1"]);
    assert_eq!(index.records, world.truth());
}

#[tokio::test(start_paused = true)]
async fn in_batches_everything_is_stored_by_the_caller_and_the_last_batch_may_be_empty() {
    let mut world = World::new("ab");
    for letter in ['a', 'b'] {
        world.put_unseen(letter, "com.example.post/birth");
        world.put_unseen(letter, "com.example.post/1");
    }
    let path = world.path();
    let mut tracker = world.track_in_batches(World::options()).await;
    let mut database = rusqlite::Connection::open(&path).unwrap();
    let mut index = Index::default();
    let wait = std::time::Duration::from_millis(50);
    for _ in 0..100 {
        let next = tracker.next_batch(100, wait);
        let Ok(batch) = tokio::time::timeout(wait * 40, next).await else { break };
        let batch = batch.unwrap().unwrap();
        batch.events().for_each(|event| index.apply(event));
        let transaction = database.transaction().unwrap();
        sqlite::save(&transaction, batch.checkpoint()).unwrap();
        transaction.commit().unwrap();
        batch.committed();
    }
    assert_eq!(index.records, world.truth());
    let progress = tracker.progress().await.unwrap();
    assert_eq!((progress.done, progress.left, progress.requests), (2, 0, 2));
    assert!(progress.is_complete());
}
