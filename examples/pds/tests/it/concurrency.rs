//! Many writers on one repository.

use futures::future::join_all;
use serde_json::json;

use crate::harness::Pds;

/// All of them are told that their record is there, and it is: nobody's write is lost in
/// somebody else's commit.
#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_writers_lose_nothing() {
    let (pds, _dir) = Pds::start().await;
    let alice = pds.account("alice").await;
    let texts: Vec<String> = (0..64).map(|n| format!("post {n}")).collect();
    let created = join_all(texts.iter().map(|text| alice.create(text))).await;
    let mut uris: Vec<String> =
        created.into_iter().map(|answer| answer.ok()["uri"].as_str().unwrap().to_owned()).collect();
    uris.sort();
    uris.dedup();
    assert_eq!(uris.len(), 64);
    let car = pds.bytes("com.atproto.sync.getRepo", &[("did", alice.did.as_str())]).await;
    let repo = crate::export::verified(car, &alice.key);
    assert_eq!(repo.len(), 64);
}

/// Of those who compare with the same head one wins: T92.
#[tokio::test(flavor = "multi_thread")]
async fn one_of_sixteen_swaps_wins() {
    let (pds, _dir) = Pds::start().await;
    let alice = pds.account("alice").await;
    for _ in 0..4 {
        let head = alice.head().await;
        let inputs = (0..16).map(|n| {
            let mut input = alice.new_post(&format!("{n}"));
            input["swapCommit"] = head["cid"].clone();
            input
        });
        let answers =
            join_all(inputs.map(|input| alice.post("com.atproto.repo.createRecord", input))).await;
        let (won, lost): (Vec<_>, Vec<_>) = answers.into_iter().partition(|a| a.status == 200);
        assert_eq!(won.len(), 1);
        assert!(lost.into_iter().all(|answer| answer.error().1 == "InvalidSwap"));
        assert_eq!(alice.head().await, won[0].body["commit"], "{}", json!(won[0].body));
    }
}
