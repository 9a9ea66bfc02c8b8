//! From arrival to delivery: the head, the verdict, what follows from it.

use std::sync::Arc;
use std::time::Instant;

use atproto_core::syntax::Tid;
use atproto_repo::event::Event as Message;
use atproto_repo::sync::{Discontinuity, RepoState};

use super::Intake;
use super::action::{Action, EntryId};
use super::entry::{Entry, Stage};
use super::parking::IDENTITY;
use super::receive::INVALID;
use super::stats::count;
use super::tracking::{Course, is_deleted};
use crate::checkpoint::Head;
use crate::event::{Commit, Event, Gap, RepoGap};
use crate::verify::{Outcome, Rejection};

impl Intake {
    /// What is stored of the account of [`Action::LoadHead`].
    pub fn handle_head(&mut self, id: EntryId, head: Option<Head>) {
        if let Some(entry) = self.entries.get_mut(&id).filter(|entry| entry.stage == Stage::Loading)
        {
            entry.head = head.unwrap_or_default();
            entry.stage = Stage::Verify;
            self.runnable.push_back(id);
        }
    }

    /// What is stored of the account could not be read; it will be tried
    /// again.
    pub fn handle_head_failed(&mut self, now: Instant, id: EntryId) {
        let Some(entry) = self.entries.get_mut(&id).filter(|entry| entry.stage == Stage::Loading)
        else {
            return;
        };
        entry.stage = Stage::LoadLater;
        entry.deferrals += 1;
        let deferrals = entry.deferrals;
        let wait = self.stream.backoff.delay(deferrals);
        self.set_timer(id, now + wait);
    }

    /// The result of [`Action::Verify`].
    pub fn handle_verified(&mut self, now: Instant, id: EntryId, outcome: Outcome) {
        let entry = self.entries.get(&id);
        if entry.is_none_or(|entry| entry.stage != Stage::Verifying) {
            return;
        }
        self.verifying -= 1;
        match outcome {
            Outcome::Accept(state) => self.accept(now, id, state),
            Outcome::Stale => self.ignore(now, id, "stale"),
            Outcome::Discontinuous { state, why } => self.discontinuous(now, id, state, why),
            Outcome::Defer(_) => {
                self.stats.deferred += 1;
                self.defer(now, id);
            }
            Outcome::Reject(rejection) => self.rejected(now, id, &rejection),
        }
    }

