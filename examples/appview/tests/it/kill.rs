//! kill -9 in the middle of indexing.

use std::time::Duration;

use crate::support::*;

const KILLS: u64 = 8;

/// Effects and checkpoint are one transaction: after any crash every effect is there once.
#[tokio::test]
async fn every_effect_happens_exactly_once() {
    let mut net = Network::start().await;
    let (mut alice, mut bob) = (net.account("alice", 1), net.account("bob", 2));
    let hello = net.post(&mut alice, "hello");
    let mut answers = 0;
    for kill in 0..KILLS {
        for n in 0..40 {
            let rkey = format!("{kill}-{n}");
            net.post_as(&mut bob, &rkey, reply(&rkey, &hello, &hello));
            answers += 1;
            if n % 4 == 0 {
                net.delete(&mut bob, POST, &rkey);
                answers -= 1;
            }
        }
        tokio::time::sleep(Duration::from_millis(kill * 13 % 50)).await;
        net.appview.kill();
        net.appview = AppView::start(&net.pds, &net.world, net.dir.path());
    }
    net.settled().await;
    assert_eq!(net.view(None, &hello).await["replyCount"], answers);
    assert_eq!(net.profile(None, &bob).await.ok()["postsCount"], answers);
    assert_eq!(net.figure("SELECT count(*) FROM post WHERE reply_parent IS NOT NULL"), answers);
    assert_eq!(net.figure("SELECT count(*) FROM notification"), answers);
    assert_eq!(net.figure("SELECT count(*) FROM firehose_reject"), 0);
}
