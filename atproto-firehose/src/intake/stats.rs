use std::collections::BTreeMap;

/// Where an [`Intake`](super::Intake) stands, as numbers. Counters begin at
/// zero with the process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct IntakeStats {
    /// Everything up to here is settled.
    pub cursor: Option<i64>,
    /// The newest sequence number received.
    pub received: i64,
    /// Events that are not settled.
    pub in_flight: u64,
    /// Their bytes, which stay within the configured limit.
    pub in_flight_bytes: u64,
    /// How many of them are in the spool.
    pub in_spool: u64,
    /// The bytes in the spool, which stay within a limit of their own.
    pub in_spool_bytes: u64,
    /// The limit that holds up the reading now; see
    /// [`Intake::pressure`](super::Intake::pressure).
    pub pressure: Option<&'static str>,
    /// Accounts with events that are not settled.
    pub lanes: u64,
    /// Events that are parked.
    pub parked: u64,
    /// The bytes of their frames, which stay within a limit of their own.
    pub parked_bytes: u64,
    /// Accounts that are parked.
    pub parked_accounts: u64,
    /// Which upstream is read, counted from zero.
    pub upstream: usize,
    /// How often the filter was changed.
    pub filter_version: u64,
    /// Every event from this sequence number on is judged by the filter of that
    /// version.
    pub filter_since: i64,
    /// Whether there is a connection.
    pub connected: bool,
    /// Bytes of rejects and parked events that wait to be stored; together with
    /// those in flight they stay within the configured limit.
    pub unsaved_bytes: u64,
    /// Repository states that wait to be stored.
    pub unsaved_heads: u64,
    /// Frames read.
    pub frames: u64,
    /// Bytes of frames read.
    pub frame_bytes: u64,
    /// Connections that were opened.
    pub connections: u64,
    /// Connections that ended or could not be opened, by reason.
    pub disconnects: BTreeMap<&'static str, u64>,
    /// Times that a limit began to hold up the reading, by limit.
    pub stalls: BTreeMap<&'static str, u64>,
    /// Events that came while their account was above its budget.
    pub over_account_budget: u64,
    /// Events that were written to the spool.
    pub spooled: u64,
    /// Events that came back from it.
    pub unspooled: u64,
    /// Events that the spool could not `write` or `read`, and that were read
    /// again from the upstream.
    pub spool_failures: BTreeMap<&'static str, u64>,
    /// Events that were parked, by reason.
    pub parkings: BTreeMap<&'static str, u64>,
    /// Parked events that came back and were settled.
    pub unparked: u64,
    /// Parked events that could not be read from the store at first.
    pub park_failures: u64,
    /// Frames that had been received before.
    pub duplicates: u64,
    /// Deliveries made, repeated ones included.
    pub delivered: u64,
    /// Deliveries acknowledged.
    pub acknowledged: u64,
    /// Deliveries that were taken back because their time was over.
    pub expired: u64,
    /// Deliveries that failed and were made again.
    pub retried: u64,
    /// Settlements of deliveries that had been taken back.
    pub late_settlements: u64,
    /// Events that had been given up and were delivered once more.
    pub replayed: u64,
    /// Times that an identity could not be resolved and the event waited.
    pub deferred: u64,
    /// Events that needed nothing, by reason; `restart` if they were still to be read again when
    /// the stream was [begun anew](super::GapPolicy::Restart) elsewhere.
    pub ignored: BTreeMap<&'static str, u64>,
    /// Events that were rejected, by label.
    pub rejected: BTreeMap<&'static str, u64>,
    /// Gaps, by kind.
    pub gaps: BTreeMap<&'static str, u64>,
    /// Times that the stream was begun anew after a gap, by where.
    pub restarts: BTreeMap<&'static str, u64>,
    /// Times that the next upstream took over, by reason: `failures` in a row,
    /// `refused` for good, or a gap.
    pub failovers: BTreeMap<&'static str, u64>,
    /// Checkpoints stored.
    pub persisted: u64,
    /// Checkpoints that could not be stored at first.
    pub persist_failures: u64,
}

/// Counts one more under a name.
pub(crate) fn count(counters: &mut BTreeMap<&'static str, u64>, name: &'static str) {
    *counters.entry(name).or_default() += 1;
}
