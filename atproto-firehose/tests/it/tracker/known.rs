use std::sync::{Arc, Mutex};

use atproto_core::syntax::{Cid, Did};
use atproto_firehose::state::{SqliteState, Store, Stored};
use atproto_firehose::tracker::KnownRecords;
use atproto_repo::RepoPath;
use futures::FutureExt;

use super::world::{Index, World};

/// The index of a program, which knows what it was told.
#[derive(Default)]
struct Shared(Mutex<Index>);

impl KnownRecords for Shared {
    fn known<'a>(
        &'a self,
        did: &'a Did,
        after: Option<&'a RepoPath>,
        max: usize,
    ) -> Stored<'a, Vec<(RepoPath, Cid)>> {
        let of = format!("at://{did}/");
        let index = self.0.lock().unwrap();
        let mut records: Vec<(RepoPath, Cid)> = index
            .records
            .iter()
            .filter_map(|(uri, cid)| Some((uri.strip_prefix(&of)?.parse().unwrap(), *cid)))
            .collect();
        records.sort();
        records.retain(|(path, _)| after.is_none_or(|after| path > after));
        records.truncate(max);
        async move { Ok(records) }.boxed()
    }
}

#[tokio::test(start_paused = true)]
async fn an_index_of_ones_own_takes_the_place_of_the_memory_of_records() {
    let mut world = World::new("a");
    world.put_unseen('a', "com.example.post/birth");
    for number in 1..=5 {
        world.put_unseen('a', &format!("com.example.post/{number}"));
    }
    let shared = Arc::new(Shared::default());
    let options = World::options().known(Arc::clone(&shared) as Arc<_>);
    let mut tracker = world.track(options).await;
    let work = async |tracker: &mut atproto_firehose::tracker::Tracker| {
        let quiet = std::time::Duration::from_secs(120);
        while let Ok(Some(delivery)) = tokio::time::timeout(quiet, tracker.next()).await {
            shared.0.lock().unwrap().apply(delivery.event());
            assert!(delivery.ack().await);
        }
    };
    work(&mut tracker).await;
    world.put_unseen('a', "com.example.post/6");
    world.delete_unseen('a', "com.example.post/1");
    world.put('a', "com.example.post/7");
    work(&mut tracker).await;
    assert_eq!(shared.0.lock().unwrap().take_told()[1], "a: resync -1 +6 +7");
    assert_eq!(shared.0.lock().unwrap().records, world.truth());
    let state = SqliteState::open(world.path()).unwrap();
    let kept = state.tracking().unwrap().known(&world.did('a'), None, 10).await.unwrap();
    assert_eq!(kept, [], "nothing is kept twice");
}
