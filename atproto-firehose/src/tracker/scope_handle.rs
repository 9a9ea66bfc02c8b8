use std::sync::Arc;

use atproto_core::syntax::NsidPattern;

use super::discover::{self, Discovery};
use super::{Scope, TrackError};
use crate::consumer::{ConsumerError, driver::Shared, driver::now};
use crate::intake::Intake;

/// Changes which repositories a [`Tracker`](super::Tracker) follows while it runs.
#[derive(Clone)]
pub struct ScopeHandle {
    pub(super) shared: Arc<Shared>,
    pub(super) discovery: Arc<Discovery>,
}

/// A change of the scope that is stored.
#[derive(Debug)]
pub struct ScopeChange {
    handle: ScopeHandle,
    version: u64,
    since: i64,
}

impl ScopeHandle {
    /// The scope.
    pub fn get(&self) -> Scope {
        self.shared.with(|intake| intake.scope().cloned()).unwrap_or_default()
    }

    /// Follows one more collection, or prefix (`xyz.statusphere.*`), and finds the repositories
    /// that have it. Those that are followed already are fetched again, and what they have in it
    /// is told of, and nothing else.
    ///
    /// # Errors
    /// [`TrackError`].
    pub async fn add(&self, pattern: NsidPattern) -> Result<ScopeChange, TrackError> {
        self.set(self.get().with(pattern)).await
    }

    /// Follows a collection, or prefix, no longer. Nobody is told that its records are gone: they
    /// are not. If it is added again all of them are told of once more.
    ///
    /// # Errors
    /// [`TrackError`].
    pub async fn remove(&self, pattern: &NsidPattern) -> Result<ScopeChange, TrackError> {
        let scope = self.get();
        let after = scope.clone().without(pattern);
        self.discovery.forget(&scope, &after).await?;
        self.set(after).await
    }

    /// Follows another scope from the next event on. It has returned when that is stored, or, where
    /// the caller stores checkpoints, is in the next one.
    ///
    /// # Errors
    /// [`TrackError`].
    pub async fn set(&self, scope: Scope) -> Result<ScopeChange, TrackError> {
        let version = self.shared.update(|intake| intake.set_scope(now(), scope));
        let saves = self.shared.store.saves();
        let stored = |intake: &Intake| !saves || intake.is_filter_saved(version);
        if !self.shared.until(stored).await {
            let why = self.shared.with(|intake| intake.halted().cloned());
            return Err(ConsumerError::Stopped(why.unwrap_or_else(|| "stopped".into())).into());
        }
        let since = self.shared.with(|intake| intake.stats().filter_since);
        drop(self.discovery.spawn());
        Ok(ScopeChange { handle: self.clone(), version, since })
    }
}

impl ScopeChange {
    /// Rises by one with each change.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The sequence number from which on it certainly holds.
    pub fn since(&self) -> i64 {
        self.since
    }

    /// Waits until everything that matches newly has been fetched, told of and settled, but for
    /// repositories that could not be fetched, which
    /// [`Progress::failing`](super::Progress::failing) counts.
    ///
    /// # Errors
    /// [`TrackError`].
    pub async fn backfilled(self) -> Result<(), TrackError> {
        let shared = &self.handle.shared;
        loop {
            let unread = self.handle.discovery.unread().await?;
            let counts = match shared.store.tracking() {
                Some(store) => store.counts().await?,
                None => return Ok(()),
            };
            if unread == 0 && counts.wanted == counts.failing {
                return Ok(());
            }
            if let Some(why) = shared.with(|intake| intake.halted().cloned()) {
                return Err(ConsumerError::Stopped(why).into());
            }
            tokio::time::sleep(discover::LOOK).await;
        }
    }
}

impl std::fmt::Debug for ScopeHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ScopeHandle").field("scope", &self.get()).finish_non_exhaustive()
    }
}
