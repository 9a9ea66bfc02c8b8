//! The consumer's figures as metrics.

use std::time::Duration;

use atproto_firehose::{consumer::Stopper, intake::IntakeStats};
use metrics::{counter, describe_counter, describe_gauge, gauge};

/// How often the figures are read.
const EVERY: Duration = Duration::from_secs(1);
/// The consumer has one upstream, so its label is a constant.
const UPSTREAM: &str = "relay";

/// Keeps the metrics current for as long as the process runs.
pub(super) async fn publish(consumer: Stopper) {
    describe();
    let mut ticks = tokio::time::interval(EVERY);
    loop {
        ticks.tick().await;
        set(&consumer.stats());
    }
}

fn describe() {
    describe_counter!("atproto_firehose_events_received_total", "Frames read from the upstream.");
    describe_counter!("atproto_firehose_bytes_received_total", "Bytes of frames read.");
    describe_counter!("atproto_firehose_events_acked_total", "Events whose effects are durable.");
    describe_counter!("atproto_firehose_reconnects_total", "Connections opened.");
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
        ("atproto_firehose_reconnects_total", stats.connections),
    ];
    for (name, total) in totals {
        counter!(name, "upstream" => UPSTREAM).absolute(total);
    }
    for (reason, total) in &stats.rejected {
        counter!("atproto_verify_failures_total", "reason" => *reason).absolute(*total);
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
