//! What became of a batch, told to the metrics once it is durable.

use std::collections::BTreeMap;

use atproto_repo::event::Action;
use metrics::{counter, describe_counter, describe_gauge, describe_histogram};

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
}

impl Report {
    pub(crate) fn count(&mut self, collection: &str, action: Action, outcome: Outcome) {
        *self.records.entry((class(collection), action.as_str(), outcome.label())).or_default() +=
            1;
    }

    pub(crate) fn publish(self) {
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
    describe_gauge!(RESYNC_WAITING, "Repos that wait to be fetched whole.");
    describe_counter!(RESYNCS, "Repos fetched whole, by outcome.");
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
    for outcome in ["ok", "failed"] {
        counter!(RESYNCS, "outcome" => outcome).absolute(0);
    }
}

pub(crate) const BATCH_SECONDS: &str = "atproto_indexer_batch_duration_seconds";
pub(crate) const RESYNC_WAITING: &str = "atproto_indexer_resync_waiting";
pub(crate) const RESYNCS: &str = "atproto_indexer_resyncs_total";

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
