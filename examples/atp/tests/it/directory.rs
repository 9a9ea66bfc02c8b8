//! Commands that talk to a did:plc directory: a real one, in this process.

use std::{fs, path::Path, sync::Arc};

use ::plc::{
    directory::{Directory, RateLimits},
    store::Store,
};
use serde_json::Value;
use tempfile::TempDir;

use crate::support::{Run, arg, atp, atp_with};

/// A directory, and a place for files.
struct World {
    url: String,
    folder: TempDir,
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("data")).unwrap();
        let directory = Arc::new(Directory::new(store, RateLimits::default()));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(::plc::serve(directory, listener, std::future::pending()));
        Self { url, folder }
    }

    /// Runs `atp plc …` against the directory, which answers meanwhile.
    async fn plc(&self, args: &[&str]) -> Run {
        let args = [&["--json", "plc"][..], args, &["--plc-url", &self.url]].concat();
        let args: Vec<_> = args.into_iter().map(str::to_owned).collect();
        tokio::task::spawn_blocking(move || atp(&args)).await.unwrap()
    }

    fn file(&self, name: &str) -> String {
        arg(self.folder.path(), name)
    }

    /// A new secret key in a file; gives the public one.
    fn key(&self, name: &str) -> String {
        let made = atp(&["--json", "key", "generate", "--out", &self.file(name)]).fine();
        text(&made.json()[0]["didKey"])
    }

    /// A genesis in `NAME.json` whose rotation key is in `NAME.key`; gives the DID.
    fn genesis(&self, name: &str) -> String {
        let public = self.key(&format!("{name}.key"));
        let create = ["--json", "plc", "create", "--pds", "https://pds.example.com"];
        let rotation = self.file(&format!("{name}.key"));
        let out = self.file(&format!("{name}.json"));
        let handle = format!("{name}.test");
        let rest = ["--rotation-key", &rotation, "--signing-key", &public, "--handle", &handle];
        let made = atp(&[&create[..], &rest, &["--out", &out]].concat()).fine();
        text(&made.json()[0]["did"])
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_identity_lives_and_ends() {
    let world = World::new().await;
    let did = world.genesis("alice");
    let submitted = world.plc(&["submit", &world.file("alice.json")]).await.fine();
    assert_eq!(submitted.json()[0]["did"], did.as_str());

    let (key, update) = (world.file("alice.key"), world.file("update.json"));
    let change = ["update", &did, "--rotation-key", &key, "--out", &update];
    let new = ["--handle", "bob.test", "--pds", "https://other.example.com"];
    world.plc(&[&change[..], &new].concat()).await.fine();
    // Without the DID nobody could know whose update it is.
    assert_eq!(world.plc(&["submit", &update]).await.code, 2);
    world.plc(&["submit", &update, "--did", &did]).await.fine();
    let data = world.plc(&["data", &did]).await.fine().json().remove(0);
    assert_eq!(data["names"], serde_json::json!(["at://bob.test"]));
    assert_eq!(data["pds"], "https://other.example.com");

    let end = ["update", &did, "--rotation-key", &key, "--out", &update, "--tombstone"];
    world.plc(&end).await.fine();
    world.plc(&["submit", &update, "--did", &did]).await.fine();
    let log = world.plc(&["log", &did]).await.fine();
    let verified = atp_with(&["--json", "plc", "verify", "-"], &log.stdout).fine().json().remove(0);
    assert_eq!((&verified["operations"], &verified["tombstoned"]), (&3.into(), &true.into()));
    let refused = world.plc(&end).await.refused();
    assert!(refused.stderr.contains("tombstoned"), "{}", refused.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_directory_would_refuse_is_not_sent() {
    let world = World::new().await;
    let did = world.genesis("alice");
    let mut genesis: Value = read(&world.file("alice.json"));
    let nobody = "http://127.0.0.1:1";
    let submit = |operation: &Value, why: &str| {
        let path = world.file("wrong.json");
        fs::write(&path, operation.to_string()).unwrap();
        // Had it been sent, the answer would be that nobody listens.
        let run = atp(&["plc", "submit", &path, "--plc-url", nobody]).refused();
        assert!(run.stderr.contains(why), "{why}: {}", run.stderr);
    };
    let key = genesis["rotationKeys"][0].clone();
    genesis["rotationKeys"] = serde_json::json!([key, key]);
    submit(&genesis, "duplicate");
    genesis["rotationKeys"] = serde_json::json!([]);
    submit(&genesis, "rotation key");
    genesis["rotationKeys"] = serde_json::json!([world.key("other.key")]);
    submit(&genesis, "signature");
    genesis["unknown"] = true.into();
    submit(&genesis, "unknown");

    // An update by a key that has no say, before and after the log is asked for.
    world.plc(&["submit", &world.file("alice.json")]).await.fine();
    let other = world.file("other.key");
    let change = ["update", &did, "--rotation-key", &other, "--handle", "eve.test"];
    let refused = world.plc(&change).await.refused();
    assert!(refused.stderr.contains("signature"), "{}", refused.stderr);
    let mut operation: Value = read(&world.file("alice.json"));
    let cid = text(&world.plc(&["log", &did]).await.fine().json()[0][0]["cid"]);
    operation["prev"] = cid.into();
    fs::write(world.file("wrong.json"), operation.to_string()).unwrap();
    let refused = world.plc(&["submit", &world.file("wrong.json"), "--did", &did]).await.refused();
    assert!(refused.stderr.contains("signature"), "{}", refused.stderr);
    assert_eq!(world.plc(&["export"]).await.fine().json().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_is_read_by_pages() {
    let world = World::new().await;
    let mut dids = Vec::new();
    for name in ["alice", "bob", "carol"] {
        dids.push(world.genesis(name));
        world.plc(&["submit", &world.file(&format!("{name}.json"))]).await.fine();
    }
    let all = world.plc(&["export", "--count", "1"]).await.fine().json();
    let exported: Vec<_> = all.iter().map(|line| text(&line["did"])).collect();
    assert_eq!(exported, dids);
    let after = all[0]["seq"].to_string();
    let rest = world.plc(&["export", "--after", &after, "--limit", "1"]).await.fine().json();
    assert_eq!(rest, all[1..2]);
    assert_eq!(world.plc(&["export", "--count", "0"]).await.code, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_follows_the_directory() {
    let world = World::new().await;
    let dids = ["alice", "bob"].map(|name| world.genesis(name));
    world.plc(&["submit", &world.file("alice.json")]).await.fine();
    let follow = world.plc(&["export", "--follow=1", "--limit", "2"]);
    let submit = async {
        // Late enough that the export has usually come to the end by then.
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        world.plc(&["submit", &world.file("bob.json")]).await.fine();
    };
    let (exported, ()) = tokio::join!(follow, submit);
    let exported = exported.fine().json();
    assert_eq!(exported.iter().map(|line| text(&line["did"])).collect::<Vec<_>>(), dids);
}

fn read(path: &str) -> Value {
    crate::support::read_json(Path::new(path))
}
