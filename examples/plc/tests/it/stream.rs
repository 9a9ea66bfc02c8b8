//! The export as a WebSocket.

use std::time::Duration;

use atproto_core::identity::plc::{
    ExportOptions, ExportStream, ExportStreamError, ExportStreamOptions,
};
use futures::StreamExt;
use tokio::time::timeout;

use crate::support::{HOUR, World, update};

async fn open(world: &World, cursor: Option<u64>) -> ExportStream {
    world.client.export_stream(cursor, ExportStreamOptions::default()).await.unwrap()
}

async fn seqs(stream: &mut ExportStream, count: usize) -> Vec<u64> {
    let mut seqs = Vec::new();
    for _ in 0..count {
        let entry = timeout(Duration::from_secs(30), stream.next()).await.expect("an entry");
        seqs.push(entry.unwrap().unwrap().seq);
    }
    seqs
}

#[tokio::test]
async fn catches_up_then_goes_on_live() {
    let world = World::new().await;
    let alice = world.register("alice.test").await;
    for number in 0..4 {
        world.register(&format!("u{number}.test")).await;
    }
    let mut from_start = open(&world, Some(0)).await;
    let mut from_third = open(&world, Some(3)).await;
    let mut live = open(&world, None).await;
    assert_eq!(seqs(&mut from_start, 5).await, [1, 2, 3, 4, 5]);
    assert_eq!(seqs(&mut from_third, 2).await, [4, 5]);

    let change = update(&alice.genesis, "ali.test", &alice.rotation);
    assert_eq!(world.submit(&alice.did, &change).await, None);
    for stream in [&mut from_start, &mut from_third, &mut live] {
        let entry = stream.next().await.unwrap().unwrap();
        assert_eq!((entry.seq, &entry.did), (6, &alice.did));
        assert_eq!((&entry.operation, entry.cid), (&change, change.cid()));
        assert_eq!(stream.cursor(), Some(6));
    }
    let pages = world.client.export_all(0, ExportOptions::default().page(2));
    let paged: Vec<_> = pages.map(|entry| entry.unwrap().seq).collect().await;
    assert_eq!(paged, [1, 2, 3, 4, 5, 6]);
}

#[tokio::test]
async fn plc_012_cursors_of_the_future_and_of_the_past() {
    let world = World::new().await;
    world.register("alice.test").await;
    let refusal = async |cursor| open(&world, Some(cursor)).await.next().await.unwrap().err();
    assert!(matches!(refusal(2).await, Some(ExportStreamError::FutureCursor)));
    assert_eq!(seqs(&mut open(&world, Some(0)).await, 1).await, [1]);

    world.pass(7 * 24 * HOUR);
    assert_eq!(seqs(&mut open(&world, Some(0)).await, 1).await, [1], "a week is not too old");
    world.pass(1);
    assert!(matches!(refusal(0).await, Some(ExportStreamError::OutdatedCursor)));
    let mut caught_up = open(&world, Some(1)).await;
    world.register("bob.test").await;
    assert_eq!(seqs(&mut caught_up, 1).await, [2], "nothing older was missing");
}

#[tokio::test]
async fn what_is_no_stream() {
    let world = World::new().await;
    for (path, status) in [
        ("/export/stream", 426),
        ("/export/stream?cursor=0", 426),
        ("/export/stream?cursor=x", 400),
        ("/export/stream?cursor=-1", 400),
    ] {
        assert_eq!(world.get(path).await.0, status, "{path}");
    }
}
