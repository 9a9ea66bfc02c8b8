//! Finding the repositories of a scope.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::task::JoinHandle;

use super::Scope;
use super::source::{List, Page, RepoSource, SourceError};
use crate::checkpoint::Wanted;
use crate::consumer::driver::Shared;
use crate::state::{Listing, StoreError, Want};

/// Reads lists of repositories, and wants those that are in them.
pub(super) struct Discovery {
    pub(super) shared: Arc<Shared>,
    pub(super) source: Arc<dyn RepoSource>,
    pub(super) relays: Arc<[String]>,
    /// How many are under way.
    running: AtomicU64,
}

impl Discovery {
    pub(super) fn new(
        shared: Arc<Shared>,
        source: Arc<dyn RepoSource>,
        relays: Arc<[String]>,
    ) -> Self {
        Self { shared, source, relays, running: AtomicU64::new(0) }
    }

    /// Reads what is not read yet, in a task.
    pub(super) fn spawn(self: &Arc<Self>) -> JoinHandle<()> {
        self.running.fetch_add(1, Ordering::SeqCst);
        let discovery = Arc::clone(self);
        tokio::spawn(async move {
            discovery.run().await;
            discovery.running.fetch_sub(1, Ordering::SeqCst);
        })
    }

    /// How many lists of the scope are not read to their end; at least one while it is looked.
    pub(super) async fn unread(&self) -> Result<u64, StoreError> {
        let running = self.running.load(Ordering::SeqCst);
        let scope = self.shared.with(|intake| intake.scope().cloned()).unwrap_or_default();
        let Some(store) = self.shared.store.tracking() else { return Ok(running) };
        let known = store.listings().await?;
        let done =
            |name: &String| known.iter().any(|listing| listing.name == *name && listing.done);
        let lists = lists(&scope, &self.relays);
        let unread = lists.iter().map(name_of).filter(|name| !done(name)).count() as u64;
        Ok(unread.max(running))
    }

    /// Reads what is not read yet, until all of it is. What is new in the scope since the tracker
    /// was set up is wanted of repositories that are followed too.
    async fn run(&self) {
        let mut failures = 0;
        loop {
            match self.round().await {
                Ok(()) => return,
                Err(error) => {
                    tracing::warn!(%error, "repositories cannot be listed");
                    failures += 1;
                    tokio::time::sleep(error.wait(failures)).await;
                }
            }
        }
    }

    async fn round(&self) -> Result<(), DiscoverError> {
        let (scope, version) = self.shared.with(|intake| {
            (intake.scope().cloned().unwrap_or_default(), intake.stats().filter_version)
        });
        let Some(store) = self.shared.store.tracking() else { return Ok(()) };
        let which = if version == 0 { Want::Unknown } else { Want::All };
        if let Some(accounts) = scope.filter().account_list() {
            let accounts: Vec<_> = accounts.collect();
            for some in accounts.chunks(ACCOUNTS) {
                let wanted = some.iter().map(|did| Wanted::new(did.clone(), LISTED)).collect();
                store.want(wanted, Want::Unknown, None).await?;
            }
            return Ok(());
        }
        let known = store.listings().await?;
        for list in lists(&scope, &self.relays) {
            let name = name_of(&list);
            let before = known.iter().find(|listing| listing.name == name);
            if before.is_some_and(|listing| listing.done) {
                continue;
            }
            let cursor = before.and_then(|listing| listing.cursor.clone());
            self.read(&list, &name, cursor, which).await?;
        }
        Ok(())
    }

    async fn read(
        &self,
        list: &List,
        name: &str,
        mut cursor: Option<String>,
        which: Want,
    ) -> Result<(), DiscoverError> {
        let Some(store) = self.shared.store.tracking() else { return Ok(()) };
        loop {
            let page: Page = self.source.list(list, cursor.as_deref()).await?;
            if page.cursor.is_some() && page.cursor == cursor {
                return Err(SourceError::Answer("the cursor that was asked for".to_owned()).into());
            }
            let active = page.repos.into_iter().filter(|repo| repo.active);
            let wanted = active.map(|repo| Wanted::new(repo.did, LISTED).rev(repo.rev)).collect();
            cursor = page.cursor;
            let read = Listing::new(name, cursor.clone(), cursor.is_none());
            store.want(wanted, which, Some(read)).await?;
            if cursor.is_none() {
                return Ok(());
            }
        }
    }
}

impl Discovery {
    /// Lists that are not of the scope any more are read anew if they are again.
    pub(super) async fn forget(&self, before: &Scope, after: &Scope) -> Result<(), StoreError> {
        let Some(store) = self.shared.store.tracking() else { return Ok(()) };
        let kept = lists(after, &self.relays);
        for list in lists(before, &self.relays).iter().filter(|list| !kept.contains(list)) {
            let unread = Listing::new(name_of(list), None, false);
            store.want(Vec::new(), Want::Unknown, Some(unread)).await?;
        }
        Ok(())
    }
}

/// The lists that have the repositories of a scope. There is none by prefix, so that for those
/// every repository is looked at.
pub(super) fn lists(scope: &Scope, relays: &[String]) -> Vec<List> {
    if scope.filter().account_list().is_some() {
        return Vec::new();
    }
    let all = |relay: &String| vec![List::Repos { host: relay.clone() }];
    let exact: Option<Vec<String>> = scope.signals().and_then(|signals| {
        let exact = |signal: &atproto_core::syntax::NsidPattern| {
            (!signal.as_str().ends_with('*')).then(|| signal.as_str().to_owned())
        };
        signals.iter().map(exact).collect()
    });
    let of = |relay: &String| match &exact {
        None => all(relay),
        Some(collections) => {
            let list = |collection: &String| List::Collection {
                relay: relay.clone(),
                collection: collection.clone(),
            };
            collections.iter().map(list).collect()
        }
    };
    relays.iter().flat_map(of).collect()
}

/// What a list is remembered as.
pub(super) fn name_of(list: &List) -> String {
    match list {
        List::Collection { relay, collection } => format!("{relay} {collection}"),
        List::Repos { host } => format!("{host} repos"),
        List::Hosts { relay } => format!("{relay} hosts"),
    }
}

#[derive(Debug, thiserror::Error)]
enum DiscoverError {
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl DiscoverError {
    fn wait(&self, failures: u32) -> Duration {
        let doubled = BACKOFF.saturating_mul(2_u32.saturating_pow(failures)).min(MAX_BACKOFF);
        match self {
            Self::Source(SourceError::RateLimited { retry_after: Some(wait) }) => *wait,
            _ => doubled,
        }
    }
}

/// How often it is looked whether everything is fetched.
pub(super) const LOOK: Duration = Duration::from_millis(250);

/// The reason of what was found in a list.
const LISTED: &str = "listed";

/// Accounts that are wanted at once.
const ACCOUNTS: usize = 1_000;

/// The first and the longest wait after a list could not be read.
const BACKOFF: Duration = Duration::from_secs(1);
const MAX_BACKOFF: Duration = Duration::from_secs(600);
