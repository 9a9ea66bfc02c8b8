use std::collections::BTreeMap;

use atproto_core::syntax::{Cid, Did, Tid};
use atproto_firehose::event::{Commit, Event, Gap, RepoGap};
use atproto_repo::event::AccountEvent;

use super::oracle::Ticket;
use crate::net::{Repository, Truth};

/// The copy of the network that the simulated service keeps.
#[derive(Debug, Default)]
pub(super) struct Index {
    pub(super) copies: BTreeMap<Did, Copy>,
    /// How accounts are was asked after this sequence number: up to it, they say what was before.
    asked: i64,
}

/// The copy of a repository.
#[derive(Debug)]
pub(super) struct Copy {
    pub(super) rev: Option<Tid>,
    pub(super) records: BTreeMap<String, Cid>,
    pub(super) active: bool,
    /// The newest delivery with an effect on it.
    newest: Ticket,
    /// The newest delivery that said whether it is active.
    heard: Ticket,
    gone: bool,
}

impl Default for Copy {
    fn default() -> Self {
        Self { rev: None, records: BTreeMap::new(), active: true, newest: 0, heard: 0, gone: false }
    }
}

/// What an event does to the copy. What has to be fetched for it was fetched.
pub(super) enum Effect {
    Nothing,
    Commit(Commit),
    Account(AccountEvent),
    /// With the sequence number behind which that was, if it was all accounts.
    Fetched(Vec<Fetched>, Option<i64>),
}

/// An account as it is found when it is fetched.
pub(super) struct Fetched {
    pub(super) did: Did,
    pub(super) repository: Option<Repository>,
    /// Whether it is active, where that was asked too.
    active: Option<bool>,
}

impl Fetched {
    fn of(did: Did, truth: &Truth, with_status: bool) -> Self {
        let active = with_status.then(|| truth.is_active(&did));
        Self { repository: truth.repository(&did), active, did }
    }
}

/// The status of an account that is deleted.
pub(super) const GONE: &str = "deleted";

impl Effect {
    pub(super) fn of(event: &Event, truth: &Truth) -> Self {
        match event {
            Event::Commit(commit) => Self::Commit(commit.clone()),
            Event::Sync(sync) => Self::fetch(&sync.did, truth),
            Event::Gap(Gap::Repo { did, why: RepoGap::Returned, .. }) => {
                Self::Fetched(vec![Fetched::of(did.clone(), truth, true)], None)
            }
            Event::Gap(Gap::Repo { did, .. }) => Self::fetch(did, truth),
            Event::Gap(Gap::OutdatedCursor { cursor } | Gap::SeqReset { cursor, .. }) => {
                Self::everything(truth, *cursor)
            }
            Event::Account(account) => Self::Account(account.clone()),
            _ => Self::Nothing,
        }
    }

    fn fetch(did: &Did, truth: &Truth) -> Self {
        Self::Fetched(vec![Fetched::of(did.clone(), truth, false)], None)
    }

    /// All accounts, as after a gap of unknown extent behind this sequence number.
    pub(super) fn everything(truth: &Truth, behind: i64) -> Self {
        let fetch = |did: Did| Fetched::of(did, truth, true);
        Self::Fetched(truth.accounts().into_iter().map(fetch).collect(), Some(behind))
    }
}

impl Index {
    /// What comes late, from somebody who took longer than the delivery was his, undoes nothing
    /// of later deliveries.
    ///
    /// # Errors
    /// What the effect does not fit to: something is missing before it.
    pub(super) fn apply(&mut self, effect: &Effect, delivery: Ticket) -> Result<(), String> {
        match effect {
            Effect::Nothing => {}
            Effect::Commit(commit) => return self.commit(commit, delivery),
            Effect::Account(account) => {
                let copy = self.copies.entry(account.did.clone()).or_default();
                copy.is_next(delivery);
                if account.seq <= self.asked || !copy.hears(delivery) {
                    return Ok(());
                }
                copy.active = account.active;
                copy.gone = account.status.as_deref() == Some(GONE);
                if copy.gone {
                    copy.records.clear();
                }
            }
            Effect::Fetched(accounts, behind) => {
                self.asked = behind.unwrap_or(self.asked);
                for Fetched { did, repository, active } in accounts {
                    let copy = self.copies.entry(did.clone()).or_default();
                    if active.is_none() && !copy.is_next(delivery) {
                        continue;
                    }
                    match active {
                        Some(active) if copy.hears(delivery) => copy.active = *active,
                        // There is nothing any more of what was found.
                        Some(_) if copy.gone => continue,
                        _ => {}
                    }
                    // Older commits than what was fetched are in it; where nothing is left, all
                    // that come before the word of the deletion are.
                    let rev = repository.as_ref().map_or(Tid::MAX, |found| found.rev);
                    // What was fetched for no account alone is in no order with its events: what took
                    // long undoes nothing newer.
                    if active.is_some() && copy.rev.is_some_and(|known| rev < known) {
                        continue;
                    }
                    copy.rev = copy.rev.max(Some(rev));
                    copy.records = repository
                        .as_ref()
                        .map_or_else(BTreeMap::new, |found| found.records.clone());
                }
            }
        }
        Ok(())
    }

    fn commit(&mut self, commit: &Commit, delivery: Ticket) -> Result<(), String> {
        let Some(message) = commit.message() else { return Err("not a #commit".to_owned()) };
        let copy = self.copies.entry(message.repo.clone()).or_default();
        if copy.rev.is_some_and(|rev| message.rev <= rev) {
            return Ok(());
        }
        copy.rev = Some(message.rev);
        copy.newest = copy.newest.max(delivery);
        for op in &message.ops {
            let path = op.path.to_string();
            let before = match op.cid {
                Some(cid) => copy.records.insert(path, cid),
                None => copy.records.remove(&path),
            };
            if before != op.prev {
                return Err(format!("seq {} does not follow at {}", message.seq, op.path));
            }
        }
        Ok(())
    }
}

impl Copy {
    /// Whether a delivery is newer than all that had an effect; it has one now.
    fn is_next(&mut self, delivery: Ticket) -> bool {
        let next = self.newest <= delivery;
        self.newest = self.newest.max(delivery);
        next
    }

    /// The same for what a delivery says of its status.
    fn hears(&mut self, delivery: Ticket) -> bool {
        let next = self.heard <= delivery;
        self.heard = self.heard.max(delivery);
        next
    }
}
