//! Repositories that are fetched when the stream alone cannot tell their state.
//!
//! With a [scope](IntakeConfig::scope) a gap in a repository is not delivered. The repository is
//! *wanted* instead, durably, with the checkpoint in which the event counts as settled; whatever
//! the stream says of its records until it is fetched needs nothing, but that the revision that
//! is fetched must not be older. While it is fetched its events are parked. What the
//! repository holds beyond what was told before comes into the account's lane as
//! [offered](Intake::offer) commits; behind the last of them the [head](Intake::end_fetch) is
//! set, and the account's own events go on.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use atproto_core::syntax::{Cid, Did, Tid};
use atproto_repo::car;
use atproto_repo::event::{CommitEvent, Event as Message, RepoOp};
use bytes::Bytes;

use super::action::EntryId;
use super::entry::{Entry, OVERHEAD};
use super::verdict::UNTRACKED;
use super::{Intake, IntakeConfig};
use crate::checkpoint::{Checkpoint, Head, Known, StoredFilter, TrackingDelta, Wanted};
use crate::event::{Change, Commit, Event, Gap};
use crate::filter::{Filter, FilterError};
use crate::tracker::Scope;

/// What is not stored yet, and what is being fetched.
#[derive(Debug, Default)]
pub(super) struct Tracking {
    /// In the order in which the entries were settled.
    known: VecDeque<(EntryId, Vec<Known>)>,
    /// How many of `known` there are.
    known_len: usize,
    /// And of which accounts.
    known_of: HashMap<Did, usize>,
    wanted: HashMap<Did, Wanted>,
    fetched: Vec<(Did, u64)>,
    all_wanted: bool,
    fetching: HashSet<Did>,
}

/// The end of a fetch: what is so behind the commits that were offered.
#[derive(Clone, Debug)]
pub(crate) struct Fetched {
    /// Under which it was wanted.
    pub(crate) token: u64,
    /// What nobody is told of: records that are no longer of interest.
    pub(crate) known: Vec<Known>,
}

/// Why a commit was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// There is no room in memory now.
    NoRoom,
    /// Nothing is taken any more, or the fetch was ended before.
    Ended,
}

