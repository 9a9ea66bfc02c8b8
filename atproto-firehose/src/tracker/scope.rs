use std::sync::Arc;

use atproto_core::syntax::{Did, Nsid, NsidPattern};
use atproto_repo::event::CommitEvent;
use serde::{Deserialize, Serialize};

use crate::filter::{Filter, FilterError};

/// Which repositories a [`Tracker`](super::Tracker) follows, and which of their records it tells
/// of.
///
/// ```
/// use atproto_core::syntax::NsidPattern;
/// use atproto_firehose::tracker::Scope;
///
/// // The repositories that have a status, and the statuses in them.
/// let statuses = Scope::collections([NsidPattern::new("xyz.statusphere.status")?]);
/// // The same repositories, with posts beside the statuses.
/// let more = statuses.records([
///     NsidPattern::new("xyz.statusphere.status")?,
///     NsidPattern::new("app.bsky.feed.post")?,
/// ]);
/// # let _ = more;
/// # Ok::<(), atproto_core::syntax::SyntaxError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Scope {
    filter: Filter,
    /// A repository is followed once it has a record in one of these; `None`: in any case.
    signals: Option<Arc<[NsidPattern]>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    filter: String,
    signals: Option<Vec<String>>,
}

impl Scope {
    /// All repositories of the network.
    pub fn network() -> Self {
        Self::default()
    }

    /// The repositories of these accounts.
    pub fn accounts(accounts: impl IntoIterator<Item = Did>) -> Self {
        Self { filter: Filter::all().accounts(accounts), signals: None }
    }

    /// The repositories that have a record in a collection that matches one of the patterns
    /// (`app.bsky.feed.post`, `xyz.statusphere.*`), and those records.
    pub fn collections(patterns: impl IntoIterator<Item = NsidPattern>) -> Self {
        let signals: Arc<[NsidPattern]> = patterns.into_iter().collect();
        let filter = Filter::collections(signals.iter().cloned());
        Self { filter, signals: Some(signals) }
    }

    /// Of the same repositories, the records in collections that match one of the patterns.
    #[must_use]
    pub fn records(mut self, patterns: impl IntoIterator<Item = NsidPattern>) -> Self {
        self.filter = self.filter.with_collections(patterns);
        self
    }

    /// Which records are told of.
    pub fn filter(&self) -> &Filter {
        &self.filter
    }

    /// The collections whose records make a repository one that is followed; `None` where it
    /// depends on nothing of the kind.
    pub fn signals(&self) -> Option<&[NsidPattern]> {
        self.signals.as_deref()
    }

    /// With one more collection, or prefix, as signal and to tell of.
    #[must_use]
    pub fn with(mut self, pattern: NsidPattern) -> Self {
        self.filter = self.filter.and_collection(pattern.clone());
        if let Some(signals) = &self.signals {
            self.signals = Some(signals.iter().cloned().chain([pattern]).collect());
        }
        self
    }

    /// Without a collection, or prefix, that was named just so.
    #[must_use]
    pub fn without(mut self, pattern: &NsidPattern) -> Self {
        self.filter = self.filter.without_collection(pattern);
        if let Some(signals) = &self.signals {
            let others = signals.iter().filter(|signal| signal.as_str() != pattern.as_str());
            self.signals = Some(others.cloned().collect());
        }
        self
    }

    /// Whether a commit of a repository that is not followed makes it one that is.
    pub(crate) fn begins(&self, commit: &CommitEvent) -> bool {
        let is_signal = |collection: &Nsid| {
            let signals = self.signals.iter().flat_map(|signals| signals.iter());
            signals.into_iter().any(|signal| signal.matches(collection))
        };
        self.signals.is_none() || commit.ops.iter().any(|op| is_signal(&op.path.collection))
    }

    /// As JSON.
    pub fn to_json(&self) -> String {
        let names = |signals: &Arc<[NsidPattern]>| {
            signals.iter().map(|signal| signal.as_str().to_owned()).collect()
        };
        let text =
            Text { filter: self.filter.to_json(), signals: self.signals.as_ref().map(names) };
        serde_json::to_string(&text).unwrap_or_default()
    }

    /// From [`Self::to_json`].
    ///
    /// # Errors
    /// [`FilterError`].
    pub fn from_json(text: &str) -> Result<Self, FilterError> {
        let text: Text = serde_json::from_str(text).map_err(|error| FilterError::new(&error))?;
        let patterns = |list: Vec<String>| list.iter().map(NsidPattern::new).collect();
        let signals: Option<Result<Arc<[_]>, _>> = text.signals.map(patterns);
        let signals = signals.transpose().map_err(|error| FilterError::new(&error))?;
        Ok(Self { filter: Filter::from_json(&text.filter)?, signals })
    }
}
