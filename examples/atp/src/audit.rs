//! `atp audit`

mod account;
mod index;

use std::{num::NonZeroUsize, path::PathBuf};

use anyhow::{Context, ensure};
use atproto_core::syntax::{Did, NsidPattern};
use clap::Args;
use futures::{StreamExt, stream};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use self::{
    account::{Auditor, Told, Verdict},
    index::{Accounts, Index},
};
use crate::{
    network::{Network, block_on},
    output::{self, Output},
};

/// Compare an index with the repositories themselves, and name what is missing, stale or extra.
///
/// The index is JSON lines of `{"uri": "at://DID/COLLECTION/RKEY", "cid": "…"}` in any order. Each
/// repository is fetched from its account's host, and verified.
///
/// A difference is a line: `missing` what only the repository has, `stale` what the index has with
/// another CID, `extra` what only the index has. `unreadable` is an account whose repository
/// cannot be fetched or is not sound. The counts come at the end.
#[derive(Args)]
pub(crate) struct Audit {
    /// The index
    index: PathBuf,
    /// Only records of this collection; `app.bsky.feed.*` is several. May be given more than once
    #[arg(long = "collection", value_name = "NSID")]
    collections: Vec<NsidPattern>,
    /// Also these accounts, of which the index may have nothing: a DID a line
    #[arg(long, value_name = "FILE")]
    did_file: Option<PathBuf>,
    /// Ask this host instead of each account's own
    #[arg(long, value_name = "URL")]
    host: Option<String>,
    /// Repositories that are read at the same time
    #[arg(long, value_name = "N", default_value_t = PARALLEL)]
    parallel: NonZeroUsize,
    #[command(flatten)]
    network: Network,
}

impl Audit {
    pub(crate) fn run(self, output: &mut Output) -> anyhow::Result<()> {
        let mut index = Index::new(self.collections.clone());
        index.read(&self.index)?;
        if let Some(file) = &self.did_file {
            index.read_accounts(file)?;
        }
        let accounts = index.accounts().context("sorting the index")?;
        let auditor =
            Auditor::new(self.network.resolver()?, self.host.as_deref(), self.collections)?;
        let counts = block_on(audit(accounts, &auditor, self.parallel.get(), output))?;
        output.facts(&counts.facts())?;
        let Counts { missing, stale, extra, unreadable, .. } = counts;
        let differences = missing + stale + extra;
        ensure!(
            differences + unreadable == 0,
            "{differences} records differ, {unreadable} repositories are unreadable"
        );
        Ok(())
    }
}

async fn audit(
    accounts: Accounts,
    auditor: &Auditor,
    parallel: usize,
    output: &mut Output,
) -> anyhow::Result<Counts> {
    let (tell, mut told) = mpsc::channel(CHANNEL);
    let audits = async move {
        let mut audits = stream::iter(accounts)
            .map(|account| async {
                auditor.audit(account?, tell.clone()).await;
                anyhow::Ok(())
            })
            .buffer_unordered(parallel);
        while let Some(done) = audits.next().await {
            done.context("reading the sorted index")?;
        }
        Ok(())
    };
    let progress = output::counter("records");
    let note = async {
        let mut counts = Counts::default();
        while let Some(told) = told.recv().await {
            counts.note(&told);
            progress.set_position(counts.records);
            print(&told, output)?;
        }
        Ok(counts)
    };
    let done = tokio::try_join!(audits, note);
    progress.finish_and_clear();
    done.map(|((), counts)| counts)
}

#[derive(Debug, Default)]
struct Counts {
    accounts: u64,
    records: u64,
    equal: u64,
    missing: u64,
    stale: u64,
    extra: u64,
    unreadable: u64,
}

impl Counts {
    fn note(&mut self, told: &Told) {
        match told {
            Told::Difference { verdict: Verdict::Missing, .. } => self.missing += 1,
            Told::Difference { verdict: Verdict::Stale, .. } => self.stale += 1,
            Told::Difference { verdict: Verdict::Extra, .. } => self.extra += 1,
            Told::Read { records, equal } => {
                self.accounts += 1;
                self.records += records;
                self.equal += equal;
            }
            Told::Unreadable { .. } => {
                self.accounts += 1;
                self.unreadable += 1;
            }
        }
    }

    fn facts(&self) -> [(&'static str, Value); 7] {
        [
            ("accounts", json!(self.accounts)),
            ("records", json!(self.records)),
            ("equal", json!(self.equal)),
            ("missing", json!(self.missing)),
            ("stale", json!(self.stale)),
            ("extra", json!(self.extra)),
            ("unreadable", json!(self.unreadable)),
        ]
    }
}

fn print(told: &Told, output: &mut Output) -> anyhow::Result<()> {
    match told {
        Told::Difference { verdict, did, path, repo, index } => {
            let (verdict, uri) = (verdict.as_str(), format!("at://{did}/{path}"));
            let cid = |cid: &Option<String>| cid.clone().unwrap_or_else(|| "-".to_owned());
            output.item(
                &[
                    ("verdict", json!(verdict)),
                    ("uri", json!(uri)),
                    ("repo", json!(repo)),
                    ("index", json!(index)),
                ],
                &[verdict, &uri, &cid(repo), &cid(index)].join("\t"),
            )
        }
        Told::Unreadable { did, why } => print_unreadable(did, why, output),
        Told::Read { .. } => Ok(()),
    }
}

fn print_unreadable(did: &Did, why: &str, output: &mut Output) -> anyhow::Result<()> {
    output.item(
        &[("verdict", json!("unreadable")), ("did", json!(did)), ("reason", json!(why))],
        &["unreadable", did.as_str(), why].join("\t"),
    )
}

/// Ours: what a slow host or two cannot hold up, and few enough that their memory, at most some
/// 32 MiB each, is no concern.
const PARALLEL: NonZeroUsize = NonZeroUsize::new(4).expect("not zero");

/// Ours: findings that wait to be printed.
const CHANNEL: usize = 1024;
