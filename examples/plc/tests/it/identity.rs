//! The life of an identity.

use atproto_core::identity::plc::{Tombstone, verify_log};
use serde_json::Value;

use crate::support::{HOUR, World, update};

#[tokio::test]
async fn an_identity_is_created_and_served() {
    let world = World::new().await;
    let alice = world.register("alice.test").await;
    let did = &alice.did;

    let document = world.client.document(did).await.unwrap();
    assert_eq!(document.id, *did);
    assert_eq!(document.handle().unwrap().as_str(), "alice.test");
    assert_eq!(document.pds_endpoint(), Some("https://pds.example.com"));
    let content = alice.genesis.operation().unwrap();
    assert_eq!(
        document.signing_key().unwrap().to_did_key(),
        content.verification_methods["atproto"]
    );
    let media_type = world.header(&format!("/{did}"), "content-type").await;
    assert!(media_type.starts_with("application/did+ld+json"), "{media_type}");
    assert_eq!(world.header(&format!("/{did}"), "access-control-allow-origin").await, "*");

    let data = world.client.data(did).await.unwrap();
    assert_eq!(data.rotation_keys, content.rotation_keys);
    assert_eq!(world.client.log(did).await.unwrap(), std::slice::from_ref(&alice.genesis));
    assert_eq!(world.client.last_operation(did).await.unwrap(), alice.genesis);
    let escaped = did.as_str().replace(':', "%3A");
    assert_eq!(world.get(&format!("/{escaped}/log")).await.0, 200, "as JavaScript escapes it");
}

#[tokio::test]
async fn updates_follow_one_another() {
    let world = World::new().await;
    let alice = world.register("alice.test").await;
    let first = update(&alice.genesis, "ali.test", &alice.rotation);
    let second = update(&first, "al.test", &alice.recovery);
    let refusal = world.submit(&alice.did, &second).await;
    assert_eq!(refusal.as_deref(), Some("Operations not correctly ordered"));
    assert_eq!(world.submit(&alice.did, &first).await, None);
    assert_eq!(world.submit(&alice.did, &second).await, None);
    assert!(world.submit(&alice.did, &second).await.is_some(), "once only");
    assert_eq!(world.client.data(&alice.did).await.unwrap().also_known_as, ["at://al.test"]);
    assert_eq!(world.client.last_operation(&alice.did).await.unwrap(), second);
    let log = world.client.audit_log(&alice.did).await.unwrap();
    assert_eq!(verify_log(&alice.did, &log).unwrap().history.iter().count(), 3);
}

#[tokio::test]
async fn plc_009_a_thief_is_displaced_within_72_hours() {
    let world = World::new().await;
    let alice = world.register("alice.test").await;
    world.pass(HOUR);
    let theft = update(&alice.genesis, "evil.test", &alice.rotation);
    assert_eq!(world.submit(&alice.did, &theft).await, None);
    let deeper = update(&theft, "worse.test", &alice.rotation);
    assert_eq!(world.submit(&alice.did, &deeper).await, None);

    let weak = update(&alice.genesis, "alice.test", &alice.rotation);
    let refusal = world.submit(&alice.did, &weak).await.unwrap();
    assert!(refusal.starts_with("Invalid signature on op"), "{refusal}");
    world.pass(72 * HOUR);
    let recovery = update(&alice.genesis, "alice.test", &alice.recovery);
    assert_eq!(world.submit(&alice.did, &recovery).await, None);

    assert_eq!(world.client.log(&alice.did).await.unwrap(), [alice.genesis, recovery]);
    let log = world.client.audit_log(&alice.did).await.unwrap();
    let marks: Vec<bool> = log.iter().map(|entry| entry.nullified).collect();
    assert_eq!(marks, [false, true, true, false]);
    assert_eq!(verify_log(&alice.did, &log).unwrap().nullified, [theft.cid(), deeper.cid()]);
}

#[tokio::test]
async fn after_72_hours_it_is_too_late() {
    let world = World::new().await;
    let alice = world.register("alice.test").await;
    let theft = update(&alice.genesis, "evil.test", &alice.rotation);
    assert_eq!(world.submit(&alice.did, &theft).await, None);
    // The theft was accepted one millisecond after the genesis.
    world.pass(72 * HOUR + 2);
    let recovery = update(&alice.genesis, "alice.test", &alice.recovery);
    let refusal = world.submit(&alice.did, &recovery).await.unwrap();
    assert!(refusal.contains("72 hr recovery window. Time lapsed: 259200001"), "{refusal}");
    assert_eq!(world.client.data(&alice.did).await.unwrap().also_known_as, ["at://evil.test"]);
}

#[tokio::test]
async fn a_tombstone_hides_the_identity_and_can_be_recovered_from() {
    let world = World::new().await;
    let alice = world.register("alice.test").await;
    let end = Tombstone { prev: alice.genesis.cid() }.sign(&alice.rotation).unwrap();
    assert_eq!(world.submit(&alice.did, &end).await, None);
    for path in ["", "/data"] {
        let (status, body) = world.get(&format!("/{}{path}", alice.did)).await;
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(
            (status, &body["message"]),
            (404, &format!("DID not available: {}", alice.did).into())
        );
    }
    assert!(world.client.document(&alice.did).await.unwrap_err().is_tombstoned());
    assert_eq!(world.client.last_operation(&alice.did).await.unwrap(), end);
    assert_eq!(world.client.audit_log(&alice.did).await.unwrap().len(), 2);

    let recovery = update(&alice.genesis, "alice.test", &alice.recovery);
    assert_eq!(world.submit(&alice.did, &recovery).await, None);
    assert!(world.client.document(&alice.did).await.is_ok());
}

#[tokio::test]
async fn races_end_in_one_history() {
    let world = World::new().await;
    let alice = world.register("alice.test").await;
    let racers = (0..20).map(|number| {
        let operation = update(&alice.genesis, &format!("a{number}.test"), &alice.rotation);
        let (world, did) = (&world, &alice.did);
        async move { world.submit(did, &operation).await.is_none() }
    });
    let mut won = 0;
    let mut running: Vec<_> = racers.map(Box::pin).collect();
    std::future::poll_fn(|context| {
        running.retain_mut(|racer| match racer.as_mut().poll(context) {
            std::task::Poll::Ready(first) => {
                won += usize::from(first);
                false
            }
            std::task::Poll::Pending => true,
        });
        if running.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    assert_eq!(won, 1);
    let log = world.client.audit_log(&alice.did).await.unwrap();
    assert_eq!(verify_log(&alice.did, &log).unwrap().history.iter().count(), 2);
}

#[tokio::test]
async fn what_is_not_registered_is_not_found() {
    let world = World::new().await;
    for did in ["did:plc:aaaaaaaaaaaaaaaaaaaaaaaa", "did:web:example.com", "favicon.ico"] {
        for path in ["", "/data", "/log", "/log/last", "/log/audit"] {
            let (status, body) = world.get(&format!("/{did}{path}")).await;
            let body: Value = serde_json::from_str(&body).unwrap();
            assert_eq!(status, 404);
            assert_eq!(body["message"], format!("DID not registered: {did}"));
        }
    }
    assert_eq!(world.get("/a/b/c/d").await.0, 404);
    let (status, body) = world.get("/_health").await;
    assert_eq!(status, 200);
    assert!(serde_json::from_str::<Value>(&body).unwrap()["version"].is_string());
}
