//! Random histories, cut anywhere: what was told is what the repositories hold.

use std::collections::BTreeMap;
use std::time::Duration;

use atproto_firehose::event::Event;
use atproto_firehose::tracker::{SourceError, Tracker};
use atproto_repo::event::{Event as Message, InfoEvent};

use super::world::{Index, World, posts, sync_of};
use crate::support::random::Random;

const LETTERS: [char; 4] = ['a', 'b', 'c', 'd'];

/// What happens, and how often it did.
type Fired = BTreeMap<&'static str, u64>;

#[test]
fn what_was_told_is_what_the_repositories_hold() {
    let mut fired = Fired::new();
    for seed in seeds() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap();
        println!("seed {seed}");
        runtime.block_on(run(seed, &mut fired));
    }
    println!("{fired:?}");
    for what in EVERYTHING {
        assert!(fired.contains_key(what), "{what} did not happen");
    }
}

/// `TRACKER_SEEDS=2000` runs as many, from `TRACKER_FIRST` on.
fn seeds() -> std::ops::Range<u64> {
    let number = |name| std::env::var(name).ok().map(|number: String| number.parse().unwrap());
    let first: u64 = number("TRACKER_FIRST").unwrap_or(0);
    first..first + number("TRACKER_SEEDS").unwrap_or(40)
}

async fn run(seed: u64, fired: &mut Fired) {
    let mut random = Random::seeded(seed);
    let mut world = World::new("abcd");
    for letter in LETTERS {
        world.put_unseen(letter, "com.example.like/birth");
        if random.below(2) == 0 {
            world.put_unseen(letter, "com.example.post/0");
        }
    }
    let mut index = Index::default();
    let mut tracker = world.track(World::options().scope(posts())).await;
    for _ in 0..120 {
        let letter = LETTERS[random.below(4)];
        let what = EVERYTHING[random.below(EVERYTHING.len())];
        if happen(what, letter, &mut world, &mut random) {
            *fired.entry(what).or_default() += 1;
        }
        if what == "crash" {
            // What was acknowledged and is not stored yet is the caller's risk: see the tracker.
            tokio::time::sleep(Duration::from_secs(1)).await;
            drop(tracker);
            tracker = world.track(World::options().scope(posts())).await;
        }
        work(&mut tracker, &mut index, &mut random).await;
    }
    settle(&mut world, &mut tracker, &mut index).await;
    let truth = world.truth().into_iter().filter(|(uri, _)| uri.contains("com.example.post"));
    assert_eq!(index.records, truth.collect(), "seed {seed}: {:#?}", index.told);
}

/// Does one thing; false if it could not be.
fn happen(what: &str, letter: char, world: &mut World, random: &mut Random) -> bool {
    let path = format!("com.example.post/{}", random.below(6));
    let exists = world.account(letter).has(&path);
    let did = world.did(letter);
    match what {
        "write" => drop(world.put(letter, &path)),
        "unseen write" => drop(world.put_unseen(letter, &path)),
        "other collection" => drop(world.put(letter, "com.example.like/1")),
        "delete" | "unseen delete" if !exists => return false,
        "delete" => {
            let commit = world.delete_unseen(letter, &path);
            world.upstream.send(commit);
        }
        "unseen delete" => drop(world.delete_unseen(letter, &path)),
        "delete and recreate, unseen" if exists => {
            world.delete_unseen(letter, &path);
            world.put_unseen(letter, &path);
        }
        "delete and recreate, unseen" => return false,
        "sync" => {
            let commit = world.put_unseen(letter, &path);
            world.upstream.send(sync_of(&commit));
        }
        "deactivated and back" => {
            world.status(letter, Some("deactivated"));
            world.put_unseen(letter, &path);
            world.status(letter, None);
        }
        "deleted and back" => {
            world.status(letter, Some("deleted"));
            world.status(letter, None);
        }
        "lost events" => {
            let info = InfoEvent { name: "OutdatedCursor".to_owned(), message: None };
            world.upstream.greet(Message::from(info).encode());
            world.upstream.cut();
        }
        "cut" => world.upstream.cut(),
        "host down" => world.hosts.refuse(&did, SourceError::unavailable("down")),
        "host limits" => {
            let retry_after = Some(Duration::from_secs(random.below(100) as u64));
            world.hosts.refuse(&did, SourceError::RateLimited { retry_after });
        }
        "gone for a moment" => {
            world.hosts.refuse(&did, SourceError::Gone("RepoNotFound".to_owned()));
        }
        "old archive" => world.hosts.freeze(&did),
        "host stalls" => world.hosts.stall(true),
        "host goes on" => world.hosts.stall(false),
        _ => {}
    }
    true
}

/// Works on some of what there is, in one way or another.
async fn work(tracker: &mut Tracker, index: &mut Index, random: &mut Random) {
    let wait = Duration::from_millis(random.below(3_000) as u64);
    for _ in 0..random.below(4) {
        let Ok(Some(delivery)) = tokio::time::timeout(wait, tracker.next()).await else { return };
        match random.below(6) {
            0 => drop(delivery),
            1 => drop(delivery.nack(Duration::from_secs(1))),
            _ => {
                index.apply(delivery.event());
                assert!(delivery.ack().await);
            }
        }
    }
}

/// Ends all trouble, and lets everything come. What was lost behind the last event of an account
/// nobody could know: there is one more.
async fn settle(world: &mut World, tracker: &mut Tracker, index: &mut Index) {
    world.hosts.stall(false);
    world.hosts.thaw();
    for letter in LETTERS {
        world.put(letter, "com.example.post/last");
    }
    for _ in 0..50 {
        while let Ok(Some(delivery)) =
            tokio::time::timeout(Duration::from_secs(3_600), tracker.next()).await
        {
            assert!(!matches!(delivery.event(), Event::Sync(_)), "repairs are the tracker's");
            index.apply(delivery.event());
            assert!(delivery.ack().await);
        }
        if tracker.progress().await.unwrap().left == 0 && tracker.stats().parked == 0 {
            return;
        }
    }
    panic!("it never ends: {:?}", tracker.progress().await);
}

const EVERYTHING: [&str; 18] = [
    "write",
    "unseen write",
    "other collection",
    "delete",
    "unseen delete",
    "delete and recreate, unseen",
    "sync",
    "deactivated and back",
    "deleted and back",
    "lost events",
    "cut",
    "host down",
    "host limits",
    "gone for a moment",
    "old archive",
    "host stalls",
    "host goes on",
    "crash",
];
