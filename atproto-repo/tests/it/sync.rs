mod malformed;
mod mutations;
mod recorded;
mod relay_frames;
mod rules;

use atproto_repo::sync::{RepoState, Verdict};

/// A verdict in one word, for tables.
fn word(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Accept(_) => "accept",
        Verdict::Stale => "stale",
        Verdict::Discontinuous { .. } => "discontinuous",
        Verdict::Violation(violation) => violation.label(),
    }
}

/// The state after a verdict, for someone who passes messages on.
fn state(verdict: &Verdict) -> Option<RepoState> {
    match verdict {
        Verdict::Accept(state) | Verdict::Discontinuous { state, .. } => Some(*state),
        Verdict::Stale | Verdict::Violation(_) => None,
    }
}
