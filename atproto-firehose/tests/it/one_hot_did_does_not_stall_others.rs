//! One account with most of the traffic, and a handler that is stuck on it,
//! held up every other account behind it. Here accounts do not wait for each
//! other, as long as what is waiting fits the budget.

use std::time::Duration;

use crate::consumer::{open, strict};
use crate::support::network::{Account, Directory, Upstream};

#[tokio::test(start_paused = true)]
async fn one_hot_did_does_not_stall_others() {
    let dir = tempfile::tempdir().unwrap();
    let mut hot = Account::new('a');
    let mut others: Vec<Account> = ('b'..='g').map(Account::new).collect();
    let all: Vec<&Account> = others.iter().chain([&hot]).collect();
    let (upstream, directory) = (Upstream::new(), Directory::of(&all));
    for other in &mut others {
        for _ in 0..50 {
            upstream.send(hot.commit());
        }
        upstream.send(other.commit());
    }
    let mut consumer = open(&upstream, &dir.path().join("state"), strict(&directory)).await;
    let stuck = consumer.next().await.unwrap();
    assert_eq!(stuck.event().did(), Some(&hot.did));
    for other in &others {
        let next = tokio::time::timeout(Duration::from_secs(1), consumer.next()).await;
        let delivery = next.expect("others go on").unwrap();
        assert_eq!(delivery.event().did(), Some(&other.did));
        delivery.ack().await;
    }
    stuck.ack().await;
    for seq in 2..=50 {
        let delivery = consumer.next().await.unwrap();
        assert_eq!(delivery.event().seq(), Some(seq));
        delivery.ack().await;
    }
}
