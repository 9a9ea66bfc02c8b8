//! Handles, looked up and verified in the background.
//!
//! Indexing never waits for the network: an account appears with `handle.invalid` until its
//! handle has been proven in both directions, and again whenever its identity changes.

use std::{sync::Arc, time::Duration};

use atproto_core::{
    identity::{Resolver, verified_handle},
    syntax::Did,
};
use futures::{StreamExt, stream};
use service_kit::Shutdown;
use tokio::sync::Notify;

use crate::{query::actor, store::Store};

/// Shown where no handle is proven.
pub(crate) const INVALID: &str = "handle.invalid";
/// Identities looked up at one time.
const CONCURRENCY: usize = 16;
/// Identities taken from the store at one time.
const BATCH: usize = 256;
/// After failures, and to notice what another process marked.
const PAUSE: Duration = Duration::from_secs(5);

/// Keeps the handles of the store's actors current.
pub(crate) struct Identities {
    pub(crate) store: Store,
    pub(crate) resolver: Arc<dyn Resolver>,
    /// Told when there are new stale actors.
    pub(crate) wake: Arc<Notify>,
}

impl Identities {
    /// Works until shutdown is requested.
    pub(crate) async fn run(self, shutdown: Shutdown) {
        loop {
            let progress = self.round().await.unwrap_or_else(|error| {
                tracing::warn!(error.message = %error, "identities could not be stored");
                false
            });
            if progress {
                continue;
            }
            tokio::select! {
                () = shutdown.requested() => return,
                () = self.wake.notified() => {}
                () = tokio::time::sleep(PAUSE) => {}
            }
        }
    }

    /// Looks up one batch; says whether any of it was settled.
    async fn round(&self) -> anyhow::Result<bool> {
        let stale = self.store.read(|tx| Ok(actor::stale(tx, BATCH)?)).await?;
        let lookups = stale.into_iter().map(|did| self.look_up(did));
        let found: Vec<_> = stream::iter(lookups)
            .buffer_unordered(CONCURRENCY)
            .filter_map(std::future::ready)
            .collect()
            .await;
        if found.is_empty() {
            return Ok(false);
        }
        self.store
            .write(move |tx| {
                for (did, handle) in &found {
                    actor::set_handle(tx, did, handle)?;
                }
                Ok(true)
            })
            .await
    }

    /// The proven handle of a DID, or `handle.invalid`; nothing while the network has no answer.
    async fn look_up(&self, text: String) -> Option<(String, String)> {
        let did = Did::new(&text).ok()?;
        self.resolver.purge(&did);
        match self.resolver.did(&did).await {
            Ok(document) => {
                let handle = verified_handle(&*self.resolver, &document).await;
                let handle = handle.map_or_else(|| INVALID.to_owned(), |handle| handle.to_string());
                Some((text, handle))
            }
            Err(error) if error.is_transient() => {
                tracing::debug!(%did, error.message = %error, "identity not found yet");
                None
            }
            Err(_) => Some((text, INVALID.to_owned())),
        }
    }
}
