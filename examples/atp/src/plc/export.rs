//! `atp plc export`

use std::io::{self, IsTerminal};

use atproto_core::identity::plc::{ExportEntry, limits};
use clap::Args;
use indicatif::ProgressBar;

use super::directory::Directory;
use crate::output::{self, Output};

/// Read the operations of all identities from a directory, one JSON object a line
///
/// Oldest first, a page at a time. The last line's `seq` is what the next run continues after.
///
/// Example: atp plc export --after 1000000 --limit 5000 > operations.ndjson
#[derive(Args)]
pub(crate) struct Export {
    /// Continue after this sequence number
    #[arg(long, value_name = "SEQ", default_value_t = 0)]
    after: u64,
    /// Stop after so many operations
    #[arg(long, value_name = "COUNT")]
    limit: Option<usize>,
    /// Ask for so many operations at a time
    #[arg(long, value_name = "COUNT", default_value_t = MAX_PAGE,
          value_parser = clap::value_parser!(u16).range(1..=i64::from(MAX_PAGE)))]
    count: u16,
    #[command(flatten)]
    directory: Directory,
}

impl Export {
    pub(super) async fn run(self, output: &mut Output) -> anyhow::Result<()> {
        let progress = progress();
        let result = self.pages(output, &progress).await;
        progress.finish_and_clear();
        result
    }

    async fn pages(&self, output: &mut Output, progress: &ProgressBar) -> anyhow::Result<()> {
        let client = self.directory.client()?;
        let (mut after, mut left) = (self.after, self.limit.unwrap_or(usize::MAX));
        while left > 0 {
            let count = u16::try_from(left).map_or(self.count, |left| left.min(self.count));
            let page = client.export(after, count).await?;
            let Some(last) = page.last() else { break };
            after = last.seq;
            left -= print(page.iter().take(left), output)?;
            progress.set_position(after);
        }
        Ok(())
    }
}

fn print<'a>(
    entries: impl Iterator<Item = &'a ExportEntry>,
    output: &mut Output,
) -> anyhow::Result<usize> {
    let mut count = 0;
    for entry in entries {
        output.line(serde_json::to_string(entry)?)?;
        count += 1;
    }
    output.flush()?;
    Ok(count)
}

/// Nothing where the lines themselves are seen to run.
fn progress() -> ProgressBar {
    if io::stdout().is_terminal() { ProgressBar::hidden() } else { output::counter("at seq") }
}

/// The most that a page holds.
const MAX_PAGE: u16 = limits::EXPORT_PAGE as u16;
