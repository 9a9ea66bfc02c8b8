//! `lexgen install`

use std::path::PathBuf;

use anyhow::Context;
use atproto_lexgen::{
    install::{Installer, Source},
    manifest::Manifest,
};
use clap::Args;
use serde_json::json;

use crate::{
    network::{Network, block_on},
    output::Output,
};

/// Fetches lexicons and all that they refer to, and pins them in a manifest.
///
/// Without arguments: puts back what the manifest lists and is missing. Files that were not
/// installed, or that were edited since, are never overwritten.
#[derive(Debug, Args)]
pub(crate) struct Install {
    /// Names, or `at://DID/com.atproto.lexicon.schema/NSID` in place of DNS
    #[arg(value_name = "NSID")]
    sources: Vec<Source>,
    /// The directory of the documents
    #[arg(long, value_name = "DIR", default_value = "lexicons")]
    lexicons: PathBuf,
    /// The manifest
    #[arg(long, value_name = "FILE", default_value = "lexicons.json")]
    manifest: PathBuf,
    /// Go over to the newest versions of everything
    #[arg(long)]
    update: bool,
    /// Change nothing and ask nobody; fail unless every file is as the manifest pins it
    #[arg(long, conflicts_with_all = ["update", "sources"])]
    ci: bool,
    #[command(flatten)]
    network: Network,
}

impl Install {
    pub(crate) fn run(self, output: &mut Output) -> anyhow::Result<bool> {
        if self.ci {
            let manifest = Manifest::read(&self.manifest)?;
            let manifest = manifest
                .with_context(|| format!("{}: there is no manifest", self.manifest.display()))?;
            manifest.verify(&self.lexicons)?;
            let documents = manifest.resolutions.len();
            output
                .item(&json!({ "documents": documents }), format_args!("{documents} documents"))?;
            return Ok(true);
        }
        let resolver = self.network.lexicons()?;
        let installer = Installer::new(resolver, self.lexicons, self.manifest).update(self.update);
        let done = block_on(async { Ok(installer.install(self.sources).await?) })?;
        let lists = [
            ("added", &done.added),
            ("updated", &done.updated),
            ("restored", &done.restored),
            ("removed", &done.removed),
        ];
        for (what, nsids) in lists {
            for nsid in nsids {
                output.summary(format_args!("{what:8} {nsid}"))?;
            }
        }
        let facts = json!({
            "documents": done.documents,
            "added": done.added,
            "updated": done.updated,
            "restored": done.restored,
            "removed": done.removed,
        });
        output.item(&facts, format_args!("{} documents", done.documents))?;
        Ok(true)
    }
}
