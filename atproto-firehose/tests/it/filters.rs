//! Accounts that are not wanted cost nothing and lose nothing of the others.

use std::time::Duration;

use atproto_core::syntax::NsidPattern;
use atproto_firehose::filter::Filter;

use crate::{
    consumer::{open, strict},
    support::network::{Account, Directory, Upstream},
};

#[tokio::test(start_paused = true)]
async fn nothing_of_another_account_is_verified_or_kept() {
    let dir = tempfile::tempdir().unwrap();
    let (mut alice, mut bob) = (Account::new('a'), Account::new('b'));
    // The directory does not know Bob: his commits could not be verified.
    let (upstream, directory) = (Upstream::new(), Directory::of(&[&alice]));
    for _ in 0..3 {
        upstream.send(bob.commit());
        upstream.send(alice.commit());
    }
    upstream.send(bob.commit());
    let options = strict(&directory).filter(Filter::all().accounts([alice.did.clone()]));
    let mut consumer = open(&upstream, &dir.path().join("state"), options).await;
    for seq in [2, 4, 6] {
        let delivery = consumer.next().await.unwrap();
        assert_eq!(delivery.event().seq(), Some(seq));
        assert_eq!(delivery.event().did(), Some(&alice.did));
        assert!(delivery.ack().await);
    }
    let report = consumer.stopper().drain(Duration::from_secs(5)).await;
    assert_eq!((report.cursor, report.saved), (Some(7), true));
    let stats = consumer.stats();
    assert_eq!(stats.ignored["other_account"], 4);
    assert!(stats.rejected.is_empty(), "{stats:?}");
}

#[test]
fn a_filter_knows_collections_prefixes_and_accounts() {
    let pattern = |text| NsidPattern::new(text).unwrap();
    let nsid = |text: &str| text.parse().unwrap();
    let filter = Filter::collections([pattern("com.example.*"), pattern("org.example.one")]);
    assert!(filter.wants_collection(&nsid("com.example.any")));
    assert!(filter.wants_collection(&nsid("org.example.one")));
    assert!(!filter.wants_collection(&nsid("org.example.two")));
    assert!(Filter::all().wants_collection(&nsid("org.example.two")));
    let (alice, bob) = (Account::new('a').did, Account::new('b').did);
    assert!(filter.wants_account(&bob));
    let filter = filter.accounts([alice.clone()]);
    assert!(filter.wants_account(&alice) && !filter.wants_account(&bob));
    assert!(!filter.wants_collection(&nsid("org.example.two")));
}
