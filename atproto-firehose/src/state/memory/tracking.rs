use std::collections::{BTreeMap, BTreeSet, HashMap};

use atproto_core::syntax::{Cid, Did};
use atproto_repo::RepoPath;
use futures::{FutureExt, future::ready};

use super::MemoryState;
use crate::checkpoint::{Due, GAP, Head, Known, TrackingDelta, Wanted};
use crate::state::{Counts, Listing, Postponed, Stored, TrackingStore, Want};

/// What is kept for a tracker.
#[derive(Debug, Default)]
pub(super) struct Tracking {
    known: HashMap<Did, BTreeMap<RepoPath, Cid>>,
    wanted: BTreeMap<Did, Waiting>,
    listings: BTreeMap<String, Listing>,
    tokens: u64,
}

#[derive(Debug)]
struct Waiting {
    due: Due,
    at: i64,
    error: Option<String>,
}

impl Tracking {
    pub(super) fn save(&mut self, heads: &HashMap<Did, Head>, delta: &TrackingDelta) {
        for known in &delta.known {
            match known {
                Known::Record { did, path, cid: Some(cid) } => {
                    let records = self.known.entry(did.clone()).or_default();
                    records.insert(path.clone(), *cid);
                }
                Known::Record { did, path, cid: None } => {
                    self.known.get_mut(did).map(|records| records.remove(path));
                }
                Known::Nothing { did } => drop(self.known.remove(did)),
            }
        }
        for (did, token) in &delta.fetched {
            if self.wanted.get(did).is_some_and(|waiting| waiting.due.token == *token) {
                self.wanted.remove(did);
            }
        }
        if delta.all_wanted {
            let all = heads.iter().filter(|(_, head)| head.state.is_some());
            for wanted in all.map(|(did, _)| Wanted::new(did.clone(), GAP)).collect::<Vec<_>>() {
                self.want(wanted);
            }
        }
        delta.wanted.iter().cloned().for_each(|wanted| self.want(wanted));
    }

    fn want(&mut self, mut wanted: Wanted) {
        self.tokens += 1;
        if let Some(before) = self.wanted.get(&wanted.did) {
            let before = &before.due.wanted;
            wanted.rev = wanted.rev.max(before.rev);
            wanted.host = wanted.host.or_else(|| before.host.clone());
            if wanted.reason == GAP {
                wanted.reason = before.reason.clone();
            }
        }
        let did = wanted.did.clone();
        let due = Due::new(wanted, self.tokens, 0);
        self.wanted.insert(did, Waiting { due, at: 0, error: None });
    }
}

impl TrackingStore for MemoryState {
    fn known<'a>(
        &'a self,
        did: &'a Did,
        after: Option<&'a RepoPath>,
        max: usize,
    ) -> Stored<'a, Vec<(RepoPath, Cid)>> {
        let inner = self.lock();
        let records = inner.tracking.known.get(did).into_iter().flatten();
        let behind = records.filter(|(path, _)| after.is_none_or(|after| *path > after));
        let found = behind.take(max).map(|(path, cid)| (path.clone(), *cid)).collect();
        ready(Ok(found)).boxed()
    }

    fn want(&self, wanted: Vec<Wanted>, which: Want, read: Option<Listing>) -> Stored<'_, ()> {
        let inner = &mut *self.lock();
        for one in wanted {
            let has_head = inner.heads.get(&one.did).is_some_and(|head| head.state.is_some());
            let is_known = has_head || inner.tracking.wanted.contains_key(&one.did);
            if which == Want::All || !is_known {
                inner.tracking.want(one);
            }
        }
        if let Some(listing) = read {
            inner.tracking.listings.insert(listing.name.clone(), listing);
        }
        ready(Ok(())).boxed()
    }

    fn due(&self, now: i64, max: usize, except: BTreeSet<String>) -> Stored<'_, Vec<Due>> {
        let inner = self.lock();
        let elsewhere = |waiting: &&Waiting| {
            waiting.due.wanted.host.as_ref().is_none_or(|host| !except.contains(host))
        };
        let waiting = inner.tracking.wanted.values();
        let mut due: Vec<_> = waiting.filter(|one| one.at <= now).filter(elsewhere).collect();
        due.sort_by_key(|waiting| (waiting.at, waiting.due.token));
        let due = due.into_iter().take(max).map(|waiting| waiting.due.clone()).collect();
        ready(Ok(due)).boxed()
    }

    fn postpone(&self, postponed: Vec<Postponed>) -> Stored<'_, ()> {
        let mut inner = self.lock();
        for one in postponed {
            let Some(waiting) = inner.tracking.wanted.get_mut(&one.did) else { continue };
            if waiting.due.token == one.token {
                (waiting.at, waiting.error) = (one.at, one.error);
                waiting.due.attempts = one.attempts;
                waiting.due.wanted.host = one.host;
            }
        }
        ready(Ok(())).boxed()
    }

    fn listings(&self) -> Stored<'_, Vec<Listing>> {
        ready(Ok(self.lock().tracking.listings.values().cloned().collect())).boxed()
    }

    fn counts(&self) -> Stored<'_, Counts> {
        let inner = self.lock();
        let tracked = inner.heads.values().filter(|head| head.state.is_some()).count();
        let waiting = || inner.tracking.wanted.values();
        let failing = waiting().filter(|waiting| waiting.error.is_some()).count();
        let counts = Counts::new(tracked as u64, waiting().count() as u64, failing as u64);
        ready(Ok(counts)).boxed()
    }
}
