//! The example in ARCHITECTURE.md, step by step.

use std::{path::Path, time::Duration};

use atproto_firehose::{
    checkpoint::Checkpoint,
    consumer::{Consumer, Delivery},
    state::{SqliteState, Store},
};

use crate::{
    consumer::{open, strict},
    support::network::{Account, Directory, Upstream},
};

async fn deliveries(consumer: &mut Consumer, expected: &[i64]) -> Vec<Delivery> {
    let mut found = Vec::new();
    while found.len() < expected.len() {
        found.push(consumer.next().await.unwrap());
    }
    found.sort_by_key(|delivery| delivery.event().seq());
    let seqs: Vec<_> = found.iter().filter_map(|delivery| delivery.event().seq()).collect();
    assert_eq!(seqs, expected);
    found
}

async fn saved(path: &Path) -> Checkpoint {
    SqliteState::open(path).unwrap().load().await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn what_a_consumer_promises() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state");
    let [mut a, mut b, mut c] = ['a', 'b', 'c'].map(Account::new);
    let (upstream, directory) = (Upstream::new(), Directory::of(&[&a, &b, &c]));
    for commit in
        [a.commit(), b.commit(), a.commit(), a.commit(), b.commit(), c.commit(), a.commit()]
    {
        upstream.send(commit);
    }
    let mut consumer = open(&upstream, &path, strict(&directory)).await;

    let first = deliveries(&mut consumer, &[1, 2, 6]).await;
    let [a1, b1, c1] = first.try_into().unwrap();
    assert!(b1.ack().await && c1.ack().await);
    let _b2 = deliveries(&mut consumer, &[5]).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let checkpoint = saved(&path).await;
    assert_eq!((checkpoint.cursor, checkpoint.received), (Some(0), 6));
    assert_eq!(checkpoint.unsettled, [1, 3, 4, 5]);
    let head = async |account: &Account| {
        SqliteState::open(&path).unwrap().head(&account.did).await.unwrap()
    };
    assert!(head(&a).await.is_none() && head(&b).await.is_some() && head(&c).await.is_some());

    assert!(a1.ack().await);
    let _a2 = deliveries(&mut consumer, &[3]).await;
    drop(consumer);

    let mut consumer = open(&upstream, &path, strict(&directory)).await;
    for expected in [&[1, 5][..], &[3], &[4], &[7]] {
        for delivery in deliveries(&mut consumer, expected).await {
            assert!(delivery.ack().await);
        }
    }
    assert_eq!(upstream.cursors(), [Some(0), Some(0)]);
    let report = consumer.stopper().drain(Duration::from_secs(5)).await;
    assert!(report.saved);
    let checkpoint = saved(&path).await;
    assert_eq!((checkpoint.cursor, checkpoint.received), (Some(7), 7));
    assert_eq!(checkpoint.unsettled, [0; 0]);
}
