use std::{collections::HashMap, sync::Arc, time::Duration};

use atproto_core::{
    identity::{DidDocument, ResolveError, Resolver},
    syntax::{Did, Handle},
};
use futures::future::BoxFuture;
use tokio::time::Instant;

use super::shared::Shared;

/// How long a look-up takes.
const LATENCY: Duration = Duration::from_millis(15);
/// How long an outage keeps somebody waiting before the look-up fails.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long an answer is remembered.
const MEMORY: Duration = Duration::from_secs(3_600);

/// The directory of a simulated network, behind a resolver that remembers answers for an hour
/// or until it is told to forget them.
#[derive(Clone)]
pub struct Plc(pub(super) Arc<Shared>);

/// The documents, and what the resolver remembers of them.
#[derive(Default)]
pub(super) struct Documents {
    current: HashMap<Did, Arc<DidDocument>>,
    handles: HashMap<Handle, Did>,
    remembered: HashMap<Did, (Instant, Arc<DidDocument>)>,
}

impl Documents {
    pub(super) fn insert(&mut self, document: DidDocument) {
        if let Some(handle) = document.handle() {
            self.handles.insert(handle, document.id.clone());
        }
        self.current.insert(document.id.clone(), Arc::new(document));
    }

    fn remembered(&self, did: &Did) -> Option<Arc<DidDocument>> {
        let (since, document) = self.remembered.get(did)?;
        (since.elapsed() < MEMORY).then(|| Arc::clone(document))
    }

    fn look_up(&mut self, did: &Did) -> Result<Arc<DidDocument>, ResolveError> {
        let found = self.current.get(did).cloned();
        let document = found.ok_or_else(|| ResolveError::NotFound(did.to_string()))?;
        self.remembered.insert(did.clone(), (Instant::now(), Arc::clone(&document)));
        Ok(document)
    }
}

impl Plc {
    async fn ask(&self) -> Result<(), ResolveError> {
        if self.0.world().directory_is_down() {
            tokio::time::sleep(PATIENCE).await;
            let cause = std::io::Error::other("the directory is out of reach");
            return Err(ResolveError::Unavailable(Arc::new(cause)));
        }
        tokio::time::sleep(LATENCY).await;
        Ok(())
    }
}

impl Resolver for Plc {
    fn did<'a>(&'a self, did: &'a Did) -> BoxFuture<'a, Result<Arc<DidDocument>, ResolveError>> {
        Box::pin(async move {
            let remembered = self.0.world().documents.remembered(did);
            if let Some(document) = remembered {
                return Ok(document);
            }
            self.ask().await?;
            self.0.world().documents.look_up(did)
        })
    }

    fn handle<'a>(&'a self, handle: &'a Handle) -> BoxFuture<'a, Result<Did, ResolveError>> {
        Box::pin(async move {
            self.ask().await?;
            let found = self.0.world().documents.handles.get(handle).cloned();
            found.ok_or_else(|| ResolveError::NotFound(handle.to_string()))
        })
    }

    fn purge(&self, did: &Did) {
        self.0.world().documents.remembered.remove(did);
    }
}
