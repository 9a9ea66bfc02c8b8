use std::collections::{HashMap, VecDeque};

use atproto_core::syntax::Did;

use super::action::EntryId;

/// The order of events within each account. Only the first of a lane is worked
/// on. A lane exists while it has events, so none leaks.
#[derive(Debug, Default)]
pub(crate) struct Lanes {
    lanes: HashMap<Did, VecDeque<EntryId>>,
}

impl Lanes {
    /// Adds an event; true if it is the first of its lane.
    pub(crate) fn push(&mut self, did: &Did, id: EntryId) -> bool {
        match self.lanes.get_mut(did) {
            Some(lane) => {
                lane.push_back(id);
                false
            }
            None => {
                self.lanes.insert(did.clone(), VecDeque::from([id]));
                true
            }
        }
    }

    /// Removes the first event of a lane and returns the next.
    pub(crate) fn pop(&mut self, did: &Did) -> Option<EntryId> {
        let lane = self.lanes.get_mut(did)?;
        lane.pop_front();
        let next = lane.front().copied();
        if next.is_none() {
            self.lanes.remove(did);
        }
        next
    }

    pub(crate) fn len(&self) -> usize {
        self.lanes.len()
    }
}
