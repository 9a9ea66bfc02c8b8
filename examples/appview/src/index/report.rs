//! What became of a batch, told to the metrics once it is durable.

use std::collections::BTreeMap;

use atproto_core::syntax::Datetime;
use atproto_repo::event::Action;
use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};

use super::record::Outcome;

const RECORDS: &str = "atproto_indexer_records_total";
const GAPS: &str = "atproto_indexer_gaps_total";
const CLASSES: [&str; 3] = ["app.bsky", "chat.bsky", "other"];
const GAP_LABELS: [&str; 5] = ["outdated_cursor", "repo", "seq_jump", "seq_reset", "upstream"];

/// Counts of one transaction; nothing is told before it commits.
#[derive(Default)]
pub(crate) struct Report {
    records: BTreeMap<(&'static str, &'static str, &'static str), u64>,
    pub(crate) gaps: Vec<&'static str>,
    /// When the commits were made, in microseconds, by their own word.
    times: Vec<i64>,
}

impl Report {
    pub(crate) fn count(&mut self, collection: &str, action: Action, outcome: Outcome) {
        *self.records.entry((class(collection), action.as_str(), outcome.label())).or_default() +=
            1;
    }

    /// A commit whose rows can be read once the transaction commits.
    pub(crate) fn visible(&mut self, time: &str) {
        self.times.extend(Datetime::new(time).ok().and_then(|time| time.unix_micros()));
    }

    /// The newest time that a commit of the batch states, if it is not of the future.
    pub(crate) fn newest(&self, now: i64) -> Option<i64> {
        self.times.iter().copied().max().map(|newest| newest.min(now))
    }

    pub(crate) fn publish(self, now: i64) {
        histogram!(BATCH_RECORDS).record(self.records.values().sum::<u64>() as f64);
        for time in self.times {
            histogram!(VISIBLE).record(now.saturating_sub(time).max(0) as f64 / 1e6);
        }
        for ((class, action, outcome), count) in self.records {
            records(class, action, outcome).increment(count);
        }
        for label in self.gaps {
            counter!(GAPS, "kind" => label).increment(1);
        }
    }
}

/// Names every metric of the indexer and sets every counter to zero, so that an increase is
/// seen from the first one on.
pub(crate) fn describe() {
    describe_counter!(RECORDS, "Record changes, by what became of them.");
    describe_counter!(GAPS, "Gaps in what the upstream sent, by kind.");
    describe_histogram!(BATCH_SECONDS, "Time to apply and store a batch, in seconds.");
    describe_histogram!(BATCH_RECORDS, "Record changes in a batch.");
    describe_histogram!(VISIBLE, "From a commit's own time to its rows, in seconds.");
    describe_gauge!(REPOS, "Repos to be fetched whole, by state.");
    describe_histogram!(REPO_SECONDS, "Time to fetch and store a whole repo, in seconds.");
    describe_histogram!(QUERY_SECONDS, "Time to read and build an answer, in seconds.");
    for class in CLASSES {
        for action in [Action::Create, Action::Update, Action::Delete] {
            for outcome in Outcome::ALL {
                records(class, action.as_str(), outcome.label()).absolute(0);
            }
        }
    }
    for label in GAP_LABELS {
        counter!(GAPS, "kind" => label).absolute(0);
    }
    gauge!(REPOS, "state" => "pending").set(0.0);
}

pub(crate) const BATCH_SECONDS: &str = "atproto_indexer_batch_duration_seconds";
const BATCH_RECORDS: &str = "atproto_indexer_batch_records";
const VISIBLE: &str = "atproto_indexer_event_to_visible_seconds";
pub(crate) const REPOS: &str = "atproto_backfill_repos";
pub(crate) const REPO_SECONDS: &str = "atproto_backfill_repo_duration_seconds";
pub(crate) const QUERY_SECONDS: &str = "atproto_appview_query_duration_seconds";

fn records(class: &'static str, action: &'static str, outcome: &'static str) -> metrics::Counter {
    counter!(RECORDS, "collection_class" => class, "action" => action, "outcome" => outcome)
}

/// Collections are named by users, so they are labels only by class.
fn class(collection: &str) -> &'static str {
    let known = CLASSES
        .into_iter()
        .find(|class| collection.strip_prefix(class).is_some_and(|rest| rest.starts_with('.')));
    known.unwrap_or("other")
}
