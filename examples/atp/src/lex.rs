//! `atp lex`

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use atproto_core::{
    data::json as data_json,
    lexicon::{Catalog, Document, ValidationOptions},
    syntax::{Did, Nsid},
};
use atproto_lexgen::resolve::LexiconResolver;
use clap::{Args, Subcommand};
use serde_json::json;

use crate::{
    input,
    network::{Network, block_on},
    output::Output,
};

#[derive(Subcommand)]
pub(crate) enum Lex {
    Check(Check),
    Resolve(Resolve),
    Validate(Validate),
}

/// Check lexicon documents and the references among them.
///
/// References may lead to the first-party lexicons, which are built in.
#[derive(Args)]
pub(crate) struct Check {
    /// Files, and directories of `.json` files
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// More documents that references may lead to
    #[arg(long, value_name = "DIR")]
    lexicons: Option<PathBuf>,
}

/// Check a record against its lexicon.
#[derive(Args)]
pub(crate) struct Validate {
    /// The record as JSON
    #[arg(value_name = "RECORD.json")]
    record: PathBuf,
    /// Documents beside the first-party lexicons, which are built in
    #[arg(long, value_name = "DIR")]
    lexicons: Option<PathBuf>,
    /// Let through what old software wrote: blobs of the old form, incomplete times
    #[arg(long)]
    lenient: bool,
    /// The collection; without it, the record's `$type`
    #[arg(long)]
    nsid: Option<Nsid>,
}

/// Fetch a lexicon from the network, with proof, and print it.
///
/// With `--json` also where it came from: the record's URI and hash.
#[derive(Args)]
pub(crate) struct Resolve {
    nsid: Nsid,
    /// The account that publishes it, whatever DNS says
    #[arg(long, value_name = "DID")]
    did: Option<Did>,
    #[command(flatten)]
    network: Network,
}

impl Lex {
    pub(crate) fn run(self, output: &mut Output) -> anyhow::Result<()> {
        match self {
            Self::Check(check) => check.run(output),
            Self::Resolve(resolve) => resolve.run(output),
            Self::Validate(validate) => validate.run(output),
        }
    }
}

impl Check {
    fn run(self, output: &mut Output) -> anyhow::Result<()> {
        let mut catalog = catalog(self.lexicons.as_deref())?;
        let mut checked = BTreeSet::new();
        let mut faults = Vec::new();
        let mut files = Vec::new();
        self.paths.iter().try_for_each(|path| collect(path, true, &mut files))?;
        for file in &files {
            let name = file.display().to_string();
            match Document::from_json(&input::read(file)?) {
                Ok(document) => {
                    let id = document.id.to_string();
                    report(output, &name, &id, None)?;
                    checked.insert(document.id.clone());
                    catalog.add(document);
                }
                Err(error) => {
                    report(output, &name, "", Some(&error.to_string()))?;
                    faults.push(format!("{name}: {error}"));
                }
            }
        }
        for error in catalog.link() {
            if checked.contains(&error.holder.nsid) {
                let holder = error.holder.to_string();
                report(output, &holder, "", Some(&error.to_string()))?;
                faults.push(error.to_string());
            }
        }
        match faults.first() {
            Some(first) => bail!("{} faults, the first: {first}", faults.len()),
            None => Ok(()),
        }
    }
}

impl Validate {
    fn run(self, output: &mut Output) -> anyhow::Result<()> {
        let context = || self.record.display().to_string();
        let mut catalog = catalog(self.lexicons.as_deref())?;
        if self.lenient {
            catalog = catalog.options(ValidationOptions::LENIENT);
        }
        let record = input::record(&self.record)?;
        let nsid = match self.nsid {
            Some(nsid) => nsid,
            None => {
                let name =
                    record.type_name().with_context(|| format!("{}: no $type", context()))?;
                Nsid::new(name).with_context(context)?
            }
        };
        catalog.validate_record(&nsid, &record).with_context(context)?;
        output.item(&[("valid", json!(true)), ("collection", json!(nsid))], "ok")
    }
}

impl Resolve {
    fn run(self, output: &mut Output) -> anyhow::Result<()> {
        let resolver = LexiconResolver::new(self.network.resolver()?);
        let published = block_on(async {
            let found = match &self.did {
                Some(did) => resolver.fetch(did, &self.nsid).await,
                None => resolver.resolve(&self.nsid).await,
            };
            found.with_context(|| self.nsid.to_string())
        })?;
        if output.is_json() {
            let document = data_json::to_json(&published.record);
            let (uri, cid) = (published.uri, published.cid);
            return output.document(&json!({ "uri": uri, "cid": cid, "document": document }));
        }
        // In the order of the record's keys.
        output.line(serde_json::to_string_pretty(&published.record)?)
    }
}

fn catalog(dir: Option<&Path>) -> anyhow::Result<Catalog> {
    let catalog = atproto_lexicons::catalog();
    Ok(match dir {
        Some(dir) => catalog.with_dir(dir)?,
        None => catalog,
    })
}

fn report(output: &mut Output, place: &str, id: &str, fault: Option<&str>) -> anyhow::Result<()> {
    let fields =
        [("place", json!(place)), ("valid", json!(fault.is_none())), ("reason", json!(fault))];
    match fault {
        None => output.item(&fields, &format!("ok\t{place}\t{id}")),
        Some(fault) => output.item(&fields, &format!("bad\t{place}\t{fault}")),
    }
}

/// The files at a path, in the order of their names. Of a directory only `.json` files.
fn collect(path: &Path, named: bool, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    if path.is_dir() {
        let entries = fs::read_dir(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let mut entries: Vec<_> = entries
            .with_context(|| path.display().to_string())?
            .into_iter()
            .map(|entry| entry.path())
            .collect();
        entries.sort();
        return entries.iter().try_for_each(|entry| collect(entry, false, files));
    }
    if named || path.extension().is_some_and(|extension| extension == "json") {
        files.push(path.to_owned());
    }
    Ok(())
}
