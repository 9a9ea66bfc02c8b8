//! A handler that was slower than the stream filled a queue without end, and
//! the process was killed for its memory. Here reading stops: the upstream is
//! not asked for more than fits the budget, for an hour, and nothing is lost
//! when the handler comes back.

use std::time::Duration;

use crate::consumer::{open, strict};
use crate::support::network::{Account, Directory, Upstream};

#[tokio::test(start_paused = true)]
async fn slow_consumer_is_bounded() {
    const CAP: usize = 64 << 10;
    let dir = tempfile::tempdir().unwrap();
    let mut alice = Account::new('a');
    let (upstream, directory) = (Upstream::new(), Directory::of(&[&alice]));
    for _ in 0..400 {
        upstream.send(alice.commit());
    }
    let options = strict(&directory).max_in_flight_bytes(CAP).max_frame_bytes(10_000);
    let mut consumer = open(&upstream, &dir.path().join("state"), options).await;
    let stuck = consumer.next().await.unwrap();
    tokio::time::sleep(Duration::from_secs(200)).await;
    let read = upstream.read();
    assert!(read < 100, "{read} frames were read ahead");
    for _ in 0..60 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(consumer.stats().in_flight_bytes <= CAP as u64);
        assert_eq!(upstream.read(), read);
    }
    assert!(stuck.ack().await);
    for seq in 2..=400 {
        let delivery = consumer.next().await.unwrap();
        assert_eq!(delivery.event().seq(), Some(seq));
        delivery.ack().await;
        assert!(consumer.stats().in_flight_bytes <= CAP as u64);
    }
}
