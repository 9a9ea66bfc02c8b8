//! What the reference directory accepted, submitted once more.

use ::plc::directory::RateLimits;
use atproto_core::identity::plc::AuditEntry;
use serde_json::Value;

use crate::support::{World, shared};

/// The same operations at the same times give the same logs, marks included.
#[tokio::test]
async fn the_same_operations_give_the_same_logs() {
    let Some(shared) = shared() else { return };
    let mut files: Vec<_> = std::fs::read_dir(shared.join("ts-capture/plc"))
        .unwrap()
        .chain(std::fs::read_dir(shared.join("plc/valid")).unwrap())
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    files.sort();
    let mut replayed = 0;
    for path in files {
        let world = World::with_limits(RateLimits::NONE).await;
        let json = std::fs::read(&path).unwrap();
        let log: Vec<AuditEntry> = serde_json::from_slice(&json).unwrap();
        let did = &log[0].did;
        let mut refused = false;
        for entry in &log {
            world.set_time(entry.created_at.unix_micros().unwrap() / 1000);
            refused |= world.submit(did, &entry.operation).await.is_some();
        }
        let name = path.file_name().unwrap().to_str().unwrap();
        // Valid as logs, no longer admitted as submissions.
        let old = ["log_duplicate_rotation_keys.json", "log_legacy_dholms.json"].contains(&name);
        assert_eq!(refused, old, "{name}");
        if !refused {
            let ours: Value =
                serde_json::from_str(&world.get(&format!("/{did}/log/audit")).await.1).unwrap();
            assert_eq!(ours, serde_json::from_slice::<Value>(&json).unwrap(), "{name}");
            replayed += 1;
        }
    }
    assert!(replayed > 40);
}
