use crate::{
    mst,
    repo::{MAX_COMMIT_BLOCKS, MAX_COMMIT_OPS, MAX_RECORD, MAX_SYNC_BLOCKS},
};

/// How strict verification is. The default is what the specification asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct VerifyOptions {
    /// The longest `blocks` of a commit, in bytes: [`MAX_COMMIT_BLOCKS`].
    pub max_commit_blocks: usize,
    /// The most operations of a commit: [`MAX_COMMIT_OPS`].
    pub max_ops: usize,
    /// The longest record, in bytes: [`MAX_RECORD`].
    pub max_record: usize,
    /// The longest `blocks` of a `#sync` message, in bytes: [`MAX_SYNC_BLOCKS`].
    pub max_sync_blocks: usize,
    /// By how much a revision may be ahead of the clock, in microseconds. "A few minutes"
    /// says <https://atproto.com/specs/sync>; five, as relays have it.
    pub max_ahead_micros: u64,
    /// What a tree may look like.
    pub tree: mst::Limits,
    /// What becomes of commits that cannot be undone.
    pub legacy: LegacyPolicy,
    /// Whether records must be maps in canonical DAG-CBOR. A relay may leave that to
    /// those who use them.
    pub check_records: bool,
    /// Whether a commit must name the known revision in `since` although its tree is
    /// proven to follow the known one. Off: with the same tree before, nothing was missed
    /// that left a trace, and `since` is no more than the host's word.
    pub check_since: bool,
}

/// What becomes of commits from before Sync 1.1: after the first one of an account, yet
/// without `prevData`, or with updates and deletions that do not say what was there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum LegacyPolicy {
    /// They are violations.
    #[default]
    Reject,
    /// They are accepted if everything else holds: the signature, and that the tree has
    /// every operation. That they left nothing out is then the host's word.
    CheckOps,
}

impl Default for VerifyOptions {
    fn default() -> Self {
        Self {
            max_commit_blocks: MAX_COMMIT_BLOCKS,
            max_ops: MAX_COMMIT_OPS,
            max_record: MAX_RECORD,
            max_sync_blocks: MAX_SYNC_BLOCKS,
            max_ahead_micros: 5 * 60 * 1_000_000,
            tree: mst::Limits::default(),
            legacy: LegacyPolicy::Reject,
            check_records: true,
            check_since: false,
        }
    }
}

impl VerifyOptions {
    /// Sets what becomes of commits that cannot be undone.
    pub fn legacy(mut self, policy: LegacyPolicy) -> Self {
        self.legacy = policy;
        self
    }

    /// Sets whether records are looked at.
    pub fn check_records(mut self, check: bool) -> Self {
        self.check_records = check;
        self
    }

    /// Sets whether `since` counts where the tree follows.
    pub fn check_since(mut self, check: bool) -> Self {
        self.check_since = check;
        self
    }

    /// Sets by how much a revision may be ahead of the clock, in microseconds.
    pub fn max_ahead_micros(mut self, micros: u64) -> Self {
        self.max_ahead_micros = micros;
        self
    }
}
