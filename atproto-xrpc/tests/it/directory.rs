//! A resolver that knows a few documents by heart.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use atproto_core::{
    crypto::{SecretKey, Signer},
    identity::{DidDocument, ResolveError, Resolver},
    syntax::{Did, Handle},
};
use futures::future::{BoxFuture, FutureExt};

#[derive(Default)]
pub(crate) struct Directory {
    /// What a cache would answer, and what the network says.
    cached: Mutex<HashMap<Did, DidDocument>>,
    current: Mutex<HashMap<Did, DidDocument>>,
    pub(crate) purges: Mutex<Vec<Did>>,
    /// Where handles point to, whatever the documents say.
    handles: Mutex<HashMap<Handle, Did>>,
}

impl Directory {
    pub(crate) fn with(documents: impl IntoIterator<Item = DidDocument>) -> Arc<Self> {
        let directory = Self::default();
        documents.into_iter().for_each(|document| directory.publish(document));
        Arc::new(directory)
    }

    /// What the network says from now on; caches do not know yet.
    pub(crate) fn publish(&self, document: DidDocument) {
        let known = self.current.lock().unwrap().insert(document.id.clone(), document.clone());
        if known.is_none() {
            self.cached.lock().unwrap().insert(document.id.clone(), document);
        }
    }
}

impl Directory {
    /// Lets a handle point to a DID.
    pub(crate) fn point(&self, handle: &str, did: &Did) {
        self.handles.lock().unwrap().insert(Handle::new(handle).unwrap(), did.clone());
    }
}

impl Resolver for Directory {
    fn did<'a>(&'a self, did: &'a Did) -> BoxFuture<'a, Result<Arc<DidDocument>, ResolveError>> {
        let mut cached = self.cached.lock().unwrap();
        if !cached.contains_key(did)
            && let Some(document) = self.current.lock().unwrap().get(did)
        {
            cached.insert(did.clone(), document.clone());
        }
        let found = cached.get(did).cloned().map(Arc::new);
        let found = found.ok_or_else(|| ResolveError::NotFound(did.to_string()));
        async { found }.boxed()
    }

    fn handle<'a>(&'a self, handle: &'a Handle) -> BoxFuture<'a, Result<Did, ResolveError>> {
        let found = self.handles.lock().unwrap().get(handle).cloned();
        let found = found.ok_or_else(|| ResolveError::NotFound(handle.to_string()));
        async { found }.boxed()
    }

    fn purge(&self, did: &Did) {
        self.purges.lock().unwrap().push(did.clone());
        self.cached.lock().unwrap().remove(did);
    }
}

pub(crate) fn did(text: &str) -> Did {
    Did::new(text).unwrap()
}

pub(crate) fn alice() -> Did {
    did("did:web:alice.example")
}

/// An account's document with a signing key.
pub(crate) fn account(id: &Did, key: &SecretKey) -> DidDocument {
    DidDocument::new(id.clone()).with_key("atproto", &Signer::public_key(key))
}
