//! Several processes share the accounts of one stream.

use std::collections::BTreeSet;

use atproto_core::syntax::Did;
use atproto_firehose::{
    consumer::{Consumer, ConsumerError},
    filter::Partition,
    state::SqliteState,
};

use crate::{
    consumer::{open, strict},
    support::network::{Account, Directory, Upstream},
};

#[test]
fn every_account_is_in_one_partition_for_ever() {
    let parts: Vec<_> = (0..8).map(|index| Partition::new(index, 8).unwrap()).collect();
    let mut sizes = [0; 8];
    for number in 0..8_000 {
        let did = Did::new(format!("did:web:{number}.example.com")).unwrap();
        let homes: Vec<_> = (0..8).filter(|index| parts[*index].has(&did)).collect();
        assert_eq!(homes.len(), 1, "{did}");
        sizes[homes[0]] += 1;
        assert!(Partition::WHOLE.has(&did));
    }
    assert!(sizes.iter().all(|size| (800..1_200).contains(size)), "{sizes:?}");
    // The rule is kept between versions: other partitions would have gaps.
    let did = Did::new("did:plc:ewvi7nxzyoun6zhxrhs64oiz").unwrap();
    assert_eq!(parts.iter().position(|part| part.has(&did)), Some(5));
    assert_eq!((Partition::new(8, 8), Partition::new(0, 0)), (None, None));
}

#[tokio::test(start_paused = true)]
async fn the_partitions_together_see_all() {
    let dir = tempfile::tempdir().unwrap();
    let mut accounts: Vec<_> = ('a'..='h').map(Account::new).collect();
    let directory = Directory::of(&accounts.iter().collect::<Vec<_>>());
    let upstream = Upstream::new();
    for _ in 0..2 {
        for account in &mut accounts {
            upstream.send(account.commit());
        }
    }
    let (mut seen, mut passed_over) = (BTreeSet::new(), 0);
    for index in 0..3 {
        let path = dir.path().join(index.to_string());
        let options = strict(&directory).partition(index, 3);
        let mut consumer = open(&upstream, &path, options).await;
        let mine = Partition::new(index, 3).unwrap();
        for _ in 0..2 * accounts.iter().filter(|account| mine.has(&account.did)).count() {
            let delivery = consumer.next().await.unwrap();
            assert!(seen.insert(delivery.event().seq().unwrap()), "{delivery:?}");
            assert!(delivery.ack().await);
        }
        passed_over += consumer.stats().ignored["other_partition"];
    }
    assert_eq!(seen, (1..=16).collect());
    assert_eq!(passed_over, 32);
}

#[tokio::test(start_paused = true)]
async fn a_partition_that_does_not_exist_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (upstream, directory) = (Upstream::new(), Directory::of(&[]));
    let state = SqliteState::open(dir.path().join("state")).unwrap();
    let options = strict(&directory).partition(3, 3);
    let opened = Consumer::open_on(std::sync::Arc::new(upstream), state, options).await;
    assert!(matches!(opened, Err(ConsumerError::Partition { index: 3, count: 3 })));
}
