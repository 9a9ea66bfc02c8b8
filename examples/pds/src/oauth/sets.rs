//! Permission sets: those of the lexicons that the server has, and those of the network.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use atproto_core::{
    identity::HttpResolver,
    lexicon::{Catalog, Definition, Document, PermissionSet},
    syntax::Nsid,
};
use atproto_lexgen::resolve::LexiconResolver;
use atproto_xrpc::oauth::authorization_server::PermissionSets;
use futures::future::BoxFuture;

use super::now;
use crate::{config::Config, identity};

/// How long a set is used before it is looked for again: a day, as the specification says.
const FRESH_SECONDS: u64 = 24 * 3600;
/// How long a set stands in for one that cannot be had: 90 days, as the specification says.
const STALE_SECONDS: u64 = 90 * 24 * 3600;
/// How long one that could not be had is not asked for again. Ours.
const RETRY_SECONDS: u64 = 60;
/// Sets that are remembered. Ours: some megabytes.
const CAPACITY: usize = 1_000;

/// Finds permission sets.
pub(super) struct Sets {
    catalog: Arc<Catalog>,
    network: LexiconResolver,
    known: Mutex<HashMap<Nsid, Known>>,
}

#[derive(Clone)]
struct Known {
    set: Option<Arc<PermissionSet>>,
    found: u64,
    asked: u64,
}

impl Known {
    fn is_fresh(&self, now: u64) -> bool {
        let lifetime = if self.set.is_some() { FRESH_SECONDS } else { RETRY_SECONDS };
        now < self.found.saturating_add(lifetime) || now < self.asked.saturating_add(RETRY_SECONDS)
    }
}

impl Sets {
    pub(super) fn new(config: &Config, catalog: Arc<Catalog>) -> anyhow::Result<Self> {
        let network = LexiconResolver::new(HttpResolver::new(identity::resolver_config(config))?);
        Ok(Self { catalog, network, known: Mutex::default() })
    }

    async fn resolve(&self, name: &Nsid) -> Option<Arc<PermissionSet>> {
        if let Some(set) = self.catalog.get(name).and_then(of_document) {
            return Some(Arc::new(set));
        }
        let now = now();
        let before = self.known().get(name).cloned();
        if let Some(known) = before.as_ref().filter(|known| known.is_fresh(now)) {
            return known.set.clone();
        }
        let known = match self.network.resolve(name).await {
            Ok(published) => {
                let set = of_document(&published.document).map(Arc::new);
                Known { set, found: now, asked: now }
            }
            Err(error) => {
                tracing::info!(set = %name, %error, "a permission set could not be resolved");
                let stale = before.filter(|known| now < known.found.saturating_add(STALE_SECONDS));
                let (set, found) = stale.map_or((None, now), |known| (known.set, known.found));
                Known { set, found, asked: now }
            }
        };
        let set = known.set.clone();
        self.keep(name, known, now);
        set
    }

    fn keep(&self, name: &Nsid, known: Known, now: u64) {
        let mut all = self.known();
        if all.len() >= CAPACITY {
            all.retain(|_, known| known.is_fresh(now));
        }
        if all.len() >= CAPACITY {
            all.clear();
        }
        all.insert(name.clone(), known);
    }

    fn known(&self) -> std::sync::MutexGuard<'_, HashMap<Nsid, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PermissionSets for Sets {
    fn find<'a>(&'a self, set: &'a Nsid) -> BoxFuture<'a, Option<Arc<PermissionSet>>> {
        Box::pin(self.resolve(set))
    }
}

fn of_document(document: &Document) -> Option<PermissionSet> {
    match document.definition("main")? {
        Definition::PermissionSet(set) => Some(set.clone()),
        _ => None,
    }
}
