//! `atp repo`

mod diff;
mod export;
mod unpack;
mod verify;

use std::{collections::BTreeMap, path::PathBuf};

use anyhow::Context;
use atproto_core::{data::cbor, data::json as data_json};
use atproto_repo::{
    RepoPath, mst,
    repo::{self, VerifiedRepo},
};
use clap::{Args, Subcommand};
use serde_json::json;

use crate::{input, output::Output};

#[derive(Subcommand)]
pub(crate) enum Repo {
    Verify(verify::Verify),
    Ls(Ls),
    Inspect(Inspect),
    Get(Get),
    Unpack(unpack::Unpack),
    Diff(diff::Diff),
    Export(export::Export),
}

/// List the records of a repository: path and CID.
#[derive(Args)]
pub(crate) struct Ls {
    /// The archive
    file: PathBuf,
    /// Only the records of this collection
    #[arg(long, value_name = "NSID")]
    collection: Option<atproto_core::syntax::Nsid>,
}

/// Show what a repository is and how much is in it.
#[derive(Args)]
pub(crate) struct Inspect {
    /// The archive
    file: PathBuf,
}

/// Print a record of a repository as JSON.
#[derive(Args)]
pub(crate) struct Get {
    /// The archive
    file: PathBuf,
    /// Collection and record key: `app.bsky.actor.profile/self`
    #[arg(value_name = "COLLECTION/RKEY")]
    path: RepoPath,
}

impl Repo {
    pub(crate) fn run(self, output: &mut Output) -> anyhow::Result<()> {
        match self {
            Self::Verify(verify) => verify.run(output),
            Self::Ls(ls) => ls.run(output),
            Self::Inspect(inspect) => inspect.run(output),
            Self::Get(get) => get.run(output),
            Self::Unpack(unpack) => unpack.run(output),
            Self::Diff(diff) => diff.run(output),
            Self::Export(export) => export.run(output),
        }
    }
}

impl Ls {
    fn run(self, output: &mut Output) -> anyhow::Result<()> {
        let repo = open(&self.file)?;
        for record in repo.records() {
            if self.collection.as_ref().is_some_and(|only| *only != record.path.collection) {
                continue;
            }
            let (path, cid) = (record.path.to_string(), record.cid.to_string());
            let bytes = record.bytes.len();
            output.item(
                &[("path", json!(path)), ("cid", json!(cid)), ("bytes", json!(bytes))],
                &format!("{path}\t{cid}"),
            )?;
        }
        Ok(())
    }
}

impl Inspect {
    fn run(self, output: &mut Output) -> anyhow::Result<()> {
        let repo = open(&self.file)?;
        let mut collections = BTreeMap::<String, u64>::new();
        let mut bytes = 0;
        for record in repo.records() {
            *collections.entry(record.path.collection.to_string()).or_default() += 1;
            bytes += record.bytes.len();
        }
        output.facts(&[
            ("did", json!(repo.did)),
            ("rev", json!(repo.head.rev)),
            ("commit", json!(repo.head.commit)),
            ("data", json!(repo.head.data)),
            ("prev", json!(repo.commit.prev)),
            ("blocks", json!(repo.blocks().len())),
            ("records", json!(repo.len())),
            ("recordBytes", json!(bytes)),
            ("collections", json!(collections)),
        ])
    }
}

impl Get {
    fn run(self, output: &mut Output) -> anyhow::Result<()> {
        let Self { file, path } = self;
        let repo = open(&file)?;
        let limits = mst::Limits::default();
        let cid = mst::lookup(repo.blocks(), &repo.head.data, &path.to_key(), &limits)?;
        let cid = cid.with_context(|| format!("{}: no record at {path}", file.display()))?;
        // A repository is verified only if all records are there.
        let bytes = repo.blocks().get(&cid).with_context(|| format!("block {cid} is missing"))?;
        let value = cbor::decode(bytes).with_context(|| path.to_string())?;
        output.document(&data_json::to_json(&value))
    }
}

/// Reads a repository and checks all of it but the signature.
fn open(file: &std::path::Path) -> anyhow::Result<VerifiedRepo> {
    let archive = input::read(file)?;
    let spinner = crate::output::spinner("checking");
    let repo = repo::verify(archive, None);
    spinner.finish_and_clear();
    repo.with_context(|| file.display().to_string())
}
