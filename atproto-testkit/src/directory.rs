//! Identities without a network.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use atproto_core::{
    identity::{DidDocument, ResolveError, Resolver},
    syntax::{Did, Handle},
};
use futures::future::BoxFuture;

/// Documents by DID and DIDs by handle. Clones share them.
#[derive(Clone, Default)]
pub struct Directory(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    documents: HashMap<Did, Arc<DidDocument>>,
    handles: HashMap<Handle, Did>,
    unreachable: HashSet<Did>,
    resolutions: u64,
    purges: u64,
}

impl Directory {
    /// Makes an identity known, or changes it. Its handle resolves to it.
    pub fn insert(&self, document: DidDocument) {
        let mut state = self.lock();
        if let Some(handle) = document.handle() {
            state.handles.insert(handle, document.id.clone());
        }
        state.documents.insert(document.id.clone(), Arc::new(document));
    }

    /// Makes an identity unknown.
    pub fn remove(&self, did: &Did) {
        self.lock().documents.remove(did);
    }

    /// Makes lookups of a DID fail as an outage does, or lets them succeed again.
    pub fn set_reachable(&self, did: &Did, reachable: bool) {
        let mut state = self.lock();
        if reachable {
            state.unreachable.remove(did);
        } else {
            state.unreachable.insert(did.clone());
        }
    }

    /// How many DIDs have been looked up.
    pub fn resolutions(&self) -> u64 {
        self.lock().resolutions
    }

    /// How many times somebody asked to forget a DID.
    pub fn purges(&self) -> u64 {
        self.lock().purges
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn document(&self, did: &Did) -> Result<Arc<DidDocument>, ResolveError> {
        let mut state = self.lock();
        state.resolutions += 1;
        if state.unreachable.contains(did) {
            let source = Arc::new(std::io::Error::other("the directory is out of reach"));
            return Err(ResolveError::Unavailable(source));
        }
        let found = state.documents.get(did).cloned();
        found.ok_or_else(|| ResolveError::NotFound(did.to_string()))
    }
}

impl Resolver for Directory {
    fn did<'a>(&'a self, did: &'a Did) -> BoxFuture<'a, Result<Arc<DidDocument>, ResolveError>> {
        Box::pin(async move { self.document(did) })
    }

    fn handle<'a>(&'a self, handle: &'a Handle) -> BoxFuture<'a, Result<Did, ResolveError>> {
        let found = self.lock().handles.get(handle).cloned();
        let missing = || ResolveError::NotFound(handle.to_string());
        Box::pin(async move { found.ok_or_else(missing) })
    }

    fn purge(&self, _did: &Did) {
        self.lock().purges += 1;
    }
}
