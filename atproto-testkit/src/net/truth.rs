use std::{collections::BTreeMap, sync::Arc};

use atproto_core::syntax::{Cid, Did, Tid};
use bytes::Bytes;

use super::shared::Shared;

/// What the network really holds: what a copy of it is to be compared with.
#[derive(Clone)]
pub struct Truth(pub(super) Arc<Shared>);

/// A repository as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository {
    /// The revision of its newest commit.
    pub rev: Tid,
    /// The CIDs of its records, by path.
    pub records: BTreeMap<String, Cid>,
}

impl Truth {
    /// The CIDs of all records of all accounts that have not been deleted, by `at://` URI.
    pub fn records(&self) -> BTreeMap<String, Cid> {
        let world = self.0.world();
        let accounts = world.accounts.iter();
        let uri = |did: &Did, path: &str| format!("at://{did}/{path}");
        accounts
            .flat_map(|account| account.records.iter().map(|record| (account.did(), record)))
            .map(|(did, (path, cid))| (uri(did, path), *cid))
            .collect()
    }

    /// All accounts, deleted ones too.
    pub fn accounts(&self) -> Vec<Did> {
        self.0.world().accounts.iter().map(|account| account.did().clone()).collect()
    }

    /// How often the relay has lost everything.
    pub(crate) fn epoch(&self) -> u32 {
        self.0.world().log.epoch()
    }

    /// Whether the relay has sent a message behind the next one.
    pub(crate) fn is_swapped(&self, epoch: u32, seq: i64) -> bool {
        self.0.world().log.is_swapped(epoch, seq)
    }

    /// Whether an account may be shown.
    pub fn is_active(&self, did: &Did) -> bool {
        let world = self.0.world();
        world.place(did).is_some_and(|place| world.accounts[place].is_active())
    }

    /// An account's repository; `None` if there is none, or no longer.
    pub fn repository(&self, did: &Did) -> Option<Repository> {
        let world = self.0.world();
        let account = &world.accounts[world.place(did)?];
        let rev = account.author.head().rev;
        (!account.is_gone()).then(|| Repository { rev, records: account.records.clone() })
    }

    /// An account's repository as an archive, as `com.atproto.sync.getRepo` answers.
    pub fn archive(&self, did: &Did) -> Option<Bytes> {
        let world = self.0.world();
        let account = &world.accounts[world.place(did)?];
        (!account.is_gone()).then(|| account.author.export())
    }
}
