use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use atproto_core::syntax::{Datetime, Did, Uri};
use atproto_lexicons::com::atproto::label::defs::Label;
use futures::FutureExt;
use futures::future::ready;

use super::LabelStore;
use crate::label::{is_active, supersedes};
use crate::state::Stored;

/// Labels in memory, some 500 bytes each. They are gone with the process: its consumer begins with
/// [`Start::Oldest`](crate::intake::Start::Oldest) each time.
#[derive(Debug, Default)]
pub struct MemoryLabels {
    subjects: Mutex<Subjects>,
}

/// By subject, then by source and value.
type Subjects = BTreeMap<Uri, BTreeMap<(Did, String), Label>>;

impl MemoryLabels {
    /// No labels.
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, Subjects> {
        // Nothing panics between two changes that belong together.
        self.subjects.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LabelStore for MemoryLabels {
    fn apply<'a>(&'a self, labels: &'a [Label]) -> Stored<'a, usize> {
        let mut subjects = self.lock();
        let mut taken = 0;
        for label in labels {
            let said = subjects.entry(label.uri.clone()).or_default();
            let key = (label.src.clone(), label.val.clone());
            if said.get(&key).is_none_or(|known| supersedes(label, known)) {
                said.insert(key, label.clone());
                taken += 1;
            }
        }
        ready(Ok(taken)).boxed()
    }

    fn in_force<'a>(&'a self, uri: &'a Uri, now: &'a Datetime) -> Stored<'a, Vec<Label>> {
        let subjects = self.lock();
        let said = subjects.get(uri).into_iter().flat_map(BTreeMap::values);
        let active = said.filter(|label| is_active(label, now)).cloned().collect();
        ready(Ok(active)).boxed()
    }
}
