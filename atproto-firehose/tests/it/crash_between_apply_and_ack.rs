//! A consumer wrote an event's effect and died before it acknowledged. Other
//! consumers had moved the cursor when the handler began, or on drop, and lost
//! the events behind it. Here the event comes again, with the heads of the
//! repositories as they were before it, so that it does not look stale; what
//! was acknowledged does not.

use std::time::Duration;

use crate::consumer::{open, strict};
use crate::support::network::{Account, Directory, Upstream};

#[tokio::test(start_paused = true)]
async fn crash_between_apply_and_ack() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state");
    let (mut alice, mut bob) = (Account::new('a'), Account::new('b'));
    let (upstream, directory) = (Upstream::new(), Directory::of(&[&alice, &bob]));
    upstream.send(alice.commit());
    upstream.send(bob.commit());
    upstream.send(alice.commit());
    upstream.send(bob.commit());

    let mut applied = Vec::new();
    for _ in 0..20 {
        let mut consumer = open(&upstream, &path, strict(&directory)).await;
        let first = consumer.next().await.unwrap();
        let second = consumer.next().await.unwrap();
        assert_eq!(first.event().seq(), Some(1), "what was not acknowledged comes first again");
        applied.push(second.event().seq().unwrap());
        if second.event().seq() == Some(2) {
            second.ack().await;
            // Past the flush interval: the ack is durable.
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        // The process dies with 1 applied and not acknowledged.
        drop(consumer);
    }
    assert_eq!(applied[0], 2);
    assert!(applied[1..].iter().all(|seq| *seq == 4), "2 was acknowledged: {applied:?}");

    let mut consumer = open(&upstream, &path, strict(&directory)).await;
    let mut rest = Vec::new();
    while rest.len() < 3 {
        let delivery = consumer.next().await.unwrap();
        rest.push(delivery.event().seq().unwrap());
        delivery.ack().await;
    }
    rest.sort_unstable();
    assert_eq!(rest, [1, 3, 4]);
    assert!(consumer.stats().gaps.is_empty() && consumer.stats().rejected.is_empty());
}
