//! Why events are refused.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use atproto_core::identity::ResolveError;
use atproto_firehose::verify::Rejection;

/// Why an event is not passed on although its account may be active.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The host has as many accounts as it may have.
    #[error("the host has {limit} accounts, which is its limit")]
    AccountLimit {
        /// The limit.
        limit: u64,
    },
    /// The event is not true, or not the sender's to tell.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The identity could not be resolved for longer than the event may wait.
    #[error("the identity cannot be resolved: {0}")]
    Unresolved(#[source] ResolveError),
}

impl Refusal {
    /// All words that [`reason`](Self::reason) gives, and that of messages which are no events.
    pub const REASONS: [&'static str; 14] = [
        "account_limit",
        "blocks",
        "future_rev",
        "identity",
        "identity_unavailable",
        "malformed",
        "message",
        "mst_inversion",
        "panic",
        "prev_data",
        "rev_order",
        "signature",
        "size",
        "wrong_host",
    ];

    /// A word for metrics and logs.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::AccountLimit { .. } => "account_limit",
            Self::Rejected(Rejection::Violation(violation)) => violation.reason(),
            Self::Rejected(Rejection::NoHost | Rejection::WrongHost { .. }) => "wrong_host",
            Self::Rejected(_) => "identity",
            Self::Unresolved(_) => "identity_unavailable",
        }
    }
}

/// How often one reason is logged.
const SAMPLE: Duration = Duration::from_secs(60);

/// When each reason was logged last.
#[derive(Debug, Default)]
pub(super) struct Samples(Mutex<HashMap<&'static str, Instant>>);

impl Samples {
    /// Whether a reason may be logged again.
    pub(super) fn is_due(&self, reason: &'static str) -> bool {
        let now = Instant::now();
        let mut logged = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let due = logged.get(reason).is_none_or(|at| now.duration_since(*at) >= SAMPLE);
        if due {
            logged.insert(reason, now);
        }
        due
    }
}
