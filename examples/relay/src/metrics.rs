//! The names of what is measured. Every counter exists from the start, with every label at
//! zero: an increase from nothing is seen by nobody.

use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge};

use crate::store::HostStatus;

pub(crate) const RECEIVED: &str = "atproto_firehose_events_received_total";
pub(crate) const RECEIVED_BYTES: &str = "atproto_firehose_bytes_received_total";
pub(crate) const CONNECTIONS: &str = "atproto_firehose_connection_state";
pub(crate) const RECONNECTS: &str = "atproto_firehose_reconnects_total";
pub(crate) const GAPS: &str = "atproto_firehose_sequence_gaps_total";
pub(crate) const BACKPRESSURE: &str = "atproto_firehose_backpressure_seconds_total";
pub(crate) const EVENTS: &str = "atproto_relay_events_total";
pub(crate) const DISCONTINUOUS: &str = "atproto_relay_discontinuous_total";
pub(crate) const FAILURES: &str = "atproto_verify_failures_total";
pub(crate) const VERIFY_SECONDS: &str = "atproto_verify_duration_seconds";
const HOSTS: &str = "atproto_relay_hosts";
const SUBSCRIBERS: &str = "atproto_relay_subscribers";
const SENT: &str = "atproto_relay_events_sent_total";
const LOG_BYTES: &str = "atproto_relay_log_bytes";
const LOG_SEQ: &str = "atproto_relay_log_last_seq";
const TOO_SLOW: &str = "atproto_relay_subscribers_too_slow_total";
const PAIRS: &str = "atproto_collection_index_pairs";

/// Kinds of messages.
pub(crate) const KINDS: [&str; 6] = ["commit", "sync", "identity", "account", "info", "unknown"];

/// States of connections to hosts.
pub(crate) const STATES: [&str; 4] = ["connecting", "connected", "backoff", "stopped"];

/// Why connections end.
pub(crate) const ENDINGS: [&str; 8] =
    ["closed", "connect", "frame", "future_cursor", "network", "panic", "seq", "upstream_error"];

/// What a commit that does not follow the known state differs in.
pub(crate) const DISCONTINUITIES: [&str; 3] = ["prev_data", "since", "sync"];

/// Describes everything, and sets every counter to zero.
pub(crate) fn describe() {
    describe_counter!(RECEIVED, "Messages received from hosts, by kind.");
    describe_counter!(RECEIVED_BYTES, "Bytes of messages received from hosts.");
    describe_gauge!(CONNECTIONS, "Connections to hosts, by state.");
    describe_counter!(RECONNECTS, "Connections to hosts that ended, by reason.");
    describe_counter!(GAPS, "Gaps that hosts have admitted with OutdatedCursor.");
    describe_counter!(BACKPRESSURE, "Seconds for which hosts were not read on purpose.");
    describe_counter!(EVENTS, "Events of hosts, by what became of them.");
    describe_counter!(DISCONTINUOUS, "Forwarded commits that do not follow the known state.");
    describe_counter!(FAILURES, "Events that were refused, by reason.");
    describe_histogram!(VERIFY_SECONDS, "Time of checking one event, by step, in seconds.");
    describe_gauge!(HOSTS, "Hosts, by status.");
    describe_gauge!(SUBSCRIBERS, "Subscribers connected.");
    describe_counter!(SENT, "Events sent to subscribers.");
    describe_gauge!(LOG_BYTES, "Bytes of event log on disk.");
    describe_gauge!(LOG_SEQ, "The newest sequence number.");
    describe_counter!(TOO_SLOW, "Subscribers cut off because they fell too far behind.");
    describe_gauge!(PAIRS, "Pairs of account and collection in the index.");
    for kind in KINDS {
        counter!(RECEIVED, "kind" => kind).absolute(0);
    }
    for state in STATES {
        gauge!(CONNECTIONS, "state" => state).set(0.0);
    }
    for reason in ENDINGS {
        counter!(RECONNECTS, "reason" => reason).absolute(0);
    }
    for name in [RECEIVED_BYTES, GAPS, BACKPRESSURE, SENT, TOO_SLOW] {
        counter!(name).absolute(0);
    }
    observe(&Figures::default());
}

/// What is read rather than counted.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    pub(crate) hosts: [u64; HostStatus::ALL.len()],
    pub(crate) connections: [u64; STATES.len()],
    pub(crate) subscribers: u64,
    pub(crate) sent: u64,
    pub(crate) too_slow: u64,
    pub(crate) log_bytes: u64,
    pub(crate) last_seq: i64,
    pub(crate) pairs: i64,
}

pub(crate) fn observe(figures: &Figures) {
    for (status, count) in HostStatus::ALL.into_iter().zip(figures.hosts) {
        gauge!(HOSTS, "status" => status.as_str()).set(count as f64);
    }
    for (state, count) in STATES.into_iter().zip(figures.connections) {
        gauge!(CONNECTIONS, "state" => state).set(count as f64);
    }
    gauge!(SUBSCRIBERS).set(figures.subscribers as f64);
    counter!(SENT).absolute(figures.sent);
    counter!(TOO_SLOW).absolute(figures.too_slow);
    gauge!(LOG_BYTES).set(figures.log_bytes as f64);
    gauge!(LOG_SEQ).set(figures.last_seq as f64);
    gauge!(PAIRS).set(figures.pairs as f64);
}
