//! `atp backfill`

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, ensure};
use atproto_core::{
    data::{cbor, json},
    identity::{
        CacheConfig, CachingResolver,
        safe_client::{SafeClient, SafeClientConfig},
    },
    syntax::{Did, NsidPattern},
};
use atproto_firehose::{
    consumer::{Batch, Stopper},
    event::{Change, Commit, Event},
    state::{SavedByCaller, SqliteState, sqlite},
    tracker::{PaceLimits, Progress, ProgressHandle, Scope, Tracker, TrackerOptions},
};
use clap::Args;
use indicatif::ProgressBar;
use rusqlite::{Connection, Transaction, params};
use serde_json::json;

use crate::{
    network::{Network, block_on},
    output::{self, Output},
};

/// Copy a whole set of repositories to a SQLite file, and stay with them.
///
/// The file has a table `record` with the columns `did`, `collection`, `rkey`, `cid` and `record`, the
/// last as JSON, and what it takes to go on: started again with the same file the command fetches what
/// is not there yet, and what has changed meanwhile. It ends when everything is there.
#[derive(Args)]
pub(crate) struct Backfill {
    /// The relay, or the host: `https://relay.example`
    relay: String,
    /// The file
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
    /// The repositories that have records of this collection, and those; `app.bsky.feed.*` is several.
    /// May be given more than once. Default: all records of all repositories
    #[arg(long = "collection", value_name = "NSID")]
    collections: Vec<NsidPattern>,
    /// These repositories alone. May be given more than once
    #[arg(long = "did", value_name = "DID")]
    dids: Vec<Did>,
    /// The same, a DID a line
    #[arg(long, value_name = "FILE")]
    did_file: Option<PathBuf>,
    /// Go on with what happens
    #[arg(long)]
    follow: bool,
    /// Requests a second at one host, at most
    #[arg(long, value_name = "N", default_value_t = PaceLimits::default().per_second)]
    per_second: f64,
    #[command(flatten)]
    network: Network,
}

impl Backfill {
    pub(crate) fn run(self, output: &mut Output) -> anyhow::Result<()> {
        let progress = block_on(self.copy())?;
        let Progress { done, failing, requests, .. } = progress;
        output.facts(&[
            ("repositories", json!(done)),
            ("failing", json!(failing)),
            ("requests", json!(requests)),
        ])?;
        ensure!(failing == 0, "{failing} repositories could not be fetched: run it again");
        Ok(())
    }

    async fn copy(self) -> anyhow::Result<Progress> {
        let mut file = open(&self.to)?;
        let options = self.options()?;
        let state = SavedByCaller(SqliteState::open(&self.to)?);
        let mut tracker = Tracker::open(&self.relay, state, options).await?;
        let progress = tracker.progress_handle();
        let watch = watch(progress.clone(), tracker.stopper(), self.follow);
        let store = async {
            while let Some(batch) = tracker.next_batch(BATCH, WAIT).await? {
                let transaction = file.transaction()?;
                apply(&transaction, &batch)?;
                sqlite::save(&transaction, batch.checkpoint())?;
                transaction.commit()?;
                batch.committed();
            }
            anyhow::Ok(())
        };
        let (stored, _bar) = tokio::join!(store, watch);
        stored?;
        Ok(progress.get().await?)
    }

    fn options(&self) -> anyhow::Result<TrackerOptions> {
        let mut dids = self.dids.clone();
        if let Some(path) = &self.did_file {
            dids.extend(read_dids(path)?);
        }
        let scope = match (dids.is_empty(), self.collections.is_empty()) {
            (true, true) => Scope::network(),
            (true, false) => Scope::collections(self.collections.clone()),
            (false, true) => Scope::accounts(dids),
            (false, false) => Scope::accounts(dids).records(self.collections.clone()),
        };
        ensure!(self.per_second > 0.0, "--per-second is more than nothing");
        let mut pace = PaceLimits::default();
        pace.per_second = self.per_second;
        let client = SafeClientConfig::default().allow_loopback(self.network.admits_loopback());
        let resolver = Arc::new(self.network.resolver()?);
        let resolver = Arc::new(CachingResolver::new(resolver, CacheConfig::default()));
        let options = TrackerOptions::default().resolver(resolver).replace_scope(scope).pace(pace);
        Ok(options.client(SafeClient::new(client)?))
    }
}

