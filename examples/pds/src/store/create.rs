//! A new account's repository, and what the outside is told of an account.

use atproto_core::{crypto::Signer, syntax::Handle};
use atproto_repo::repo;

use super::{
    Edit,
    commit::{CommitError, Committed, next_rev},
    events,
    view::Announced,
};
use crate::{accounts::Status, database::DatabaseError};

impl Edit<'_> {
    /// Makes the empty repository of a new account. If the account is active the outside
    /// is told in the order `#identity`, `#account`, `#commit`, `#sync`; else it learns of
    /// the account when it becomes active.
    ///
    /// A repository that is there already stays as it is, so that an interrupted creation
    /// can be repeated.
    pub fn create_repo(
        &mut self,
        handle: Option<Handle>,
        status: Status,
        signer: &dyn Signer,
        now_micros: u64,
    ) -> Result<Committed, CommitError> {
        if let Some(head) = self.head()? {
            return Ok(Committed { cid: head.commit, rev: head.rev });
        }
        let rev = next_rev(now_micros, None);
        let applied = repo::create(self.did(), signer, rev)?;
        self.save(&applied)?;
        if status == Status::Active {
            self.announce(handle, status)?;
            self.post(&events::commit(&applied))?;
            self.post(&events::sync(&applied.commit))?;
        }
        Ok(Committed { cid: applied.head.commit, rev })
    }

    /// Tells the outside of the handle and the status as far as they differ from what it
    /// was told last. An account that never was active has never been mentioned, and its
    /// inactive states are nobody's business.
    pub fn announce(
        &mut self,
        handle: Option<Handle>,
        status: Status,
    ) -> Result<(), DatabaseError> {
        let last = self.announced()?;
        if last.is_none() && status != Status::Active {
            return Ok(());
        }
        let next = Announced { handle, status };
        if last.as_ref().is_none_or(|last| last.handle != next.handle) {
            self.post(&events::identity(self.did(), next.handle.clone()))?;
        }
        if last.as_ref().is_none_or(|last| last.status != next.status) {
            self.post(&events::account(self.did(), status))?;
        }
        self.set_announced(&next)
    }
}
