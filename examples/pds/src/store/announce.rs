//! Telling the outside of a change in the account database.

use atproto_core::syntax::{Datetime, Handle};
use atproto_repo::{
    commit::Commit,
    event::{Event, SyncEvent},
};

use super::{Edit, outbox::PLACEHOLDER};
use crate::{accounts::Status, database::DatabaseError};

impl Edit<'_> {
    /// As [`Edit::announce`]; an account that is active again is followed by the state of
    /// its repository, which nobody may have kept.
    pub fn announce_change(
        &mut self,
        handle: Option<Handle>,
        status: Status,
    ) -> Result<(), DatabaseError> {
        let before = self.announced()?.map(|last| last.status);
        self.announce(handle, status)?;
        if status == Status::Active && before != Some(Status::Active) {
            self.announce_head()?;
        }
        Ok(())
    }

    /// Posts `#sync` of the repository as it is.
    fn announce_head(&mut self) -> Result<(), DatabaseError> {
        let Some(head) = self.head()? else { return Ok(()) };
        let corrupt = |what: String| DatabaseError::Corrupt(format!("head of the repo: {what}"));
        let block = self.block(&head.commit)?.ok_or_else(|| corrupt("missing".to_owned()))?;
        let commit = Commit::decode(&block).map_err(|error| corrupt(error.to_string()))?;
        let time = Datetime::now().as_str().to_owned();
        self.post(&Event::Sync(SyncEvent::of_commit(&commit, time)).with_seq(PLACEHOLDER))
    }
}
