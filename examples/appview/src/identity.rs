//! Handles, looked up and verified in the background.
//!
//! Indexing never waits for the network: an account appears with `handle.invalid` until its
//! handle has been proven in both directions, and again whenever its identity changes.

use std::{sync::Arc, time::Duration};

use atproto_core::{
    identity::{Resolver, resolver::displayed_handle},
    syntax::Did,
};
use futures::{StreamExt, stream};
use service_kit::Shutdown;
use tokio::sync::Notify;

use crate::{
    query::{
        actor,
        task::{self, Kind, Task},
    },
    store::Store,
};

/// Shown where no handle is proven.
pub(crate) const INVALID: &str = "handle.invalid";
/// Identities looked up at one time.
const CONCURRENCY: usize = 16;
/// Identities taken from the store at one time.
const BATCH: usize = 256;
/// Between looks at what waits, if nothing new is told.
const PAUSE: Duration = Duration::from_secs(5);

/// Keeps the handles of the store's actors current.
pub(crate) struct Identities {
    pub(crate) store: Store,
    pub(crate) resolver: Arc<dyn Resolver>,
    /// Told when there may be new work.
    pub(crate) wake: Arc<Notify>,
}

impl Identities {
    /// Works until shutdown is requested.
    pub(crate) async fn run(self, shutdown: Shutdown) {
        loop {
            // A round that is cut short has stored nothing, and is made again.
            let round = tokio::select! {
                () = shutdown.requested() => return,
                round = self.round() => round,
            };
            match round {
                Ok(0) => {}
                Ok(_) => continue,
                Err(error) => {
                    tracing::warn!(error.message = %error, "identities could not be stored");
                }
            }
            tokio::select! {
                () = shutdown.requested() => return,
                () = self.wake.notified() => {}
                () = tokio::time::sleep(PAUSE) => {}
            }
        }
    }

    /// Looks up one batch; returns how many there were.
    async fn round(&self) -> anyhow::Result<usize> {
        let due = self.store.read(|tx| Ok(task::due(tx, Kind::Identity, BATCH)?)).await?;
        let lookups = due.into_iter().map(|task| self.look_up(task));
        let found: Vec<_> = stream::iter(lookups).buffer_unordered(CONCURRENCY).collect().await;
        let looked_up = found.len();
        if found.is_empty() {
            return Ok(0);
        }
        self.store
            .write(move |tx| {
                for (task, handle) in &found {
                    match handle {
                        Some(handle) => {
                            actor::set_handle(tx, &task.did, handle)?;
                            task::settle(tx, task)?;
                        }
                        None => task::postpone(tx, task)?,
                    }
                }
                Ok(looked_up)
            })
            .await
    }

    /// The proven handle of a DID, or `handle.invalid`; nothing while the network has no answer.
    async fn look_up(&self, task: Task) -> (Task, Option<String>) {
        let Ok(did) = Did::new(&task.did) else { return (task, Some(INVALID.to_owned())) };
        // The consumer has just resolved a new account, to verify its first commit.
        if task.reason != "new" {
            self.resolver.purge(&did);
        }
        let handle = match self.resolver.did(&did).await {
            Ok(document) => displayed_handle(&*self.resolver, &document).await,
            Err(error) => Err(error),
        };
        let handle = match handle {
            Ok(handle) => Some(handle.to_string()),
            Err(error) if error.is_transient() => {
                tracing::debug!(%did, error.message = %error, "identity not found yet");
                None
            }
            Err(_) => Some(INVALID.to_owned()),
        };
        (task, handle)
    }
}
