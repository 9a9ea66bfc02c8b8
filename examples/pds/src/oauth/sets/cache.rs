use std::{collections::HashMap, sync::Arc};

use atproto_core::{lexicon::PermissionSet, syntax::Nsid};

/// How long a set is used before it is looked for again: a day, as the permission specification
/// says.
const FRESH_SECONDS: u64 = 24 * 3600;
/// How long a set stands in for one that cannot be had: 90 days, as the specification says.
const STALE_SECONDS: u64 = 90 * 24 * 3600;
/// How long one that could not be had is not asked for again. Ours.
const RETRY_SECONDS: u64 = 60;
/// Sets that are remembered. Ours: some megabytes.
const CAPACITY: usize = 1_000;

/// What is known of permission sets, at times in Unix seconds.
#[derive(Debug, Default)]
pub(super) struct Cache(HashMap<Nsid, Known>);

#[derive(Debug, Clone)]
struct Known {
    set: Option<Arc<PermissionSet>>,
    found: u64,
    asked: u64,
}

impl Cache {
    /// What is known, so that nobody has to be asked: perhaps that there is no such set.
    pub(super) fn get(&self, name: &Nsid, now: u64) -> Option<Option<Arc<PermissionSet>>> {
        self.0.get(name).filter(|known| known.is_fresh(now)).map(|known| known.set.clone())
    }

    /// Notes what was found; gives it back.
    pub(super) fn found(
        &mut self,
        name: &Nsid,
        set: Option<Arc<PermissionSet>>,
        now: u64,
    ) -> Option<Arc<PermissionSet>> {
        self.keep(name, Known { set: set.clone(), found: now, asked: now }, now);
        set
    }

    /// Notes that nothing could be found out; gives what was known before, if it is not too old.
    pub(super) fn failed(&mut self, name: &Nsid, now: u64) -> Option<Arc<PermissionSet>> {
        let before = self.0.get(name).filter(|known| now < known.found + STALE_SECONDS);
        let (set, found) = before.map_or((None, now), |known| (known.set.clone(), known.found));
        self.keep(name, Known { set: set.clone(), found, asked: now }, now);
        set
    }

    fn keep(&mut self, name: &Nsid, known: Known, now: u64) {
        if self.0.len() >= CAPACITY {
            self.0.retain(|_, known| known.is_fresh(now));
        }
        if self.0.len() >= CAPACITY {
            self.0.clear();
        }
        self.0.insert(name.clone(), known);
    }
}

impl Known {
    fn is_fresh(&self, now: u64) -> bool {
        let lifetime = if self.set.is_some() { FRESH_SECONDS } else { RETRY_SECONDS };
        now < self.found + lifetime || now < self.asked + RETRY_SECONDS
    }
}

#[cfg(test)]
mod tests {
    use atproto_core::lexicon::{Definition, Document};

    use super::*;

    #[test]
    fn pm_012_a_set_is_fresh_for_a_day_and_stands_in_for_90() {
        let (mut cache, name) = (Cache::default(), Nsid::new("com.example.set").unwrap());
        let (other, start) = (Nsid::new("com.example.other").unwrap(), 1_790_000_000);
        let document = serde_json::json!({
            "lexicon": 1,
            "id": "com.example.set",
            "defs": { "main": { "type": "permission-set", "permissions": [] } },
        });
        let document = Document::from_json(document.to_string().as_bytes()).unwrap();
        let Some(Definition::PermissionSet(set)) = document.definition("main") else {
            panic!("{document:?}")
        };
        let set = Arc::new(set.clone());
        assert_eq!(cache.get(&name, start), None);
        cache.found(&name, Some(Arc::clone(&set)), start);
        assert_eq!(cache.get(&name, start + FRESH_SECONDS - 1), Some(Some(Arc::clone(&set))));
        assert_eq!(cache.get(&name, start + FRESH_SECONDS), None, "it is looked for again");
        let last = start + STALE_SECONDS - 1;
        assert_eq!(cache.failed(&name, last), Some(Arc::clone(&set)));
        assert_eq!(cache.get(&name, last + RETRY_SECONDS - 1), Some(Some(set)));
        assert_eq!(cache.get(&name, last + RETRY_SECONDS), None);
        assert_eq!(cache.failed(&name, last + RETRY_SECONDS), None, "it is too old");
        assert_eq!(cache.failed(&other, start), None);
        assert_eq!(cache.get(&other, start + RETRY_SECONDS - 1), Some(None));
        assert_eq!(cache.get(&other, start + RETRY_SECONDS), None);
    }
}
