//! `lexgen build`

use std::path::PathBuf;

use atproto_lexgen::Config;
use clap::Args;
use serde_json::json;

use crate::output::Output;

/// Generates Rust types, or compares with what was generated before.
#[derive(Debug, Args)]
pub(crate) struct Build {
    /// A directory of documents; may be given several times
    #[arg(long, required = true, value_name = "DIR")]
    lexicons: Vec<PathBuf>,
    /// The directory that receives `lexicons.rs` and `lexicons/`
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Change nothing; fail if the output would differ
    #[arg(long)]
    check: bool,
    /// List invalid documents and leave them out
    #[arg(long)]
    skip_invalid: bool,
    /// Hide each namespace behind a Cargo feature
    #[arg(long)]
    features: bool,
    /// Keep descriptions out of the doc comments
    #[arg(long)]
    omit_descriptions: bool,
}

impl Build {
    pub(crate) fn run(self, output: &mut Output) -> anyhow::Result<bool> {
        let mut config = Config::new()
            .out(self.out)
            .skip_invalid(self.skip_invalid)
            .features(self.features)
            .omit_descriptions(self.omit_descriptions);
        for path in self.lexicons {
            config = config.lexicons(path);
        }
        let report = if self.check { config.check()? } else { config.build()? };
        for skipped in &report.skipped {
            output.summary(format_args!("skipped {skipped}"))?;
        }
        for unresolved in &report.unresolved {
            output.summary(format_args!("untyped {unresolved}"))?;
        }
        let skipped = report.skipped.iter().map(ToString::to_string).collect::<Vec<_>>();
        let unresolved = report.unresolved.iter().map(ToString::to_string).collect::<Vec<_>>();
        let facts = json!({
            "documents": report.documents,
            "files": report.files,
            "skipped": skipped,
            "unresolved": unresolved,
        });
        let text = format_args!("{} documents, {} files", report.documents, report.files);
        output.item(&facts, text)?;
        Ok(true)
    }
}