/// What follows a message of a repository, when all is well with it.
pub(super) enum Course {
    Deliver,
    /// As well, and the repository is to be fetched.
    DeliverAndFetch(&'static str),
    Fetch(&'static str),
    Ignore(&'static str),
}

impl IntakeConfig {
    /// Follows the repositories of a scope; one that is in the checkpoint comes before it.
    ///
    /// # Errors
    /// [`FilterError`].
    pub fn restore_scope(
        &mut self,
        scope: Scope,
        restored: &Checkpoint,
    ) -> Result<(), FilterError> {
        let scope = match &restored.filter {
            Some(stored) => Scope::from_json(&stored.text)?,
            None => scope,
        };
        self.filter = scope.filter().clone();
        self.scope = Some(scope);
        Ok(())
    }
}

impl Intake {
    /// As [`Self::set_filter`], with a scope.
    pub fn set_scope(&mut self, now: Instant, scope: Scope) -> u64 {
        let version = self.set_filter(now, scope.filter().clone());
        self.filter = StoredFilter { text: scope.to_json().into(), ..self.filter.clone() };
        self.config.scope = Some(scope);
        version
    }

    /// The scope, if repositories are followed.
    pub fn scope(&self) -> Option<&Scope> {
        self.config.scope.as_ref()
    }

    /// Parks events of an account from now on, because its repository is to be fetched. False if
    /// that is so already, or if whoever consumes has parked the account.
    pub(crate) fn begin_fetch(&mut self, did: &Did) -> bool {
        !self.waits_for_caller(did) && self.tracking.fetching.insert(did.clone()) && {
            self.park_for_fetch(did);
            true
        }
    }

    /// Whether everything that came of an account is settled and stored: what the store says of
    /// it is all there is.
    pub(crate) fn is_quiet(&self, did: &Did) -> bool {
        self.lanes.is_empty(did)
            && !self.tracking.known_of.contains_key(did)
            && !self.heads.contains_key(did)
    }

    /// Every repository with a head is to be looked at.
    pub(crate) fn want_all(&mut self, now: Instant) {
        self.tracking.all_wanted = true;
        self.mark_dirty(now);
    }

    /// Whether fetches wait until something is stored: what comes before one, that one is wanted,
    /// or that one is done.
    pub(super) fn fetches_wait(&self) -> bool {
        let Tracking { fetching, fetched, wanted, all_wanted, .. } = &self.tracking;
        !fetching.is_empty() || !fetched.is_empty() || !wanted.is_empty() || *all_wanted
    }

    /// Takes changes of a repository that is being fetched into the account's lane.
    pub(crate) fn offer(
        &mut self,
        now: Instant,
        commit: &Commit,
        cost: usize,
    ) -> Result<(), Refused> {
        let did = commit.did();
        if self.stream.halted.is_some() || !self.tracking.fetching.contains(did) {
            return Err(Refused::Ended);
        }
        if !self.takes(cost) {
            return Err(Refused::NoRoom);
        }
        let id = self.push_fetched(now, did, cost - OVERHEAD);
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.event = Some(Arc::new(Event::Commit(commit.clone())));
        }
        self.begin_in_lane(now, did, id, cost);
        Ok(())
    }

    /// Whether there is room for a commit of that [cost](offered_cost).
    pub(crate) fn takes(&self, cost: usize) -> bool {
        self.memory_has_room(cost) && self.has_room_for_known()
    }

    /// Ends a fetch: once everything that was offered is settled the head is this, the repository
    /// is no longer wanted, and the account's own events go on.
    pub(crate) fn end_fetch(&mut self, now: Instant, did: &Did, head: Head, fetched: Fetched) {
        if !self.tracking.fetching.contains(did) {
            return;
        }
        let id = self.push_fetched(now, did, 0);
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.head_after = Some(Head { gaps: self.gaps, ..head });
            entry.fetched = Some(Box::new(fetched));
        }
        self.begin_in_lane(now, did, id, OVERHEAD);
    }

    /// Gives a fetch up. The account's own events go on, as far as they can.
    pub(crate) fn abandon_fetch(&mut self, now: Instant, did: &Did) {
        if self.tracking.fetching.remove(did) {
            self.resume_after_fetch(now, did);
        }
    }

    /// Whether what was told of a repository at its last fetch is settled and stored.
    pub(crate) fn is_fetch_settled(&self, did: &Did) -> bool {
        let unsaved = self.tracking.fetched.iter().any(|(fetched, _)| fetched == did);
        !unsaved && !self.tracking.fetching.contains(did)
    }

    pub(super) fn is_fetching(&self, did: &Did) -> bool {
        self.tracking.fetching.contains(did)
    }

    /// A message was found to be true, and to follow what is known.
    pub(super) fn course(&self, entry: &Entry, message: &Message) -> Course {
        let Some(scope) = &self.config.scope else { return Course::Deliver };
        let is_followed = entry.head.state.is_some();
        // An account that is gone may come back.
        let is_tracked = is_followed || !entry.head.active || scope.signals().is_none();
        match message {
            // Nobody sends commits of accounts that are not active: it is back, unseen.
            Message::Commit(_) | Message::Sync(_) if !entry.head.active => Course::Fetch("active"),
            Message::Commit(_) if is_followed => Course::Deliver,
            Message::Commit(commit) if scope.begins(commit) => Course::Fetch("new"),
            Message::Sync(_) if is_followed => Course::Fetch("sync"),
            Message::Sync(_) if scope.signals().is_none() => Course::Fetch("new"),
            Message::Account(account) if is_tracked => {
                let is_back = account.active && !entry.head.active;
                if is_back { Course::DeliverAndFetch("active") } else { Course::Deliver }
            }
            Message::Identity(_) if is_tracked => Course::Deliver,
            _ => Course::Ignore(UNTRACKED),
        }
    }

    /// The repository is to be fetched.
    pub(super) fn want(&mut self, now: Instant, did: &Did, rev: Option<Tid>, why: &'static str) {
        let wanted = self.tracking.wanted.entry(did.clone());
        let wanted = wanted.or_insert_with(|| Wanted::new(did.clone(), why));
        wanted.rev = wanted.rev.max(rev);
        self.mark_dirty(now);
    }

    /// What an event that is settled says of the records that are known.
    pub(super) fn known_after(&self, entry: &Entry) -> Vec<Known> {
        if self.config.scope.is_none() || !self.config.remember_records {
            return Vec::new();
        }
        if let Some(fetched) = &entry.fetched {
            return fetched.known.clone();
        }
        match entry.event.as_deref() {
            Some(Event::Commit(commit)) => known_of(commit, &self.config.filter),
            Some(Event::Account(account)) if is_deleted(account) => {
                vec![Known::Nothing { did: account.did.clone() }]
            }
            _ => Vec::new(),
        }
    }

    /// An entry is settled.
    pub(super) fn track_settled(&mut self, now: Instant, id: EntryId, entry: &Entry) {
        let known = self.known_after(entry);
        if let (Some(did), false) = (&entry.did, known.is_empty()) {
            *self.tracking.known_of.entry(did.clone()).or_default() += known.len();
            self.tracking.known_len += known.len();
            self.tracking.known.push_back((id, known));
        }
        if let (Some(did), Some(fetched)) = (&entry.did, &entry.fetched) {
            self.tracking.fetched.push((did.clone(), fetched.token));
            self.tracking.fetching.remove(did);
            self.resume_after_fetch(now, did);
        }
        let lost = entry.event.as_deref().is_some_and(loses_events);
        self.tracking.all_wanted |= lost && self.config.scope.is_some();
    }

    /// What would have to be stored if these entries were settled now.
    pub(super) fn tracking_delta<'a>(
        &self,
        settled: impl Iterator<Item = (EntryId, &'a Entry)>,
    ) -> TrackingDelta {
        let tracking = &self.tracking;
        let mut delta = TrackingDelta {
            known: tracking.known.iter().flat_map(|(_, known)| known).cloned().collect(),
            wanted: tracking.wanted.values().cloned().collect(),
            fetched: tracking.fetched.clone(),
            all_wanted: tracking.all_wanted,
            entries: tracking.known.iter().map(|(id, _)| *id).collect(),
        };
        for (id, entry) in settled {
            let known = self.known_after(entry);
            if !known.is_empty() {
                delta.entries.push(id);
                delta.known.extend(known);
            }
            delta.all_wanted |=
                self.config.scope.is_some() && entry.event.as_deref().is_some_and(loses_events);
        }
        delta
    }

    /// A delta was stored.
    pub(super) fn forget_tracked(&mut self, saved: &TrackingDelta) {
        let entries: HashSet<EntryId> = saved.entries.iter().copied().collect();
        let tracking = &mut self.tracking;
        let is_saved = |(id, _): &mut (EntryId, Vec<Known>)| entries.contains(id);
        let kept = std::mem::take(&mut tracking.known).into_iter();
        for mut one in kept {
            if !is_saved(&mut one) {
                tracking.known.push_back(one);
                continue;
            }
            tracking.known_len -= one.1.len();
            for known in &one.1 {
                release(&mut tracking.known_of, known.did());
            }
        }
        for wanted in &saved.wanted {
            if tracking.wanted.get(&wanted.did) == Some(wanted) {
                tracking.wanted.remove(&wanted.did);
            }
        }
        tracking.fetched.retain(|fetched| !saved.fetched.contains(fetched));
        tracking.all_wanted &= !saved.all_wanted;
    }

    pub(super) fn has_room_for_known(&self) -> bool {
        let limit = self.config.max_unsaved_heads;
        self.tracking.known_len < limit && self.tracking.wanted.len() < limit
    }

    fn push_fetched(&mut self, now: Instant, did: &Did, bytes: usize) -> EntryId {
        let id = self.next_id();
        self.insert(now, id, (None, 0), Some(did.clone()), Bytes::new());
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.cost += bytes;
            self.bytes += bytes;
        }
        id
    }

