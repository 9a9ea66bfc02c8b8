//! Repos fetched whole, when something of them is missing.
//!
//! The archive is verified like any commit: its signature against the account's key, every
//! hash, every rule of the tree. What it does not hold any more is deleted here.

use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use atproto_core::{
    identity::safe_client::FetchLimits,
    lexicon::Catalog,
    syntax::{AtUri, Datetime, Did},
};
use atproto_repo::repo::{self as repository, VerifiedRepo};
use futures::{TryStreamExt as _, stream};
use metrics::{gauge, histogram};
use rusqlite::Transaction;
use service_kit::Shutdown;

use crate::{
    app::App,
    index::{
        record::{self, Put},
        report::{REPO_SECONDS, REPOS},
    },
    query::{
        actor, repo,
        task::{self, Kind, Task},
    },
};

/// The largest repo that is fetched, in bytes; ours: it is held in memory, times [`CONCURRENCY`].
const MAX_ARCHIVE: usize = 128 << 20;
/// How long a fetch may take.
const DEADLINE: Duration = Duration::from_secs(120);
/// How often the list is looked at.
const PAUSE: Duration = Duration::from_secs(1);
/// Repos fetched before the list is looked at again.
const BATCH: usize = 64;
/// Repos fetched at one time, so that one slow host does not hold up all others.
const CONCURRENCY: usize = 4;

/// Fetches what the index asks for.
pub(crate) struct Resyncer {
    pub(crate) app: Arc<App>,
    pub(crate) catalog: Arc<Catalog>,
}

impl Resyncer {
    /// Works until shutdown is requested; a fetch that is cut short is made again.
    pub(crate) async fn run(self, shutdown: Shutdown) {
        loop {
            let round = tokio::select! {
                () = shutdown.requested() => return,
                round = self.round() => round,
            };
            if let Err(error) = round {
                tracing::warn!(error.message = %format_args!("{error:#}"), "resync is stuck");
            }
            tokio::select! {
                () = shutdown.requested() => return,
                () = tokio::time::sleep(PAUSE) => {}
            }
        }
    }

    async fn round(&self) -> anyhow::Result<()> {
        let (due, waiting) = self
            .app
            .store
            .read(move |tx| {
                Ok((task::due(tx, Kind::Resync, BATCH)?, task::count(tx, Kind::Resync)?))
            })
            .await?;
        gauge!(REPOS, "state" => "pending").set(waiting as f64);
        stream::iter(due.into_iter().map(Ok))
            .try_for_each_concurrent(CONCURRENCY, |task| self.one(task))
            .await
    }

    async fn one(&self, task: Task) -> anyhow::Result<()> {
        let start = Instant::now();
        let result = self.fetch_and_store(&task).await;
        let outcome = if result.is_ok() { "ok" } else { "failed" };
        histogram!(REPO_SECONDS, "outcome" => outcome).record(start.elapsed());
        match result {
            Ok(records) => {
                let (did, reason) = (&task.did, &task.reason);
                tracing::info!(did, reason, records, "repo fetched whole");
                Ok(())
            }
            Err(error) => {
                let (did, attempts) = (&task.did, task.attempts);
                tracing::info!(did, attempts, error.message = %format_args!("{error:#}"), "repo not fetched");
                self.app.store.write(move |tx| Ok(task::postpone(tx, &task)?)).await
            }
        }
    }

    async fn fetch_and_store(&self, task: &Task) -> anyhow::Result<usize> {
        let did = Did::new(&task.did)?;
        let verified = self.fetch(&did).await?;
        let (catalog, task) = (Arc::clone(&self.catalog), task.clone());
        self.app
            .store
            .write(move |tx| {
                let records = replace(tx, &catalog, &verified)?;
                task::settle(tx, &task)?;
                Ok(records)
            })
            .await
    }

    /// The repo from its own host, verified.
    async fn fetch(&self, did: &Did) -> anyhow::Result<VerifiedRepo> {
        self.app.resolver.purge(did);
        let document = self.app.resolver.did(did).await?;
        let host = document.pds_endpoint().context("the account has no host")?;
        let key = document.signing_key()?;
        let url = format!("{host}/xrpc/com.atproto.sync.getRepo?did={did}");
        let limits = FetchLimits::new(MAX_ARCHIVE, DEADLINE);
        let fetched = self.app.client.get(&url, &limits).await?;
        ensure!(fetched.status.is_success(), "the host answers {}", fetched.status);
        let did = did.clone();
        let verified = tokio::task::spawn_blocking(move || {
            let verified = repository::verify(fetched.body, Some(&key))?;
            ensure!(verified.did == did, "the archive is of {}", verified.did);
            Ok(verified)
        });
        verified.await?
    }
}

/// Makes the index what the archive says, in one transaction; returns the number of records.
fn replace(
    tx: &Transaction<'_>,
    catalog: &Catalog,
    verified: &VerifiedRepo,
) -> anyhow::Result<usize> {
    let (did, rev) = (&verified.did, verified.head.rev);
    let known = repo::rev(tx, did.as_str())?;
    ensure!(
        known.is_none_or(|known| known <= rev.to_string()),
        "the archive is older than what is indexed"
    );
    let now = Datetime::now();
    actor::discover(tx, did.as_str(), now.as_str())?;
    let mut present = HashSet::with_capacity(verified.len());
    for found in verified.records() {
        let (collection, rkey) = (&found.path.collection, &found.path.rkey);
        let put = Put {
            did,
            collection,
            rkey,
            cid: found.cid,
            rev,
            seq: 0,
            body: &found.bytes,
            indexed_at: &now,
        };
        record::put(tx, catalog, &put)?;
        present.insert(AtUri::from_parts(did, collection, rkey).to_string());
    }
    for uri in repo::uris_until(tx, did.as_str(), &rev.to_string())? {
        if !present.contains(&uri) {
            let uri = AtUri::new(&uri)?;
            let (collection, rkey) = uri.collection().zip(uri.rkey()).context("a record's URI")?;
            record::delete(tx, did, &collection, &rkey)?;
        }
    }
    repo::set_rev(tx, did.as_str(), &rev.to_string())?;
    Ok(present.len())
}
