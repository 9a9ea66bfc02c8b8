//! Asking to be crawled, and asking about hosts and repositories.

use atproto_testkit::{Author, MicroPds};
use serde_json::json;

use crate::support::{Relay, name};

const CRAWL: &str = "/xrpc/com.atproto.sync.requestCrawl";

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_asks_is_crawled() {
    let relay = Relay::start().await;
    let pds = MicroPds::start().await.unwrap();
    relay.settle(&Author::new("alice.test", 1), &pds);
    let body = json!({ "hostname": name(&pds).as_str() });
    for _ in 0..2 {
        assert_eq!(relay.post(CRAWL, body.clone()).await.0, 200);
    }
    relay.settled(&pds, 3).await;
    let host = name(&pds);
    let (status, answer) =
        relay.get(&format!("/xrpc/com.atproto.sync.getHostStatus?hostname={host}")).await;
    assert_eq!(status, 200);
    assert_eq!((&answer["seq"], &answer["status"]), (&3.into(), &"active".into()));
    assert_eq!((&answer["accountCount"], &answer["hostname"]), (&1.into(), &host.as_str().into()));
    let (_, repos) = relay.get("/xrpc/com.atproto.sync.listRepos").await;
    let alice = Author::new("alice.test", 1);
    assert_eq!(repos["repos"][0]["did"], alice.did().as_str());
    assert_eq!(repos["repos"][0]["head"], alice.head().commit.to_string());
    let (_, latest) =
        relay.get(&format!("/xrpc/com.atproto.sync.getLatestCommit?did={}", alice.did())).await;
    assert_eq!(latest["rev"], alice.head().rev.to_string());
    let (status, _) =
        relay.get(&format!("/xrpc/com.atproto.sync.getRepo?did={}", alice.did())).await;
    assert_eq!(status, 302);
}

#[tokio::test(flavor = "multi_thread")]
async fn rl_011_requests_that_are_refused() {
    let relay = Relay::with_options(&["--new-hosts-per-day", "1"]).await;
    let nobody = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed = nobody.local_addr().unwrap();
    drop(nobody);
    let itself = relay.url.trim_start_matches("http://").to_owned();
    for (hostname, status, error) in [
        ("", 400, "InvalidRequest"),
        ("pds.example.com/path", 400, "InvalidRequest"),
        (&closed.to_string(), 400, "HostNotFound"),
        // A relay is no host.
        (&itself, 400, "HostNotFound"),
    ] {
        let (got, answer) = relay.post(CRAWL, json!({ "hostname": hostname })).await;
        assert_eq!((got, answer["error"].as_str()), (status, Some(error)), "{hostname}");
    }
    let (first, second) = (MicroPds::start().await.unwrap(), MicroPds::start().await.unwrap());
    assert_eq!(relay.post(CRAWL, json!({ "hostname": name(&first).as_str() })).await.0, 200);
    assert_eq!(relay.post(CRAWL, json!({ "hostname": name(&second).as_str() })).await.0, 503);
    assert_eq!(relay.post(CRAWL, json!({ "hostname": name(&first).as_str() })).await.0, 200);
    assert_eq!(relay.post(CRAWL, json!({})).await.0, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn rl_015_what_is_not_known_has_an_error_of_its_own() {
    let relay = Relay::start().await;
    let did = "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa";
    for (path, status, error) in [
        ("getHostStatus?hostname=nobody.example".to_owned(), 404, "HostNotFound"),
        (format!("getRepoStatus?did={did}"), 404, "RepoNotFound"),
        (format!("getLatestCommit?did={did}"), 404, "RepoNotFound"),
        (format!("getRepo?did={did}"), 404, "RepoNotFound"),
        ("getRepoStatus?did=nonsense".to_owned(), 400, "InvalidRequest"),
        ("listRepos?limit=1001".to_owned(), 400, "InvalidRequest"),
        ("listRepos?cursor=nonsense".to_owned(), 400, "InvalidRequest"),
        ("listHosts?limit=0".to_owned(), 400, "InvalidRequest"),
        ("listReposByCollection?collection=no".to_owned(), 400, "InvalidRequest"),
        ("getBlocks".to_owned(), 501, "MethodNotImplemented"),
    ] {
        let (got, answer) = relay.get(&format!("/xrpc/com.atproto.sync.{path}")).await;
        assert_eq!((got, answer["error"].as_str()), (status, Some(error)), "{path}");
    }
    assert_eq!(relay.get("/xrpc/_health").await.0, 200);
    assert_eq!(relay.get("/").await.0, 200);
}

/// Lists are read page by page.
#[tokio::test(flavor = "multi_thread")]
async fn rl_012_pages_join_without_gaps() {
    let relay = Relay::start().await;
    let pds = MicroPds::start().await.unwrap();
    for seed in 1..=5 {
        relay.settle(&Author::new(&format!("u{seed}.test"), seed), &pds);
    }
    relay.crawl(&pds).await;
    relay.settled(&pds, 15).await;
    let mut found = Vec::new();
    let mut cursor = String::new();
    loop {
        let path = format!("/xrpc/com.atproto.sync.listRepos?limit=2{cursor}");
        let (_, page) = relay.get(&path).await;
        let repos = page["repos"].as_array().unwrap();
        found.extend(repos.iter().map(|repo| repo["did"].as_str().unwrap().to_owned()));
        match page["cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    found.sort();
    found.dedup();
    assert_eq!(found.len(), 5);
}