    fn begin_in_lane(&mut self, now: Instant, did: &Did, id: EntryId, cost: usize) {
        if self.lanes.push(did, id, cost) {
            self.start(now, id);
        }
    }
}

/// What a commit takes in memory until it is settled.
pub(crate) fn offered_cost(commit: &Commit) -> usize {
    let cost = |change: &Change| CHANGE + change.record.as_ref().map_or(0, Bytes::len);
    OVERHEAD + commit.changes().iter().map(cost).sum::<usize>()
}

fn known_of(commit: &Commit, filter: &Filter) -> Vec<Known> {
    let known = |path: &atproto_repo::RepoPath, cid| {
        let record = || Known::Record { did: commit.did().clone(), path: path.clone(), cid };
        filter.wants_collection(&path.collection).then(record)
    };
    match commit.message() {
        // The operations say it without the records.
        Some(message) => message.ops.iter().filter_map(|op| known(&op.path, op.cid)).collect(),
        None => {
            let changes = commit.changes().iter();
            changes.filter_map(|change| known(&change.path, change.cid)).collect()
        }
    }
}

impl Entry {
    /// What is kept of an event that is given up: the frame that it came in, or one that says the
    /// same where it came in none.
    pub(super) fn rejected_frame(&self) -> Bytes {
        match self.event.as_deref() {
            Some(Event::Commit(commit)) if self.frame.is_empty() => frame_of(commit),
            _ => self.frame.clone(),
        }
    }
}

