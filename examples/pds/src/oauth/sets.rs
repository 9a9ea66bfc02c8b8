//! Permission sets: those of the lexicons that the server has, and those of the network.

mod cache;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

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

use cache::Cache;

/// Finds permission sets.
pub(super) struct Sets {
    catalog: Arc<Catalog>,
    network: LexiconResolver,
    cache: Mutex<Cache>,
}

impl Sets {
    pub(super) fn new(config: &Config, catalog: Arc<Catalog>) -> anyhow::Result<Self> {
        let network = LexiconResolver::new(HttpResolver::new(identity::resolver_config(config))?);
        Ok(Self { catalog, network, cache: Mutex::default() })
    }

    async fn resolve(&self, name: &Nsid) -> Option<Arc<PermissionSet>> {
        if let Some(set) = self.catalog.get(name).and_then(of_document) {
            return Some(Arc::new(set));
        }
        let now = now();
        if let Some(known) = self.cache().get(name, now) {
            return known;
        }
        match self.network.resolve(name).await {
            Ok(published) => {
                let set = of_document(&published.document).map(Arc::new);
                self.cache().found(name, set, now)
            }
            Err(error) => {
                tracing::info!(set = %name, %error, "a permission set could not be resolved");
                self.cache().failed(name, now)
            }
        }
    }

    fn cache(&self) -> MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
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
