//! What an operator sees.

use std::{
    io::Write as _,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::support::*;

#[tokio::test]
async fn sigterm_drains_quickly_even_while_a_host_hangs() {
    let mut net = Network::start().await;
    let mut alice = net.account("alice", 1);
    let stuck = net.silent_account("stuck", 2);
    // This host accepts a getRepo and never answers.
    net.world.insert(&stuck.document(net.world.url()));
    net.publish(stuck.sync());
    net.post(&mut alice, "hello");
    net.indexed().await;
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let start = Instant::now();
    assert_eq!(net.appview.terminate().await, Some(0), "{}", net.appview.log());
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    net.appview = AppView::start(&net.pds, &net.world, net.dir.path());
    assert_eq!(net.profile(None, &alice).await.ok()["postsCount"], 1);
}

#[tokio::test]
async fn readiness_is_an_open_store_and_a_connected_relay() {
    let net = Network::start().await;
    net.account("alice", 1);
    net.indexed().await;
    let Network { pds, appview, http, .. } = net;
    let ready = async || {
        let response = http.get(format!("{}/readyz", appview.admin)).send().await.unwrap();
        (response.status().as_u16(), response.json::<Value>().await.unwrap())
    };
    let (status, report) = ready().await;
    assert_eq!(status, 200, "{report}");
    assert_eq!(report["conditions"]["store"], "ok");
    assert_eq!(report["conditions"]["ingest"], "ok");

    drop(pds);
    let end = Instant::now() + PATIENCE;
    while ready().await.0 != 503 {
        assert!(Instant::now() < end, "it does not notice that the relay is gone");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(ready().await.1["conditions"]["store"], "ok");
}

#[tokio::test]
async fn metrics_say_what_was_indexed_and_how_late() {
    let net = Network::start().await;
    let mut alice = net.account("alice", 1);
    net.post(&mut alice, "hello");
    net.settled().await;
    net.timeline(&alice).await;
    let end = Instant::now() + PATIENCE;
    while net.metric("atproto_indexer_lag_seconds{upstream=\"relay\"}").await != Some(0.0) {
        assert!(Instant::now() < end, "{}", net.metrics().await);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let visible = net.metric("atproto_indexer_event_to_visible_seconds_count").await;
    assert!(visible.is_some_and(|count| count >= 2.0), "{visible:?}");
    let text = net.metrics().await;
    for name in [
        "atproto_build_info",
        "atproto_appview_query_duration_seconds",
        "atproto_backfill_repos",
        "atproto_firehose_connection_state",
        "atproto_firehose_cursor_persisted_seq",
        "atproto_firehose_last_event_received_timestamp_seconds",
        "atproto_firehose_reconnects_total",
        "atproto_indexer_batch_duration_seconds",
        "atproto_indexer_dead_letter_records",
        "atproto_indexer_records_total",
        "atproto_verify_failures_total",
        "http_server_request_duration_seconds",
    ] {
        assert!(text.contains(&format!("# TYPE {name} ")), "{name} is missing\n{text}");
    }
    check(&text);
}

/// Prometheus's own opinion, where it is installed.
fn check(text: &str) {
    let promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut promtool) = promtool else {
        eprintln!("skipped: promtool is not installed");
        return;
    };
    promtool.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = promtool.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && said.is_empty(), "{said}");
}
