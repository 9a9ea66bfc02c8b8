//! A transaction took longer than the deadline of its deliveries, for instance because the
//! database was away for a while, and was committed in the end. The events were delivered
//! again, and their effects happened twice.

use std::{sync::Arc, time::Duration};

use atproto_firehose::{checkpoint::Checkpoint, consumer::Consumer};

use crate::{
    consumer::strict,
    support::network::{Account, Directory, Upstream},
};

#[tokio::test(start_paused = true)]
async fn a_batch_that_took_too_long_is_not_delivered_again() {
    let (mut alice, mut bob) = (Account::new('a'), Account::new('b'));
    let (upstream, directory) = (Upstream::new(), Directory::of(&[&alice, &bob]));
    for _ in 0..3 {
        upstream.send(alice.commit());
        upstream.send(bob.commit());
    }
    let options = strict(&directory).ack_deadline(Duration::from_secs(300));
    let transport = Arc::new(upstream.clone());
    let mut consumer = Consumer::open_on(transport, Checkpoint::default(), options).await.unwrap();
    let mut seqs = Vec::new();
    while seqs.len() < 6 {
        let batch = consumer.next_batch(10, Duration::from_millis(50)).await.unwrap().unwrap();
        seqs.extend(batch.events().map(|event| event.seq().unwrap()));
        tokio::time::sleep(Duration::from_secs(1_000)).await;
        batch.committed();
    }
    assert_eq!(seqs, [1, 2, 3, 4, 5, 6]);
    let stats = consumer.stats();
    assert_eq!((stats.cursor, stats.in_flight, stats.acknowledged), (Some(6), 0, 6));
}
