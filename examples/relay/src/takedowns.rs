//! What the operator has taken down is withheld, also from replays.

use std::collections::HashSet;
use std::sync::{PoisonError, RwLock};

use atproto_core::syntax::Did;
use atproto_firehose::log::Record;
use atproto_firehose::producer::Mask;

use crate::change::withheld_did;

/// The accounts that were taken down.
#[derive(Debug, Default)]
pub(crate) struct Takedowns(RwLock<HashSet<Did>>);

impl Takedowns {
    pub(crate) fn new(dids: impl IntoIterator<Item = Did>) -> Self {
        Self(RwLock::new(dids.into_iter().collect()))
    }

    pub(crate) fn set(&self, did: &Did, on: bool) {
        let mut dids = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if on {
            dids.insert(did.clone());
        } else {
            dids.remove(did);
        }
    }
}

impl Mask for Takedowns {
    fn hides(&self, record: &Record) -> bool {
        let dids = self.0.read().unwrap_or_else(PoisonError::into_inner);
        // Nearly always there are none, and then the key need not be read.
        !dids.is_empty() && withheld_did(&record.key).is_some_and(|did| dids.contains(did))
    }
}
