//! The operations of all identities, page by page.

use std::collections::VecDeque;
use std::time::Duration;

use futures::stream::{self, Stream};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep_until};

use super::{PlcClient, PlcClientError};
use crate::identity::plc::{SignedOperation, limits};
use crate::syntax::{Cid, Datetime, Did};

/// A line of the export with sequence numbers. The export stream has the same form.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExportEntry {
    /// The position in the directory's log, to continue after.
    pub seq: u64,
    /// The identity.
    pub did: Did,
    /// The operation.
    pub operation: SignedOperation,
    /// Its CID.
    pub cid: Cid,
    /// When the directory accepted it.
    pub created_at: Datetime,
}

/// How [`PlcClient::export_all`] reads.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ExportOptions {
    /// Entries in a page, at most [`limits::EXPORT_PAGE`]. One page is held in memory.
    /// Default: 1000.
    pub page: u16,
    /// The time between the beginnings of two requests. Default: 250 ms.
    pub pace: Duration,
    /// At the end: ask again after this time, without end; `None` ends the stream.
    /// Default: `None`.
    pub follow: Option<Duration>,
    /// How many requests in a row may fail for reasons of the network before the stream ends
    /// with the error. Default: 8, which is some four minutes.
    pub attempts: u32,
    /// The longest pause after a failure, also where the directory asks for a longer one.
    /// Default: 2 minutes.
    pub longest_pause: Duration,
}

impl Default for ExportOptions {
    fn default() -> Self {
        Self {
            page: 1000,
            pace: Duration::from_millis(250),
            follow: None,
            attempts: 8,
            longest_pause: Duration::from_secs(120),
        }
    }
}

impl ExportOptions {
    /// Sets [`page`](Self::page).
    #[must_use]
    pub fn page(mut self, entries: u16) -> Self {
        self.page = entries;
        self
    }

    /// Sets [`pace`](Self::pace).
    #[must_use]
    pub fn pace(mut self, pace: Duration) -> Self {
        self.pace = pace;
        self
    }

    /// Sets [`follow`](Self::follow).
    #[must_use]
    pub fn follow(mut self, interval: Duration) -> Self {
        self.follow = Some(interval);
        self
    }

    /// Sets [`attempts`](Self::attempts).
    #[must_use]
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts;
        self
    }

    /// Sets [`longest_pause`](Self::longest_pause).
    #[must_use]
    pub fn longest_pause(mut self, pause: Duration) -> Self {
        self.longest_pause = pause;
        self
    }
}

/// The pages of an export and the pauses between their requests.
struct Pages {
    client: PlcClient,
    options: ExportOptions,
    after: u64,
    page: VecDeque<ExportEntry>,
    next_request: Instant,
    ended: bool,
}

pub(super) fn pages(
    client: PlcClient,
    after: u64,
    options: ExportOptions,
) -> impl Stream<Item = Result<ExportEntry, PlcClientError>> + Send + 'static {
    let next_request = Instant::now();
    let page = VecDeque::new();
    let pages = Pages { client, options, after, page, next_request, ended: false };
    stream::unfold(pages, |mut pages| async { Some((pages.next().await?, pages)) })
}

impl Pages {
    async fn next(&mut self) -> Option<Result<ExportEntry, PlcClientError>> {
        loop {
            if let Some(entry) = self.page.pop_front() {
                if entry.seq <= self.after {
                    self.ended = true;
                    self.page.clear();
                    return Some(Err(PlcClientError::Order { seq: entry.seq, after: self.after }));
                }
                self.after = entry.seq;
                return Some(Ok(entry));
            }
            if self.ended {
                return None;
            }
            match self.fetch().await {
                Ok(page) => self.turn(page),
                Err(error) => {
                    self.ended = true;
                    return Some(Err(error));
                }
            }
        }
    }

    /// A page that is not full is the last one for now.
    fn turn(&mut self, page: Vec<ExportEntry>) {
        if page.len() < page_size(self.options.page) {
            match self.options.follow {
                Some(interval) => self.next_request += interval.max(self.options.pace),
                None => self.ended = true,
            }
        } else {
            self.next_request += self.options.pace;
        }
        self.page = page.into();
    }

    async fn fetch(&mut self) -> Result<Vec<ExportEntry>, PlcClientError> {
        let mut failures = 0;
        loop {
            sleep_until(self.next_request).await;
            self.next_request = Instant::now();
            let error = match self.client.export(self.after, self.options.page).await {
                Ok(page) => return Ok(page),
                Err(error) => error,
            };
            failures += 1;
            if !error.is_transient() || failures >= self.options.attempts {
                return Err(error);
            }
            let pause = error.retry_after().unwrap_or_else(|| backoff(failures));
            let pause = pause.min(self.options.longest_pause);
            tracing::debug!(?pause, failures, %error, "the export goes on after a pause");
            self.next_request = Instant::now() + pause;
        }
    }
}

/// One page from the lines of an answer.
pub(super) fn lines<T: DeserializeOwned>(body: &[u8]) -> Result<Vec<T>, PlcClientError> {
    body.split(|byte| *byte == b'\n')
        .filter(|line| !line.trim_ascii().is_empty())
        .map(|line| Ok(serde_json::from_slice(line)?))
        .collect()
}

pub(super) fn page_size(count: u16) -> usize {
    usize::from(count).clamp(1, limits::EXPORT_PAGE)
}

/// Doubles with every failure, and varies by half: many clients of one directory do not come
/// back at the same moment.
fn backoff(failures: u32) -> Duration {
    let longest = FIRST_PAUSE * (1 << failures.min(10));
    longest / 2 + longest.mul_f64(f64::from(random()) / f64::from(u32::MAX) / 2.0)
}

fn random() -> u32 {
    getrandom::u32().unwrap_or_default()
}

/// Half of the longest pause after the first failure. Ours.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