    /// The identity cannot be resolved: the event waits in memory, and after
    /// some time in the store.
    pub(super) fn defer(&mut self, now: Instant, id: EntryId) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        if entry.parked.is_some() {
            return self.park_again(now, id, false);
        }
        entry.stage = Stage::Deferred;
        entry.deferrals += 1;
        let (deferrals, since) = (entry.deferrals, *entry.deferred_since.get_or_insert(now));
        let long = now.duration_since(since) >= self.config.park_after;
        if !(long && self.park_lane(now, id, IDENTITY)) {
            let wait = self.stream.backoff.delay(deferrals);
            self.set_timer(id, now + wait);
        }
    }

    /// Begins the work on an event that is the first of its lane.
    pub(super) fn start(&mut self, now: Instant, id: EntryId) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        if entry.event.is_some() {
            return self.make_ready(id);
        }
        if entry.fetched.is_some() {
            return self.finish(now, id);
        }
        if let Some(reason) = entry.invalid.take() {
            return self.invalid(now, id, &reason);
        }
        if entry.labels.is_some() {
            entry.stage = Stage::Verify;
            return self.runnable.push_back(id);
        }
        if !self.config.verify {
            return self.accept(now, id, None);
        }
        let known = entry.did.as_ref().and_then(|did| self.heads.get(did));
        entry.stage = match known {
            Some(head) => {
                entry.head = *head;
                Stage::Verify
            }
            None => Stage::Load,
        };
        self.runnable.push_back(id);
    }

    /// The next step of an event, if it needs the shell.
    pub(super) fn step(&mut self, now: Instant, id: EntryId) -> Option<Action> {
        let entry = self.entries.get_mut(&id)?;
        match entry.stage {
            Stage::Load => {
                entry.stage = Stage::Loading;
                Some(Action::LoadHead { id, did: entry.did.clone()? })
            }
            Stage::Verify if entry.labels.is_some() => {
                entry.stage = Stage::Verifying;
                self.verifying += 1;
                entry.verify_labels(id)
            }
            Stage::Verify => {
                let event = Arc::clone(entry.message.as_ref()?);
                let silent = !entry.head.active && entry.head.gaps == entry.gaps;
                if silent && is_signed(&event) && self.config.scope.is_none() {
                    self.ignore(now, id, "inactive");
                    return None;
                }
                entry.stage = Stage::Verifying;
                self.verifying += 1;
                Some(Action::Verify { id, event, previous: entry.head.state })
            }
            _ => None,
        }
    }

    fn accept(&mut self, now: Instant, id: EntryId, state: Option<RepoState>) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        let Some(message) = entry.message.take().map(Arc::unwrap_or_clone) else { return };
        let unchanged =
            matches!(message, Message::Sync(_)) && state.is_some() && entry.head.state == state;
        let unchanged = unchanged && entry.head.active;
        if self.config.verify {
            let forgets = self.config.scope.is_some();
            entry.head_after = head_after(entry, &message, state, forgets);
        }
        if unchanged {
            return self.ignore(now, id, "sync_unchanged");
        }
        if !self.follow(now, id, &message, state) {
            return;
        }
        // What is known not to be active was ignored before.
        if self.entries.get(&id).is_some_and(|entry| is_signed(&message) && !entry.head.active) {
            return self.repo_gap(id, message, RepoGap::Returned);
        }
        let event = match message {
            Message::Commit(commit) if !self.config.filter.wants(&commit) => {
                return self.ignore(now, id, "filtered");
            }
            message => Event::try_from(message),
        };
        let Ok(event) = event else { return self.ignore(now, id, "info") };
        let Some(entry) = self.entries.get_mut(&id) else { return };
        entry.event = Some(Arc::new(event));
        self.make_ready(id);
    }

    /// Whether a message is to be delivered, as far as following repositories goes.
    fn follow(
        &mut self,
        now: Instant,
        id: EntryId,
        message: &Message,
        state: Option<RepoState>,
    ) -> bool {
        let Some(entry) = self.entries.get(&id) else { return false };
        let (course, did) = (self.course(entry, message), entry.did.clone());
        let rev = state.map(|state| state.rev);
        let (why, fetch) = match course {
            Course::Deliver => return true,
            Course::Ignore(why) => (why, None),
            Course::Fetch(why) | Course::DeliverAndFetch(why) => (AWAITED, Some(why)),
        };
        if let (Some(fetch), Some(did)) = (fetch, did) {
            self.want(now, &did, rev, fetch);
        }
        if matches!(course, Course::DeliverAndFetch(_)) {
            return true;
        }
        if let Some(entry) = self.entries.get_mut(&id) {
            // The head is that of what was told.
            entry.head_after = None;
        }
        self.ignore(now, id, why);
        false
    }

    /// Something is missing from a repository: it is to be fetched, where repositories are
    /// followed. False if they are not.
    fn fetch(&mut self, now: Instant, id: EntryId, rev: Option<Tid>, why: &'static str) -> bool {
        let Some(scope) = &self.config.scope else { return false };
        let Some(entry) = self.entries.get(&id) else { return false };
        let is_followed = entry.head.state.is_some() || scope.signals().is_none();
        if let (true, Some(did)) = (is_followed, entry.did.clone()) {
            self.want(now, &did, rev, why);
        }
        self.ignore(now, id, if is_followed { AWAITED } else { UNTRACKED });
        true
    }

    fn discontinuous(&mut self, now: Instant, id: EntryId, state: RepoState, why: Discontinuity) {
        if self.fetch(now, id, Some(state.rev), "discontinuous") {
            return;
        }
        let Some(entry) = self.entries.get_mut(&id) else { return };
        let Some(message) = entry.message.take().map(Arc::unwrap_or_clone) else { return };
        entry.head_after = Some(Head { state: Some(state), active: true, ..entry.head });
        let why = if entry.head.active { RepoGap::Discontinuous(why) } else { RepoGap::Returned };
        self.repo_gap(id, message, why);
    }

    /// A true message shows that the repository has to be fetched.
    fn repo_gap(&mut self, id: EntryId, message: Message, why: RepoGap) {
        let event = match (message, why) {
            (Message::Commit(commit), why) => {
                let did = commit.repo.clone();
                let commit = Some(Box::new(Commit::of_message(commit)));
                Event::Gap(Gap::Repo { did, why, commit })
            }
            (Message::Sync(sync), RepoGap::Returned) => {
                Event::Gap(Gap::Repo { did: sync.did, why, commit: None })
            }
            (Message::Sync(sync), _) => Event::Sync(sync),
            // Other kinds have no state to be held against.
            _ => return,
        };
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.event = Some(Arc::new(event));
            count(&mut self.stats.gaps, "repo");
            self.make_ready(id);
        }
    }

    fn rejected(&mut self, now: Instant, id: EntryId, rejection: &Rejection) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        let (label, did) = (rejection.label(), entry.did.clone());
        let (seq, frame) = (entry.number, entry.frame.clone());
        let lost = match rejection {
            Rejection::Violation(violation) => violation.desynchronizes(),
            _ => false,
        };
        if let (true, Some(did)) = (lost, did.clone()) {
            let why = RepoGap::Violation(label);
            entry.event = Some(Arc::new(Event::Gap(Gap::Repo { did, why, commit: None })));
        }
        self.reject(seq, did, label, &rejection.to_string(), frame);
        if lost && self.fetch(now, id, None, label) {
            return;
        }
        if lost {
            count(&mut self.stats.gaps, "repo");
            self.make_ready(id);
        } else {
            self.finish(now, id);
        }
    }

    /// A message without the form it should have: its content is missing from
    /// the account.
    fn invalid(&mut self, now: Instant, id: EntryId, reason: &str) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        let (seq, did, frame) = (entry.number, entry.did.clone(), entry.frame.clone());
        if let Some(did) = did.clone() {
            let why = RepoGap::Violation(INVALID);
            entry.event = Some(Arc::new(Event::Gap(Gap::Repo { did, why, commit: None })));
        }
        self.reject(seq, did, INVALID, reason, frame);
        if self.fetch(now, id, None, INVALID) {
            return;
        }
        count(&mut self.stats.gaps, "repo");
        self.make_ready(id);
    }

    /// Settles an event that needs nothing.
    fn ignore(&mut self, now: Instant, id: EntryId, why: &'static str) {
        count(&mut self.stats.ignored, why);
        self.finish(now, id);
    }

    pub(super) fn make_ready(&mut self, id: EntryId) {
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.stage = Stage::Ready;
            self.ready.push_back(id);
        }
    }
}

/// What is known of the account after a message that was accepted. Who follows repositories
/// `forgets` those of accounts that are deleted.
fn head_after(
    entry: &Entry,
    message: &Message,
    state: Option<RepoState>,
    forgets: bool,
) -> Option<Head> {
    match message {
        Message::Account(account) => {
            let state = entry.head.state.filter(|_| !(forgets && is_deleted(account)));
            // Nobody knows what was missed since it was parked.
            let gaps = if entry.parked.is_some() { 0 } else { entry.gaps };
            Some(Head { state, active: account.active, gaps })
        }
        // It speaks, so that it is active.
        _ => state.map(|state| Head { state: Some(state), active: true, ..entry.head }),
    }
}

/// Whether a message is of the repository itself.
fn is_signed(message: &Message) -> bool {
    matches!(message, Message::Commit(_) | Message::Sync(_))
}

/// The repository is going to be fetched, and has this in it.
const AWAITED: &str = "awaits_fetch";

/// Of a repository that is not followed.
pub(super) const UNTRACKED: &str = "untracked";
