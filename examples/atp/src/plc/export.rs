//! `atp plc export`

use std::{
    io::{self, IsTerminal},
    time::Duration,
};

use atproto_core::identity::plc::{ExportOptions, limits};
use clap::Args;
use futures::StreamExt;
use indicatif::ProgressBar;

use super::directory::Directory;
use crate::output::{self, Output};

/// Read the operations of all identities from a directory, one JSON object a line
///
/// Oldest first, a page at a time, patient with a directory that is busy or away. The last line's
/// `seq` is what the next run continues after.
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
    /// At the end wait for new operations, without end: ask again every so many seconds
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "5",
          value_parser = clap::value_parser!(u64).range(1..))]
    follow: Option<u64>,
    #[command(flatten)]
    directory: Directory,
}

impl Export {
    pub(super) async fn run(self, output: &mut Output) -> anyhow::Result<()> {
        let progress = progress();
        let result = self.read(output, &progress).await;
        progress.finish_and_clear();
        result
    }

    async fn read(&self, output: &mut Output, progress: &ProgressBar) -> anyhow::Result<()> {
        let client = self.directory.client()?;
        let entries = client.export_all(self.after, self.options());
        let entries = entries.take(self.limit.unwrap_or(usize::MAX));
        // What one answer brought is printed in one go.
        let mut pages = entries.ready_chunks(usize::from(self.count)).boxed();
        while let Some(page) = pages.next().await {
            for entry in page {
                let entry = entry?;
                output.line(serde_json::to_string(&entry)?)?;
                progress.set_position(entry.seq);
            }
            output.flush()?;
        }
        Ok(())
    }

    fn options(&self) -> ExportOptions {
        let limit = self.limit.and_then(|limit| u16::try_from(limit).ok());
        let page = limit.map_or(self.count, |limit| limit.clamp(1, self.count));
        let options = ExportOptions::default().page(page);
        match self.follow {
            Some(seconds) => options.follow(Duration::from_secs(seconds)),
            None => options,
        }
    }
}

/// Nothing where the lines themselves are seen to run.
fn progress() -> ProgressBar {
    if io::stdout().is_terminal() { ProgressBar::hidden() } else { output::counter("at seq") }
}

/// The most that a page holds.
const MAX_PAGE: u16 = limits::EXPORT_PAGE as u16;
