//! Which events a consumer wants.

mod text;

use std::{collections::HashSet, sync::Arc};

use atproto_core::syntax::{Did, Nsid, NsidPattern};
use atproto_repo::event::CommitEvent;
use sha2::{Digest, Sha256};

pub use self::text::FilterError;
use crate::event::RecordSet;

/// Which commits are delivered, and of which accounts anything is.
///
/// A commit without a wanted record is verified all the same: the chain of its repository
/// would break otherwise. Of accounts that are not wanted nothing is verified, and nothing
/// is kept. Account, identity, sync and gap events of the others are always delivered.
///
/// ```
/// use atproto_core::syntax::{Did, NsidPattern};
/// use atproto_firehose::filter::Filter;
///
/// let posts = Filter::collections([NsidPattern::new("app.bsky.feed.*")?]);
/// let mine = posts.accounts([Did::new("did:web:alice.example.com")?]);
/// # let _ = mine;
/// # Ok::<(), atproto_core::syntax::SyntaxError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Filter {
    collections: Collections,
    /// `None` wants all.
    accounts: Option<Arc<HashSet<Did>>>,
}

#[derive(Clone, Debug, Default)]
enum Collections {
    #[default]
    All,
    Listed(&'static [&'static str]),
    Matching(Arc<[NsidPattern]>),
}

impl Filter {
    /// Everything.
    pub fn all() -> Self {
        Self::default()
    }

    /// Commits that change a record in a collection that matches one of the
    /// patterns (`app.bsky.feed.post`, `app.bsky.*`).
    pub fn collections(patterns: impl IntoIterator<Item = NsidPattern>) -> Self {
        let collections = Collections::Matching(patterns.into_iter().collect());
        Self { collections, accounts: None }
    }

    /// Commits that change a record of one of these types; see
    /// [`Change::decode`](crate::event::Change::decode).
    pub fn of<S: RecordSet>() -> Self {
        Self { collections: Collections::Listed(S::COLLECTIONS), accounts: None }
    }

    /// Of these accounts alone.
    #[must_use]
    pub fn accounts(self, accounts: impl IntoIterator<Item = Did>) -> Self {
        Self { accounts: Some(Arc::new(accounts.into_iter().collect())), ..self }
    }

    /// The accounts, unless all are wanted.
    pub fn account_list(&self) -> Option<impl Iterator<Item = Did> + use<'_>> {
        self.accounts.as_ref().map(|accounts| accounts.iter().cloned())
    }

    /// Of the same accounts, the records in collections that match one of the patterns.
    #[must_use]
    pub fn with_collections(self, patterns: impl IntoIterator<Item = NsidPattern>) -> Self {
        Self { collections: Collections::Matching(patterns.into_iter().collect()), ..self }
    }

    /// With the records of one more collection, or prefix.
    #[must_use]
    pub fn and_collection(self, pattern: NsidPattern) -> Self {
        let Some(patterns) = self.collections.patterns() else { return self };
        let patterns = patterns.into_iter().chain([pattern]);
        Self { collections: Collections::Matching(patterns.collect()), ..self }
    }

    /// Without a collection, or prefix, that was named just so.
    #[must_use]
    pub fn without_collection(self, pattern: &NsidPattern) -> Self {
        let Some(patterns) = self.collections.patterns() else { return self };
        let others = patterns.into_iter().filter(|other| other.as_str() != pattern.as_str());
        Self { collections: Collections::Matching(others.collect()), ..self }
    }

    /// Whether a commit has a record in a wanted collection. Who wants all collections wants
    /// commits without records too.
    pub fn wants(&self, commit: &CommitEvent) -> bool {
        matches!(self.collections, Collections::All)
            || commit.ops.iter().any(|op| self.wants_collection(&op.path.collection))
    }

    /// Whether a collection is wanted.
    pub fn wants_collection(&self, collection: &Nsid) -> bool {
        match &self.collections {
            Collections::All => true,
            Collections::Listed(listed) => listed.contains(&collection.as_str()),
            Collections::Matching(patterns) => {
                patterns.iter().any(|pattern| pattern.matches(collection))
            }
        }
    }

    /// Whether anything of an account is wanted.
    pub fn wants_account(&self, did: &Did) -> bool {
        self.accounts.as_ref().is_none_or(|accounts| accounts.contains(did))
    }
}

impl Collections {
    /// `None`: all.
    fn patterns(&self) -> Option<Vec<NsidPattern>> {
        match self {
            Self::All => None,
            // The names of generated types are names of collections.
            Self::Listed(listed) => listed.iter().map(|name| NsidPattern::new(name).ok()).collect(),
            Self::Matching(patterns) => Some(patterns.to_vec()),
        }
    }
}

/// The share of the accounts that one of several processes reads.
///
/// Each process has a partition and a checkpoint of its own, and reads the whole stream. An
/// account belongs to exactly one partition, by the first eight bytes of the SHA-256 of its
/// DID as a big-endian number, modulo the number of partitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partition {
    index: u32,
    count: u32,
}

impl Partition {
    /// All accounts.
    pub const WHOLE: Self = Self { index: 0, count: 1 };

    /// The partition of that index, counted from zero, of so many; `None` if there is no
    /// such partition.
    pub const fn new(index: u32, count: u32) -> Option<Self> {
        if index < count { Some(Self { index, count }) } else { None }
    }

    /// Whether an account belongs to it.
    pub fn has(self, did: &Did) -> bool {
        if self.count == 1 {
            return true;
        }
        let digest: [u8; 32] = Sha256::digest(did.as_str()).into();
        let (number, _) = digest.split_first_chunk().unwrap_or((&[0; 8], &[]));
        u64::from_be_bytes(*number) % u64::from(self.count) == u64::from(self.index)
    }
}

impl Default for Partition {
    fn default() -> Self {
        Self::WHOLE
    }
}
