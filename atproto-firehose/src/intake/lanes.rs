use std::collections::{HashMap, VecDeque};

use atproto_core::syntax::Did;

use super::action::EntryId;

/// The order of events within each account. Only the first of a lane is worked
/// on. A lane exists while it has events, so none leaks.
#[derive(Debug, Default)]
pub(crate) struct Lanes {
    lanes: HashMap<Did, Lane>,
}

#[derive(Debug, Default)]
struct Lane {
    /// In memory.
    held: VecDeque<EntryId>,
    /// What those cost.
    bytes: usize,
    /// Behind them, in the spool.
    spooled: VecDeque<EntryId>,
}

impl Lanes {
    /// Adds an event that is in memory; true if it is the first of its lane.
    pub(crate) fn push(&mut self, did: &Did, id: EntryId, cost: usize) -> bool {
        let lane = match self.lanes.get_mut(did) {
            Some(lane) => lane,
            None => self.lanes.entry(did.clone()).or_default(),
        };
        lane.held.push_back(id);
        lane.bytes += cost;
        lane.held.len() == 1
    }

    /// Removes the first event of a lane and returns the next in memory.
    pub(crate) fn pop(&mut self, did: &Did, cost: usize) -> Option<EntryId> {
        let lane = self.lanes.get_mut(did)?;
        lane.held.pop_front();
        lane.bytes -= cost;
        let next = lane.held.front().copied();
        self.remove_if_empty(did);
        next
    }

    /// Removes all events in memory.
    pub(crate) fn take_held(&mut self, did: &Did) -> VecDeque<EntryId> {
        let Some(lane) = self.lanes.get_mut(did) else { return VecDeque::new() };
        lane.bytes = 0;
        let held = std::mem::take(&mut lane.held);
        self.remove_if_empty(did);
        held
    }

    /// Adds an event that is in the spool.
    pub(crate) fn push_spooled(&mut self, did: &Did, id: EntryId) {
        self.lanes.entry(did.clone()).or_default().spooled.push_back(id);
    }

    /// The first event of an account in the spool.
    pub(crate) fn first_spooled(&self, did: &Did) -> Option<EntryId> {
        self.lanes.get(did)?.spooled.front().copied()
    }

    /// Removes the first event in the spool; it comes to memory.
    pub(crate) fn pop_spooled(&mut self, did: &Did) {
        if let Some(lane) = self.lanes.get_mut(did) {
            lane.spooled.pop_front();
            self.remove_if_empty(did);
        }
    }

    /// Removes an event in the spool and all behind it.
    pub(crate) fn cut_spooled(&mut self, did: &Did, from: EntryId) -> VecDeque<EntryId> {
        let Some(lane) = self.lanes.get_mut(did) else { return VecDeque::new() };
        let kept = lane.spooled.iter().take_while(|id| **id != from).count();
        let cut = lane.spooled.split_off(kept);
        self.remove_if_empty(did);
        cut
    }

    /// What an account's events in memory cost.
    pub(crate) fn bytes(&self, did: &Did) -> usize {
        self.lanes.get(did).map_or(0, |lane| lane.bytes)
    }

    /// Whether an account has no events, in memory or in the spool.
    pub(crate) fn is_empty(&self, did: &Did) -> bool {
        !self.lanes.contains_key(did)
    }

    pub(crate) fn len(&self) -> usize {
        self.lanes.len()
    }

    fn remove_if_empty(&mut self, did: &Did) {
        if self.lanes.get(did).is_some_and(|lane| lane.held.is_empty() && lane.spooled.is_empty()) {
            self.lanes.remove(did);
        }
    }
}
