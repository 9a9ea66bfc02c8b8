//! The consumer's figures as metrics.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use atproto_firehose::{consumer::Stopper, intake::IntakeStats};
use metrics::{counter, describe_counter, describe_gauge, gauge};
use rusqlite::Transaction;

use super::lag::{self, Lag};
use crate::store::Store;

/// How often the figures are read.
const EVERY: Duration = Duration::from_secs(1);
/// The consumer has one upstream, so its label is a constant.
const UPSTREAM: &str = "relay";

/// The reasons of rejection that dashboards tell apart.
const REASONS: [&str; 9] = [
    "signature",
    "mst_inversion",
    "prev_data",
    "rev_order",
    "future_rev",
    "wrong_host",
    "size",
    "blocks",
    "message",
];
/// Why connections end, as far as it is known beforehand.
const DISCONNECTS: [&str; 3] = ["malformed_frame", "seq_not_increasing", "upstream_error"];

/// Keeps the metrics current for as long as the process runs.
pub(super) async fn publish(consumer: Stopper, store: Store, lag: Arc<Lag>) {
    describe();
    let mut ticks = tokio::time::interval(EVERY);
    loop {
        ticks.tick().await;
        let stats = consumer.stats();
        set(&stats);
        let seconds = lag.observe(&stats, lag::unix_micros());
        gauge!("atproto_indexer_lag_seconds", "upstream" => UPSTREAM).set(seconds);
        gauge!("atproto_firehose_last_event_received_timestamp_seconds", "upstream" => UPSTREAM)
            .set(lag.received_seconds());
        // A count that fails is made again in a second; the store's own state says why.
        if let Ok((invalid, rejected)) = store.read(count_dead_letters).await {
            let letters = "atproto_indexer_dead_letter_records";
            gauge!(letters, "reason" => "invalid").set(invalid as f64);
            gauge!(letters, "reason" => "rejected").set(rejected as f64);
        }
    }
}

fn count_dead_letters(tx: &Transaction<'_>) -> anyhow::Result<(i64, i64)> {
    let count = |sql| tx.prepare_cached(sql)?.query_row([], |row| row.get(0));
    Ok((count("SELECT count(*) FROM dead_letter")?, count("SELECT count(*) FROM firehose_reject")?))
}

fn describe() {
    describe_gauge!("atproto_indexer_lag_seconds", "How far the index is behind, in seconds.");
    describe_gauge!("atproto_indexer_dead_letter_records", "Dead letters that are kept.");
    describe_gauge!(
        "atproto_firehose_last_event_received_timestamp_seconds",
        "When the last event came, in Unix seconds."
    );
    for reason in REASONS {
        counter!("atproto_verify_failures_total", "reason" => reason).absolute(0);
    }
    for reason in DISCONNECTS {
        counter!("atproto_firehose_reconnects_total", "upstream" => UPSTREAM, "reason" => reason)
            .absolute(0);
    }
    describe_counter!("atproto_firehose_events_received_total", "Frames read from the upstream.");
    describe_counter!("atproto_firehose_bytes_received_total", "Bytes of frames read.");
    describe_counter!("atproto_firehose_events_acked_total", "Events whose effects are durable.");
    describe_counter!("atproto_firehose_reconnects_total", "Connections that ended, by reason.");
    describe_counter!("atproto_verify_failures_total", "Events rejected, by reason.");
    describe_gauge!("atproto_firehose_connection_state", "1 while connected to the upstream.");
    describe_gauge!("atproto_firehose_last_received_seq", "Newest sequence number received.");
    describe_gauge!("atproto_firehose_cursor_persisted_seq", "Everything up to here is settled.");
    describe_gauge!("atproto_firehose_inflight_events", "Events that are not settled.");
    describe_gauge!("atproto_firehose_inflight_bytes", "Bytes of events that are not settled.");
}

fn set(stats: &IntakeStats) {
    let totals = [
        ("atproto_firehose_events_received_total", stats.frames),
        ("atproto_firehose_bytes_received_total", stats.frame_bytes),
        ("atproto_firehose_events_acked_total", stats.acknowledged),
    ];
    for (name, total) in totals {
        counter!(name, "upstream" => UPSTREAM).absolute(total);
    }
    for (reason, total) in &stats.disconnects {
        counter!("atproto_firehose_reconnects_total", "upstream" => UPSTREAM, "reason" => *reason)
            .absolute(*total);
    }
    let mut rejected = BTreeMap::<_, u64>::new();
    for (label, total) in &stats.rejected {
        *rejected.entry(reason(label)).or_default() += total;
    }
    for (reason, total) in rejected {
        counter!("atproto_verify_failures_total", "reason" => reason).absolute(total);
    }
    let gauges = [
        ("atproto_firehose_connection_state", f64::from(u8::from(stats.connected))),
        ("atproto_firehose_last_received_seq", stats.received as f64),
        ("atproto_firehose_cursor_persisted_seq", stats.cursor.unwrap_or(0) as f64),
        ("atproto_firehose_inflight_events", stats.in_flight as f64),
        ("atproto_firehose_inflight_bytes", stats.in_flight_bytes as f64),
    ];
    for (name, value) in gauges {
        gauge!(name, "upstream" => UPSTREAM).set(value);
    }
}

/// The group of a rejection's label.
fn reason(label: &str) -> &'static str {
    match label {
        "bad_signature" => "signature",
        "op_mismatch" | "prev_data_mismatch" | "tree" => "mst_inversion",
        "prev_data_missing" | "prev_missing" => "prev_data",
        "rev_mismatch" | "since_not_before" => "rev_order",
        "rev_in_future" => "future_rev",
        "too_large" => "size",
        "wrong_host" => "wrong_host",
        "block_missing" | "blocks_empty" | "car" | "commit" | "commit_mismatch"
        | "commit_missing" | "record_invalid" | "record_missing" => "blocks",
        _ => "message",
    }
}
