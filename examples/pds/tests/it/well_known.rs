//! What is answered outside of XRPC, and what needs no account.

use serde_json::json;

use crate::{
    harness::Answer,
    network::{self, Directory, text},
};

#[tokio::test]
async fn handles_are_answered_by_host() {
    let (_directory, url) = Directory::start().await;
    let dir = tempfile::tempdir().unwrap();
    let pds = network::pds(dir.path(), &url, &[]).await;
    let alice = pds.sign_up("alice").await;
    let ask = async |host: &str| {
        let request = pds.http.get(format!("{}/.well-known/atproto-did", pds.url));
        let response = request.header("host", host).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    };
    let did = text(&alice, "did").to_owned();
    assert_eq!(ask("alice.test").await, (200, did.clone()));
    assert_eq!(ask("ALICE.test:2583").await, (200, did));
    for nobody in ["bobby.test", "localhost", "127.0.0.1:1"] {
        assert_eq!(ask(nobody).await.0, 404, "{nobody}");
    }
}

#[tokio::test]
async fn the_server_describes_itself() {
    let (_directory, url) = Directory::start().await;
    let dir = tempfile::tempdir().unwrap();
    let options = ["--contact-email", "help@example.com", "--invite-required"];
    let pds = network::pds(dir.path(), &url, &options).await;
    let described = pds.get("com.atproto.server.describeServer", &[]).await.ok();
    assert_eq!(described["did"], "did:web:localhost");
    assert_eq!(described["availableUserDomains"], json!([".test"]));
    assert_eq!(described["inviteCodeRequired"], true);
    assert_eq!(described["contact"]["email"], "help@example.com");
    assert_eq!(described["blobUploadLimit"], 5 * 1024 * 1024);
    let get = async |path: &str| {
        Answer::of(pds.http.get(format!("{}{path}", pds.url)).send().await.unwrap()).await.ok()
    };
    let document = get("/.well-known/did.json").await;
    assert_eq!(document["id"], "did:web:localhost");
    assert_eq!(document["service"][0]["id"], "#atproto_pds");
    assert_eq!(get("/xrpc/_health").await["version"], env!("CARGO_PKG_VERSION"));
    assert!(get("/").await.as_str().unwrap().contains("AT Protocol"));
    assert!(get("/robots.txt").await.as_str().unwrap().starts_with("User-agent: *"));
}

#[tokio::test]
async fn unknown_handles_are_not_found() {
    let (_directory, url) = Directory::start().await;
    let dir = tempfile::tempdir().unwrap();
    let pds = network::pds(dir.path(), &url, &[]).await;
    let method = "com.atproto.identity.resolveHandle";
    let refusal = pds.get(method, &[("handle", "nobody.test")]).await.error();
    assert_eq!(refusal, (400, "HandleNotFound".to_owned()));
    let refusal = pds.get(method, &[("handle", "not a handle")]).await.error();
    assert_eq!(refusal, (400, "InvalidRequest".to_owned()));
}
