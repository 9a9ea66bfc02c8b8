//! Real and synthetic repositories, against what their manifests say.

use serde_json::Value;

use crate::support::{arg, atp, read_json, shared};

#[test]
fn archives_agree_with_their_manifest() {
    let Some(shared) = shared() else { return };
    let folder = shared.join("car");
    for facts in read_json(&folder.join("manifest.json")).as_array().unwrap() {
        let name = facts["file"].as_str().unwrap();
        let file = arg(&folder, name);
        let mut args = vec!["--json", "repo", "verify", &file];
        let signature = facts["signature"].as_str();
        if let Some(key) = facts["signing_key"].as_str().filter(|_| signature.is_some()) {
            args.extend(["--key", key]);
        }
        let run = atp(&args);
        // The network admits version 3 alone; slices are no repositories.
        let version_3 = facts["commit_version"] == 3;
        if !version_3 || facts["complete"] != true {
            run.refused();
            continue;
        }
        let found = run.fine().json().remove(0);
        assert_eq!(found["did"], facts["did"], "{name}");
        assert_eq!(found["rev"], facts["rev"], "{name}");
        assert_eq!(found["data"], facts["data"], "{name}");
        assert_eq!(found["records"], facts["records"], "{name}");
        assert_eq!(found["commit"], facts["roots"][0], "{name}");
        let verifies = if signature == Some("verifies") { "valid" } else { "not checked" };
        assert_eq!(found["signature"], verifies, "{name}");
    }
}

#[test]
fn the_reference_implementations_repositories_verify() {
    let Some(shared) = shared() else { return };
    let folder = shared.join("ts-capture");
    let repos = read_json(&folder.join("repos.json"));
    let temporary = tempfile::tempdir().unwrap();
    let mut verified = 0;
    for repo in repos.as_array().unwrap() {
        let Some(car) = car_of(repo, &folder) else { continue };
        let document = arg(temporary.path(), "did.json");
        std::fs::write(&document, repo["doc"].to_string()).unwrap();
        let run = atp(&["--json", "repo", "verify", &car, "--did-doc", &document]);
        let found = run.fine().json().remove(0);
        assert_eq!((&found["did"], &found["rev"]), (&repo["did"], &repo["rev"]));
        assert_eq!((&found["commit"], &found["signature"]), (&repo["head"], &"valid".into()));
        verified += 1;
    }
    assert!(verified >= 40, "{verified}");
}

/// The archive of an account, if it was recorded.
fn car_of(repo: &Value, folder: &std::path::Path) -> Option<String> {
    let id = repo["did"].as_str()?.strip_prefix("did:plc:")?;
    let path = format!("repos/{}-{id}.car", repo["pds"].as_str()?);
    folder.join(&path).exists().then(|| arg(folder, &path))
}

#[test]
fn a_repository_can_be_listed_read_unpacked_and_compared() {
    let Some(shared) = shared() else { return };
    let tiny = arg(&shared, "car/repo-stream-tiny.car");
    let records = atp(&["--json", "repo", "ls", &tiny]).fine().json();
    assert_eq!(records.len(), 8);
    let inspected = atp(&["--json", "repo", "inspect", &tiny]).fine().json().remove(0);
    assert_eq!(inspected["records"], 8);

    let path = records[0]["path"].as_str().unwrap();
    let record = atp(&["--json", "repo", "get", &tiny, path]).fine().json().remove(0);
    assert!(record["$type"].is_string());
    atp(&["repo", "get", &tiny, "com.example.none/self"]).refused();

    let folder = tempfile::tempdir().unwrap();
    let unpacked = arg(folder.path(), "unpacked");
    atp(&["repo", "unpack", &tiny, &unpacked]).fine();
    assert_eq!(read_json(&folder.path().join(format!("unpacked/{path}.json"))), record);

    assert_eq!(atp(&["repo", "diff", &tiny, &tiny]).fine().text(), "");
    let empty = arg(&shared, "car/repo-stream-empty.car");
    let changes = atp(&["--json", "repo", "diff", &empty, &tiny]).fine().json();
    assert_eq!(changes.len(), 8);
    assert!(changes.iter().all(|change| change["action"] == "create"));
}
