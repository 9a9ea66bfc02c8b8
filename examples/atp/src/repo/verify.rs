use std::path::PathBuf;

use anyhow::{Context, bail, ensure};
use atproto_core::{
    crypto::PublicKey,
    identity::{DidDocument, FetchLimits},
    syntax::{Did, Tid},
};
use atproto_repo::{
    repo::{Kept, RepoReader, RepoRecords, TemporaryFile, VerifyError},
    sync::VerifyOptions,
};
use clap::Args;
use serde_json::json;

use crate::{
    input::{self, parse_public_key, parse_time},
    output::{self, Output},
};

/// Check a repository.
///
/// That is the archive and every hash in it, the commit, every rule of the tree, that every
/// record is there, that the revision is not in the future, and the signature if the key is
/// known.
#[derive(Args)]
pub(crate) struct Verify {
    /// The archive
    file: PathBuf,
    /// The account that it has to be of
    #[arg(long)]
    did: Option<Did>,
    /// The key that has to have signed it
    #[arg(long, value_name = "DID_KEY", value_parser = parse_public_key, conflicts_with = "did_doc")]
    key: Option<PublicKey>,
    /// The account's DID document, for DID and key
    #[arg(long, value_name = "FILE")]
    did_doc: Option<PathBuf>,
    /// Refuse a revision that is not above this one
    #[arg(long, value_name = "REV")]
    after: Option<Tid>,
    /// The time that revisions from the future are measured by: a datetime or Unix seconds
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    now: Option<u64>,
}

impl Verify {
    pub(crate) fn run(mut self, output: &mut Output) -> anyhow::Result<()> {
        self.take_document()?;
        let archive = input::open(&self.file)?;
        let mut reader = RepoReader::new().memory(MEMORY);
        if let Some(key) = &self.key {
            reader = reader.key(key.clone());
        }
        let context = || self.file.display().to_string();
        let mut repo = reader.in_any_order(archive, TemporaryFile::new()).with_context(context)?;
        let records = count(&mut repo).with_context(context)?;
        self.check(&repo).with_context(context)?;
        output.facts(&[
            ("did", json!(repo.did())),
            ("rev", json!(repo.head().rev)),
            ("commit", json!(repo.head().commit)),
            ("data", json!(repo.head().data)),
            ("records", json!(records)),
            ("signature", json!(if self.key.is_some() { "valid" } else { "not checked" })),
        ])
    }

    /// Takes key and DID from the document.
    fn take_document(&mut self) -> anyhow::Result<()> {
        let Some(path) = &self.did_doc else { return Ok(()) };
        let bytes = input::read_at_most(path, FetchLimits::DID_DOCUMENT.max_body as u64)?;
        let context = || path.display().to_string();
        let document = DidDocument::from_json(&bytes).with_context(context)?;
        self.key = Some(document.signing_key().with_context(context)?);
        self.did.get_or_insert(document.id);
        Ok(())
    }

    /// What cannot be read off the archive alone.
    fn check<S>(&self, repo: &RepoRecords<S>) -> anyhow::Result<()> {
        if let Some(did) = self.did.as_ref().filter(|did| *did != repo.did()) {
            bail!("the repository is of {}, not of {did}", repo.did());
        }
        let rev = repo.head().rev;
        if let Some(after) = self.after {
            ensure!(rev > after, "revision {rev} is not above {after}");
        }
        let now = self.now.unwrap_or_else(input::now_micros);
        let latest = now.saturating_add(VerifyOptions::default().max_ahead_micros);
        ensure!(rev.micros() <= latest, "revision {rev} is in the future");
        Ok(())
    }
}

/// Checks every record, and shows how many there have been.
fn count(repo: &mut RepoRecords<Kept<TemporaryFile>>) -> Result<u64, VerifyError> {
    let progress = output::counter("records");
    let records = repo.try_fold(0, |count, record| {
        record?;
        progress.set_position(count + 1);
        Ok(count + 1)
    });
    progress.finish_and_clear();
    records
}

/// How much of a repository is kept in memory, in bytes; the rest is in a temporary file.
const MEMORY: usize = 256 << 20;
