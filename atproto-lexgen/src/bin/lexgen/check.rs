//! `lexgen check`

use std::path::PathBuf;

use atproto_lexgen::lint::{Finding, Lint, Severity};
use clap::Args;
use serde_json::{Value, json};

use crate::output::Output;

/// Checks documents, the references among them, and their style.
///
/// Errors are what the language forbids, references that lead nowhere, and documents that
/// are there twice, if only by names that differ by case. Warnings follow the style guide.
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// Files, and directories of `.json` files
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// More documents that references may lead to; may be given several times
    #[arg(long, value_name = "DIR")]
    lexicons: Vec<PathBuf>,
    /// Fail for warnings too
    #[arg(long)]
    deny_warnings: bool,
}

impl Check {
    pub(crate) fn run(self, output: &mut Output) -> anyhow::Result<bool> {
        let lint = self.paths.into_iter().fold(Lint::new(), Lint::lexicons);
        let linted = self.lexicons.into_iter().fold(lint, Lint::known).run()?;
        for finding in &linted.findings {
            output.item(&facts(finding), finding)?;
        }
        let (errors, warnings) = (linted.count(Severity::Error), linted.count(Severity::Warning));
        let documents = linted.documents;
        output
            .summary(format_args!("{documents} documents, {errors} errors, {warnings} warnings"))?;
        Ok(errors == 0 && !(self.deny_warnings && warnings > 0))
    }
}

fn facts(finding: &Finding) -> Value {
    json!({
        "severity": finding.rule.severity().name(),
        "rule": finding.rule.name(),
        "file": finding.file,
        "line": finding.line,
        "document": finding.document,
        "path": finding.path.join("/"),
        "message": finding.message,
    })
}
