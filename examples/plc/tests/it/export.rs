//! The operations of all identities.

use serde_json::Value;

use crate::support::{World, update};

fn lines(text: &str) -> Vec<Value> {
    if text.is_empty() {
        return Vec::new();
    }
    text.split('\n').map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn plc_011_pages_by_sequence_number() {
    let world = World::new().await;
    let mut dids = Vec::new();
    for number in 0..7 {
        dids.push(world.register(&format!("u{number}.test")).await.did);
    }
    let mut seen = Vec::new();
    let mut after = 0;
    loop {
        let page = world.client.export(after, 3).await.unwrap();
        assert!(page.len() <= 3);
        let Some(last) = page.last() else { break };
        assert!(page[0].seq > after);
        after = last.seq;
        seen.extend(page.into_iter().map(|entry| entry.did));
    }
    assert_eq!(seen, dids);

    let (_, text) = world.get("/export?after=0").await;
    let first = &lines(&text)[0];
    assert_eq!((&first["type"], &first["seq"]), (&"sequenced_op".into(), &1.into()));
    assert!(first.get("nullified").is_none());
    assert_eq!(lines(&world.get("/export?after=0&count=5000").await.1).len(), 7);
    assert_eq!(world.header("/export", "content-type").await, "application/jsonlines");
}

#[tokio::test]
async fn pages_by_time_lose_nothing() {
    let world = World::new().await;
    let alice = world.register("alice.test").await;
    // All within the same millisecond of the clock.
    let theft = update(&alice.genesis, "evil.test", &alice.rotation);
    let recovery = update(&alice.genesis, "alice.test", &alice.recovery);
    for operation in [&theft, &recovery] {
        assert_eq!(world.submit(&alice.did, operation).await, None);
    }
    for number in 0..5 {
        world.register(&format!("u{number}.test")).await;
    }
    let all = lines(&world.get("/export").await.1);
    assert_eq!(all.len(), 8);
    assert_eq!((&all[0]["nullified"], &all[1]["nullified"]), (&false.into(), &true.into()));
    assert!(all.iter().all(|line| line.get("seq").is_none() && line.get("type").is_none()));

    let mut paged = Vec::new();
    let mut query = "/export?count=2".to_owned();
    loop {
        let page = lines(&world.get(&query).await.1);
        let Some(last) = page.last() else { break };
        let after = last["createdAt"].as_str().unwrap().replace(':', "%3A");
        query = format!("/export?count=2&after={after}");
        paged.extend(page);
    }
    assert_eq!(paged, all);
}

#[tokio::test]
async fn parameters_that_make_no_sense() {
    let world = World::new().await;
    for query in ["count=0", "count=-1", "count=x", "after=x", "after=-1", "after=2026-01-01"] {
        assert_eq!(world.get(&format!("/export?{query}")).await.0, 400, "{query}");
    }
    for query in ["", "count=1", "after=99999999999999999", "after=2026-01-01T00:00:00Z", "x=1"] {
        assert_eq!(world.get(&format!("/export?{query}")).await, (200, String::new()), "{query}");
    }
}
