use super::world::{Index, World, pattern, posts};

fn posts_and_likes() -> World {
    let mut world = World::new("abc");
    for letter in "abc".chars() {
        world.put_unseen(letter, "com.example.post/birth");
    }
    world.put_unseen('a', "com.example.post/1");
    world.put_unseen('a', "com.example.like/1");
    world.put_unseen('b', "com.example.like/1");
    world
}

#[tokio::test(start_paused = true)]
async fn a_repository_is_followed_from_its_first_record_of_interest_on() {
    let mut world = posts_and_likes();
    let mut tracker = world.track(World::options().scope(posts())).await;
    let mut index = Index::default();
    index.follow(&mut tracker).await;
    assert_eq!(index.take_told(), ["a: resync +1"]);
    world.status('c', Some("deactivated"));
    world.status('c', None);
    world.put('c', "com.example.like/1");
    world.put('c', "com.example.post/1");
    world.put('c', "com.example.post/2");
    index.follow(&mut tracker).await;
    assert_eq!(index.take_told(), ["c: resync +1 +2"]);
    world.put('c', "com.example.post/3");
    index.follow(&mut tracker).await;
    assert_eq!(index.take_told(), ["c: stream +3"]);
    assert_eq!(tracker.stats().ignored.get("untracked"), Some(&3));
}

#[tokio::test(start_paused = true)]
async fn what_is_added_to_the_scope_is_told_of_and_nothing_else() {
    let mut world = posts_and_likes();
    let mut tracker = world.track(World::options().scope(posts())).await;
    let mut index = Index::default();
    index.follow(&mut tracker).await;
    index.take_told();
    let change = tracker.scope().add(pattern("com.example.like")).await.unwrap();
    assert_eq!(change.version(), 1);
    let backfilled = tokio::spawn(change.backfilled());
    index.follow(&mut tracker).await;
    backfilled.await.unwrap().unwrap();
    let mut told = index.take_told();
    told.sort();
    assert_eq!(told, ["a: resync +1", "b: resync +1"]);
    assert_eq!(index.records, world.truth());
    world.put('a', "com.example.like/2");
    index.follow(&mut tracker).await;
    assert_eq!(index.take_told(), ["a: stream +2"]);
    drop(tracker);
    // The next process goes on with the scope that was set, not with that of its options.
    let mut tracker = world.track(World::options().scope(posts())).await;
    world.put('b', "com.example.like/2");
    index.follow(&mut tracker).await;
    assert_eq!(index.take_told(), ["b: stream +2"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_removed_from_the_scope_and_added_again_is_told_of_once_more() {
    let mut world = posts_and_likes();
    let both = posts().with(pattern("com.example.like"));
    let mut tracker = world.track(World::options().scope(both)).await;
    let mut index = Index::default();
    index.follow(&mut tracker).await;
    index.take_told();
    tracker.scope().remove(&pattern("com.example.like")).await.unwrap();
    // It is fetched meanwhile, and nobody is told that a like is gone.
    world.put_unseen('a', "com.example.post/2");
    world.put('a', "com.example.like/2");
    index.follow(&mut tracker).await;
    assert_eq!(index.take_told(), ["a: resync +2"]);
    let change = tracker.scope().add(pattern("com.example.like")).await.unwrap();
    let backfilled = tokio::spawn(change.backfilled());
    index.follow(&mut tracker).await;
    backfilled.await.unwrap().unwrap();
    assert_eq!(index.take_told(), ["a: resync ~1 +2"]);
    assert_eq!(index.records, world.truth());
}
