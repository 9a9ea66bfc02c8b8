//! `lexgen diff`

use std::path::PathBuf;

use atproto_lexgen::diff::{self, Change};
use clap::Args;
use serde_json::{Value, json};

use crate::output::Output;

/// Compares two versions of lexicons, and says whom each change breaks.
///
/// Fails if a change breaks anybody.
#[derive(Debug, Args)]
pub(crate) struct Diff {
    /// The old version: a directory of documents or a single file
    old: PathBuf,
    /// The new version
    new: PathBuf,
    /// Leave out what breaks nobody
    #[arg(long)]
    breaking: bool,
}

impl Diff {
    pub(crate) fn run(self, output: &mut Output) -> anyhow::Result<bool> {
        let changes = diff::diff_paths(&self.old, &self.new)?;
        for change in changes.iter().filter(|it| !self.breaking || it.is_breaking()) {
            let verdict = if change.is_breaking() { "breaking" } else { "compatible" };
            output.item(&facts(change), format_args!("{verdict:10} {change}"))?;
        }
        let breaking = changes.iter().filter(|change| change.is_breaking()).count();
        output.summary(format_args!("{} changes, {breaking} of them breaking", changes.len()))?;
        Ok(breaking == 0)
    }
}

fn facts(change: &Change) -> Value {
    json!({
        "document": change.document,
        "path": change.path,
        "rule": change.rule.name(),
        "breaks": change.breaks.iter().map(|party| party.name()).collect::<Vec<_>>(),
        "message": change.message,
    })
}
