//! Which commits a consumer wants.

use std::sync::Arc;

use atproto_core::syntax::NsidPattern;
use atproto_repo::event::CommitEvent;

/// Which commits are delivered. Account, identity, sync and gap events always
/// are.
///
/// A commit that is filtered out is verified all the same: the chain of its
/// repository would break otherwise.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// `None` wants all.
    collections: Option<Arc<[NsidPattern]>>,
}

impl Filter {
    /// Everything.
    pub fn all() -> Self {
        Self::default()
    }

    /// Commits that change a record in a collection that matches one of the
    /// patterns (`app.bsky.feed.post`, `app.bsky.*`).
    pub fn collections(patterns: impl IntoIterator<Item = NsidPattern>) -> Self {
        Self { collections: Some(patterns.into_iter().collect()) }
    }

    /// Whether a commit is wanted.
    pub fn wants(&self, commit: &CommitEvent) -> bool {
        let Some(patterns) = &self.collections else { return true };
        let wanted = |op: &atproto_repo::event::RepoOp| {
            patterns.iter().any(|pattern| pattern.matches(&op.path.collection))
        };
        commit.ops.iter().any(wanted)
    }
}
