//! A network that the reference implementation recorded, sent through the relay by a host that
//! repeats it word for word.

use std::collections::BTreeMap;

use atproto_core::identity::DidDocument;
use atproto_core::syntax::Did;
use atproto_repo::event::Event;
use atproto_testkit::MicroPds;
use bytes::Bytes;

use crate::support::{Relay, shared};

/// What passes is what the host said, in each account's order. What does not pass has one of
/// few reasons: accounts that have moved away or were deleted speak through a host that is no
/// longer theirs, and a commit's own #sync repeats what is known.
#[tokio::test(flavor = "multi_thread")]
async fn a_recorded_network_passes() {
    let Some(folder) = shared("ts-capture") else { return };
    let relay = Relay::start().await;
    let pds = MicroPds::start().await.unwrap();
    let repos = std::fs::read(folder.join("repos.json")).unwrap();
    let repos: Vec<serde_json::Value> = serde_json::from_slice(&repos).unwrap();
    for repo in repos.iter().filter(|repo| repo["pds"] == "pds1") {
        relay.directory.insert(document(&repo["doc"], pds.url()));
    }
    let frames = frames(&std::fs::read(folder.join("firehose-live.frames.bin")).unwrap());
    let mut last = 0;
    let mut sent: BTreeMap<Did, Vec<Event>> = BTreeMap::new();
    for frame in frames {
        let event = Event::decode(frame.clone()).unwrap();
        last = event.seq().unwrap();
        sent.entry(event.did().unwrap().clone()).or_default().push(event.with_seq(1));
        pds.publish_frame(last, frame);
    }
    relay.crawl(&pds).await;
    relay.settled(&pds, last).await;

    let counts = relay.app.ingest.counts();
    let total: u64 = relay::ingest::OUTCOMES.iter().map(|word| counts.outcome(word)).sum();
    assert_eq!(total, 3_464);
    // Two accounts were deleted and one has moved: they have no document here.
    assert_eq!(counts.refusal("identity"), 189);
    // Accounts that have moved away signed with a key that is no longer theirs.
    assert_eq!(counts.refusal("signature"), 99);
    assert_eq!(counts.outcome("refused"), 189 + 99);
    assert_eq!(counts.outcome("stale"), 45);

    let forwarded = usize::try_from(counts.outcome("forwarded")).unwrap();
    let mut reader = relay.subscribe(0).await;
    for _ in 0..forwarded {
        let event = reader.next().await.with_seq(1);
        // In order: whatever lies before it was not passed on and never will be.
        let of_account = sent.get_mut(event.did().unwrap()).unwrap();
        let place = of_account.iter().position(|original| same(original, &event));
        of_account.drain(..=place.expect("only what was said, once"));
    }
}

/// Equal but for a handle that the relay could not confirm.
fn same(original: &Event, passed: &Event) -> bool {
    match (original, passed) {
        (Event::Identity(original), Event::Identity(passed)) => {
            original.did == passed.did && original.time == passed.time
        }
        _ => original == passed,
    }
}

/// The recorded document, as if the account were at the host that repeats it.
fn document(recorded: &serde_json::Value, pds: &str) -> DidDocument {
    let mut recorded = recorded.clone();
    for service in recorded["service"].as_array_mut().unwrap() {
        if service["id"] == "#atproto_pds" {
            service["serviceEndpoint"] = pds.into();
        }
    }
    DidDocument::from_json(recorded.to_string().as_bytes()).unwrap()
}

fn frames(mut bytes: &[u8]) -> Vec<Bytes> {
    let mut frames = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk() {
        let (frame, rest) = rest.split_at(u32::from_le_bytes(*length) as usize);
        frames.push(Bytes::copy_from_slice(frame));
        bytes = rest;
    }
    frames
}