/// The changes of a repository that was fetched, as a message: it proves nothing, but has the
/// records.
fn frame_of(commit: &Commit) -> Bytes {
    let changes = commit.changes();
    let records =
        || changes.iter().filter_map(|change| Some((change.cid?, change.record.as_ref()?)));
    let root = records().next().map_or_else(|| Cid::dag_cbor(b""), |(cid, _)| cid);
    let records: Vec<_> = records().collect();
    let blocks = car::write(&root, records.iter().map(|(cid, record)| (cid, &record[..])));
    let op = |change: &Change| RepoOp {
        action: change.action,
        path: change.path.clone(),
        cid: change.cid,
        prev: None,
    };
    let event = CommitEvent {
        // The lowest that there is; the reject has none.
        seq: 1,
        repo: commit.did().clone(),
        commit: root,
        rev: commit.rev(),
        since: None,
        prev_data: None,
        blocks: blocks.into(),
        ops: changes.iter().map(op).collect(),
        time: EPOCH.to_owned(),
        too_big: false,
        rebase: false,
    };
    Message::from(event).encode().into()
}

fn release(counts: &mut HashMap<Did, usize>, did: &Did) {
    if let Some(count) = counts.get_mut(did) {
        *count -= 1;
        if *count == 0 {
            counts.remove(did);
        }
    }
}

/// Whether events of any account may be missing.
fn loses_events(event: &Event) -> bool {
    matches!(
        event,
        Event::Gap(
            Gap::OutdatedCursor { .. }
                | Gap::SeqJump { .. }
                | Gap::SeqReset { .. }
                | Gap::FutureCursor { .. }
        )
    )
}

pub(super) fn is_deleted(account: &atproto_repo::event::AccountEvent) -> bool {
    !account.active && account.status.as_deref() == Some("deleted")
}

/// The time of a message that is of no time.
const EPOCH: &str = "1970-01-01T00:00:00.000Z";

/// What a change takes in memory beyond its record.
const CHANGE: usize = 256;
