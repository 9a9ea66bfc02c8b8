//! The process that is killed.

use std::{
    env,
    io::Read,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use atproto_firehose::consumer::{Consumer, ConsumerOptions, Policy, Start};
use atproto_testkit::{Author, Directory};

use super::ledger;

pub(super) const PLACE: &str = "CRASH_PLACE";
pub(super) const UPSTREAM: &str = "CRASH_UPSTREAM";
pub(super) const STOP_AT: &str = "CRASH_STOP_AT";

/// Everywhere where something has become durable, or is about to.
pub(super) const POINTS: [&str; 6] =
    ["taken_over", "received", "effects", "checkpoint", "stored", "committed"];

/// The accounts, which parent and child make alike.
pub(super) fn authors() -> Vec<Author> {
    (1..=7).map(|seed| Author::new("author.test", seed)).collect()
}

/// Whether a line is the child's and not its harness's.
pub(super) fn is_word(line: &str) -> bool {
    ["open", "stored", "refused", "fenced"].contains(&line) || line.starts_with("at ")
}

#[tokio::test]
#[ignore = "the child process of the crash tests"]
async fn child() {
    let Ok(place) = env::var(PLACE) else { return };
    end_with_the_parent();
    let points = Points::new(&env::var(STOP_AT).unwrap_or_default());
    let mut ledger = ledger::open(&place).await;
    let upstream = env::var(UPSTREAM).unwrap();
    let mut consumer = Consumer::open(&upstream, ledger.state().await, options()).await.unwrap();
    println!("open");
    points.pass("taken_over");
    loop {
        let batch = consumer.next_batch(5, Duration::from_millis(2)).await.unwrap().unwrap();
        points.pass("received");
        match ledger.store(&batch, &points).await {
            Ok(()) => println!("stored"),
            Err(error) if error.is_fenced() => return println!("fenced"),
            Err(error) => {
                println!("refused");
                eprintln!("{error}");
                batch.unavailable();
                continue;
            }
        }
        points.pass("stored");
        batch.committed();
        points.pass("committed");
    }
}

fn options() -> ConsumerOptions {
    let directory = Directory::default();
    for author in authors() {
        directory.insert(author.document("http://localhost"));
    }
    let policy = Policy::strict(Arc::new(directory));
    ConsumerOptions::default().policy(policy).start(Start::Oldest)
}

fn end_with_the_parent() {
    thread::spawn(|| {
        // It ends, or it fails: nobody is there any more.
        let _ = std::io::stdin().read(&mut [0]);
        std::process::exit(1);
    });
}

/// The points at which to stop and wait for the kill.
pub(super) struct Points {
    stop: Option<(String, AtomicUsize)>,
}

impl Points {
    /// `name:passes`, or nowhere.
    fn new(stop: &str) -> Self {
        let stop = stop.split_once(':');
        let stop = stop.map(|(name, passes)| (name.to_owned(), passes.parse().unwrap()));
        // A process is opened once.
        let once = |(name, passes): (String, usize)| {
            let passes = if name == "taken_over" { 0 } else { passes };
            (name, passes.into())
        };
        Self { stop: stop.map(once) }
    }

    pub(super) fn pass(&self, point: &str) {
        let Some((name, passes)) = self.stop.as_ref().filter(|(name, _)| name == point) else {
            return;
        };
        if passes.fetch_sub(1, Ordering::Relaxed) == 0 {
            println!("at {name}");
            loop {
                thread::park();
            }
        }
    }
}