fn read_dids(path: &Path) -> anyhow::Result<Vec<Did>> {
    let file = fs::File::open(path).with_context(|| path.display().to_string())?;
    let lines = BufReader::new(file).lines().enumerate();
    let did = |(number, line): (usize, std::io::Result<String>)| {
        let line = line?;
        Did::new(line.trim()).with_context(|| format!("{} line {}", path.display(), number + 1))
    };
    lines.map(did).collect()
}

fn open(path: &Path) -> anyhow::Result<Connection> {
    let file = Connection::open(path).with_context(|| path.display().to_string())?;
    file.busy_timeout(Duration::from_secs(30))?;
    file.pragma_update(None, "journal_mode", "WAL")?;
    file.execute_batch(TABLE)?;
    Ok(file)
}

fn apply(transaction: &Transaction<'_>, batch: &Batch) -> anyhow::Result<()> {
    for event in batch.events() {
        match event {
            Event::Commit(commit) => {
                for change in commit.changes() {
                    write(transaction, commit, change)?;
                }
            }
            Event::Account(account) if account.status.as_deref() == Some("deleted") => {
                let did = account.did.as_str();
                transaction.execute("DELETE FROM record WHERE did = ?1", [did])?;
            }
            // The others say nothing of records; what is missing will be fetched.
            _ => {}
        }
    }
    Ok(())
}

fn write(transaction: &Transaction<'_>, commit: &Commit, change: &Change) -> anyhow::Result<()> {
    let (did, path) = (commit.did().as_str(), &change.path);
    let (collection, rkey) = (path.collection.as_str(), path.rkey.as_str());
    let (Some(cid), Some(record)) = (change.cid, &change.record) else {
        let delete = "DELETE FROM record WHERE did = ?1 AND collection = ?2 AND rkey = ?3";
        transaction.prepare_cached(delete)?.execute([did, collection, rkey])?;
        return Ok(());
    };
    // A record that is none is there all the same, by its CID.
    let record = cbor::decode(record).ok().map(|value| json::encode(&value));
    let put = "INSERT OR REPLACE INTO record (did, collection, rkey, cid, record)
               VALUES (?1, ?2, ?3, ?4, ?5)";
    let row = params![did, collection, rkey, cid.to_string(), record];
    transaction.prepare_cached(put)?.execute(row)?;
    Ok(())
}

/// Shows how far it is, and stops when everything is there, or when asked to.
async fn watch(progress: ProgressHandle, stopper: Stopper, follow: bool) -> ProgressBar {
    let bar = output::repository_bar();
    let interrupted = tokio::signal::ctrl_c();
    tokio::pin!(interrupted);
    loop {
        if let Ok(now) = progress.get().await {
            bar.set_length(now.done.max(now.fetched) + now.left - now.failing.min(now.left));
            bar.set_position(now.done);
            bar.set_message(format!("{:.0}/s, {} failing", now.rate, now.failing));
            if now.is_complete() && !follow {
                break;
            }
        }
        tokio::select! {
            _ = &mut interrupted => break,
            () = tokio::time::sleep(LOOK) => {}
        }
    }
    stopper.drain(DRAIN).await;
    bar
}

const TABLE: &str = "
    CREATE TABLE IF NOT EXISTS record (
        did TEXT NOT NULL,
        collection TEXT NOT NULL,
        rkey TEXT NOT NULL,
        cid TEXT NOT NULL,
        record TEXT,
        PRIMARY KEY (did, collection, rkey)
    ) STRICT, WITHOUT ROWID";

/// Events in a transaction, and how long the first waits for more.
const BATCH: usize = 1_000;
const WAIT: Duration = Duration::from_millis(50);

/// How often it is looked how far it is.
const LOOK: Duration = Duration::from_millis(500);

/// How long what was begun may take to be stored.
const DRAIN: Duration = Duration::from_secs(30);
