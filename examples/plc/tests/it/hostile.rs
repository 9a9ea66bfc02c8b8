//! Operations that must not get in.

use atproto_core::crypto::{Curve, SecretKey};
use atproto_core::identity::plc::{self, Operation, Tombstone};
use atproto_core::syntax::{Did, Handle};
use serde_json::{Value, json};

use crate::support::{Account, HOUR, World, shared, update};

#[tokio::test]
async fn signatures_of_others() {
    let world = World::new().await;
    let alice = world.register("alice.test").await;
    let stranger = SecretKey::generate(Curve::K256);
    for operation in [
        update(&alice.genesis, "evil.test", &stranger),
        Tombstone { prev: alice.genesis.cid() }.sign(&stranger).unwrap(),
    ] {
        let refusal = world.submit(&alice.did, &operation).await.unwrap();
        assert!(refusal.starts_with("Invalid signature on op"), "{refusal}");
    }
    assert_eq!(world.client.audit_log(&alice.did).await.unwrap().len(), 1);
}

#[tokio::test]
async fn identities_of_others() {
    let world = World::new().await;
    let alice = world.register("alice.test").await;
    let bob = Account::new("bob.test");
    let refusal = world.submit(&alice.did, &bob.genesis).await;
    assert_eq!(refusal.as_deref(), Some("Operations not correctly ordered"));
    let free = Did::new("did:plc:aaaaaaaaaaaaaaaaaaaaaaaa").unwrap();
    let refusal = world.submit(&free, &bob.genesis).await.unwrap();
    assert!(refusal.ends_with(&format!("does not match DID identifier: {}", bob.did)), "{refusal}");
    for wrong in ["did:web:example.com", "did:plc:aaaa", "did:plc:AAAAAAAAAAAAAAAAAAAAAAAA"] {
        assert!(world.submit(&Did::new(wrong).unwrap(), &bob.genesis).await.is_some(), "{wrong}");
    }
}

#[tokio::test]
async fn a_genesis_that_is_none() {
    let world = World::new().await;
    let alice = Account::new("alice.test");
    let end = Tombstone { prev: alice.genesis.cid() }.sign(&alice.rotation).unwrap();
    assert!(world.submit(&plc::did_of_genesis(&end), &end).await.is_some());
    let second = update(&alice.genesis, "ali.test", &alice.rotation);
    assert!(world.submit(&plc::did_of_genesis(&second), &second).await.is_some());
    assert_eq!(world.get("/export").await.1, "");
}

#[tokio::test]
async fn bodies_that_are_no_operations() {
    let world = World::new().await;
    let alice = Account::new("alice.test");
    let good = serde_json::to_value(&alice.genesis).unwrap();
    let with = |field: &str, value: Value| {
        let mut body = good.clone();
        body[field] = value;
        body.to_string()
    };
    for body in [
        String::new(),
        "null".to_owned(),
        "[]".to_owned(),
        "{".to_owned(),
        "\u{0}".to_owned(),
        format!("{}1", "[".repeat(20_000)),
        with("x", 1.into()),
        with("type", "create".into()),
        with("prev", "bafy".into()),
        with("sig", "".into()),
        with("rotationKeys", json!({})),
        with("services", json!({"a": {"type": "T", "endpoint": "https://a.example", "x": 1}})),
        with("alsoKnownAs", json!([1.5])),
    ] {
        let (status, answer) = world.post(&alice.did, body.clone()).await;
        assert_eq!(status, 400, "{body:.100}: {answer}");
        assert!(serde_json::from_str::<Value>(&answer).unwrap()["message"].is_string());
    }
    let (status, answer) = world.post(&alice.did, " ".repeat(200_000)).await;
    assert_eq!(status, 413);
    assert!(serde_json::from_str::<Value>(&answer).unwrap()["message"].is_string());
    assert_eq!(world.submit(&alice.did, &alice.genesis).await, None, "all of it left no trace");
}

#[tokio::test]
async fn plc_001_to_003_limits() {
    let world = World::new().await;
    let key = SecretKey::generate(Curve::K256);
    let handle = Handle::new("alice.test").unwrap();
    let refusal = async |change: &dyn Fn(&mut Operation)| {
        let public = key.public_key();
        let mut operation = Operation::account(
            std::slice::from_ref(&public),
            &public,
            &handle,
            "https://pds.example.com",
        );
        change(&mut operation);
        let (did, genesis) = plc::create(operation, &key).unwrap();
        world.submit(&did, &genesis).await.unwrap_or_default()
    };
    let text = refusal(&|operation| operation.set_pds(&"x".repeat(7500))).await;
    assert_eq!(text, "Operation too large (7500 bytes maximum in cbor encoding)");
    let text = refusal(&|operation| operation.rotation_keys.push("did:key:zbad".to_owned())).await;
    assert_eq!(text, "Invalid rotationKeys key: did:key:zbad");
    let text = refusal(&|operation| {
        operation.also_known_as = (0..11).map(|number| format!("at://a{number}.test")).collect();
    })
    .await;
    assert_eq!(text, "Too many alsoKnownAs entries (max 10)");
}

#[tokio::test]
async fn an_identity_cannot_fill_the_log_but_can_always_be_recovered() {
    let world = World::new().await;
    let alice = world.register("alice.test").await;
    let mut newest = alice.genesis.clone();
    for number in 0..9 {
        newest = update(&newest, &format!("a{number}.test"), &alice.rotation);
        assert_eq!(world.submit(&alice.did, &newest).await, None);
    }
    let tenth = update(&newest, "b.test", &alice.rotation);
    let refusal = world.submit(&alice.did, &tenth).await;
    assert_eq!(refusal.as_deref(), Some("Too many operations within last hour (max 10)"));
    let recovery = update(&alice.genesis, "alice.test", &alice.recovery);
    assert_eq!(world.submit(&alice.did, &recovery).await, None);
    world.pass(HOUR + 100);
    let next = update(&recovery, "b.test", &alice.rotation);
    assert_eq!(world.submit(&alice.did, &next).await, None);
}

#[tokio::test]
async fn operations_made_to_break_directories() {
    let Some(shared) = shared() else { return };
    let mut refused = 0;
    for entry in std::fs::read_dir(shared.join("bad-input/plc")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let world = World::new().await;
        let log: Vec<Value> = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let mut last = 200;
        for entry in &log {
            let did = Did::new(entry["did"].as_str().unwrap()).unwrap();
            let time: atproto_core::syntax::Datetime =
                entry["createdAt"].as_str().unwrap().parse().unwrap();
            world.set_time(time.unix_micros().unwrap() / 1000);
            last = world.post(&did, entry["operation"].to_string()).await.0;
        }
        // Here only what the directory says about an operation is wrong, not the operation;
        // and the old form of genesis is refused though valid in logs.
        let good = match name.as_str() {
            "control-legacy-create" => false,
            "aka-not-uri"
            | "cid-mismatch"
            | "created-at-backwards"
            | "empty-log"
            | "nullified-genesis"
            | "recovery-not-nullified" => true,
            name => name.starts_with("control-"),
        };
        assert_eq!(last == 200, good, "{name}");
        refused += usize::from(last != 200);
    }
    assert!(refused > 20);
}
