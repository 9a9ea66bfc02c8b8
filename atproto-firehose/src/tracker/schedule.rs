//! Which repository is fetched when.

use std::collections::{BTreeSet, HashSet};
use std::io;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use atproto_core::identity::{DidDocument, ResolveError};
use atproto_core::syntax::Did;
use futures::FutureExt;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::fetch::{FetchError, Fetcher, Told};
use super::pacer::{PaceLimits, Pacer, Served};
use super::progress::Meter;
use super::source::SourceError;
use crate::checkpoint::Due;
use crate::consumer::driver::now;
use crate::state::{Postponed, StoreError};

/// Fetches what is wanted, for as long as it is polled.
pub(super) struct Scheduler {
    fetcher: Arc<Fetcher>,
    meter: Arc<Meter>,
    pacer: Pacer<Job>,
    /// What is looked up, waits for its host, is fetched or told of.
    active: HashSet<Did>,
    /// Hosts for which too many wait.
    full: BTreeSet<String>,
    tasks: JoinSet<()>,
    reports: mpsc::UnboundedSender<Report>,
    incoming: mpsc::UnboundedReceiver<Report>,
    postponed: Vec<Postponed>,
    looked: Option<Instant>,
    /// The last look found more than it could take.
    more: bool,
}

/// A repository whose host is known.
struct Job {
    due: Due,
    document: Arc<DidDocument>,
}

enum Report {
    Located(Due, Result<Arc<DidDocument>, ResolveError>),
    /// The host has done its part.
    Served {
        domain: Arc<str>,
        due: Due,
        host: String,
        told: Result<Told, FetchError>,
    },
    /// Everything is settled and stored.
    Settled(Did),
}

impl Scheduler {
    pub(super) fn new(fetcher: Fetcher, meter: Arc<Meter>, limits: PaceLimits) -> Self {
        // Unbounded in form only: each that is active has at most two reports under way.
        let (reports, incoming) = mpsc::unbounded_channel();
        Self {
            fetcher: Arc::new(fetcher),
            meter,
            pacer: Pacer::new(limits),
            active: HashSet::new(),
            full: BTreeSet::new(),
            tasks: JoinSet::new(),
            reports,
            incoming,
            postponed: Vec::new(),
            looked: None,
            more: false,
        }
    }

    /// Never ends by itself.
    pub(super) async fn run(mut self) {
        // What is fetched before the stream is open may change unseen.
        let opened = |intake: &crate::intake::Intake| intake.stats().connections > 0;
        self.fetcher.shared.until(opened).await;
        loop {
            if let Err(error) = self.refill().await {
                tracing::warn!(%error, "wanted repositories cannot be looked up");
            }
            self.begin();
            let look = self.looked.map_or_else(now, |looked| looked + LOOK);
            let next = self.pacer.poll_timeout(now()).map_or(look, |next| next.min(look));
            tokio::select! {
                biased;
                Some(report) = self.incoming.recv() => self.handle(report),
                () = tokio::time::sleep_until(next.into()) => {}
            }
            while let Ok(report) = self.incoming.try_recv() {
                self.handle(report);
            }
            while self.tasks.try_join_next().is_some() {}
        }
    }

    /// Notes what is postponed, and takes up more of what is due.
    async fn refill(&mut self) -> Result<(), StoreError> {
        let looked_lately = self.looked.is_some_and(|looked| now() < looked + LOOK);
        let is_low = self.active.len() < LOW || self.pacer.waiting() == 0;
        if looked_lately && !(is_low && self.more) {
            return Ok(());
        }
        self.looked = Some(now());
        let Some(store) = self.fetcher.shared.store.tracking() else { return Ok(()) };
        if !self.postponed.is_empty() {
            store.postpone(self.postponed.clone()).await?;
            for one in self.postponed.drain(..) {
                self.active.remove(&one.did);
            }
        }
        if self.active.len() >= MAX_ACTIVE {
            return Ok(());
        }
        self.full.retain(|host| self.pacer.is_full(host));
        let max = self.active.len() + BATCH;
        let due = store.due(self.unix_now(), max, self.full.clone()).await?;
        self.more = due.len() == max;
        for due in due {
            let did = due.wanted.did.clone();
            if self.active.len() < MAX_ACTIVE && self.active.insert(did) {
                self.locate(due);
            }
        }
        Ok(())
    }

    fn locate(&mut self, due: Due) {
        let (reports, fetcher) = (self.reports.clone(), Arc::clone(&self.fetcher));
        self.tasks.spawn(async move {
            // Neither resolver nor source is the tracker's own code: if one panics, that is a failure.
            let located = AssertUnwindSafe(fetcher.resolver.did(&due.wanted.did)).catch_unwind();
            let document = located.await.unwrap_or_else(|_| {
                Err(ResolveError::Unavailable(Arc::new(io::Error::other("the resolver panicked"))))
            });
            let _ = reports.send(Report::Located(due, document));
        });
    }

    /// Begins what hosts can be asked for now.
    fn begin(&mut self) {
        while let Some((domain, Job { due, document })) = self.pacer.poll(now()) {
            let (reports, fetcher) = (self.reports.clone(), Arc::clone(&self.fetcher));
            self.meter.requests.fetch_add(1, Ordering::Relaxed);
            self.tasks.spawn(async move {
                let told = AssertUnwindSafe(fetcher.fetch(&due, &document)).catch_unwind().await;
                let told = told.unwrap_or(Err(FetchError::Panicked));
                let (did, host) = (due.wanted.did.clone(), host_of(&document).to_owned());
                let is_told = told.as_ref().is_ok_and(|told| *told != Told::Behind);
                let _ = reports.send(Report::Served { domain, due, host, told });
                if is_told {
                    fetcher.settled(&did).await;
                    let _ = reports.send(Report::Settled(did));
                }
            });
        }
    }

    fn handle(&mut self, report: Report) {
        match report {
            Report::Located(due, Ok(document)) => {
                let host = host_of(&document).to_owned();
                let job = Job { due, document };
                if let Err(Job { due, .. }) = self.pacer.push(&host, job) {
                    self.full.insert(host.clone());
                    self.postpone(&due, Some(host), due.attempts, Duration::ZERO, None);
                }
            }
            Report::Located(due, Err(error)) => {
                let wait = wait_after(due.attempts);
                let error = Some(error.to_string());
                self.postpone(&due, None, due.attempts + 1, wait, error);
            }
            Report::Served { domain, due, host, told } => {
                self.pacer.done(&domain, served(&told), now());
                self.served(&due, host, told);
            }
            Report::Settled(did) => {
                self.meter.fetched.fetch_add(1, Ordering::Relaxed);
                self.active.remove(&did);
            }
        }
    }

    fn served(&mut self, due: &Due, host: String, told: Result<Told, FetchError>) {
        let error = match told {
            Ok(Told::Behind) => {
                self.active.remove(&due.wanted.did);
                return;
            }
            Ok(told) => {
                tracing::debug!(did = %due.wanted.did, reason = %due.wanted.reason, ?told, "fetched");
                return;
            }
            Err(error) => error,
        };
        let attempts = due.attempts;
        let (attempts, wait) = match &error {
            FetchError::Busy => (attempts, BUSY),
            FetchError::Stopped => {
                self.active.remove(&due.wanted.did);
                return;
            }
            // Nothing is wrong with the repository.
            FetchError::Source(SourceError::RateLimited { retry_after }) => {
                (attempts, retry_after.unwrap_or(BUSY).min(MAX_BACKOFF))
            }
            // The account may have moved, or its key may have changed.
            FetchError::Source(SourceError::Gone(_) | SourceError::NoHost)
            | FetchError::Verify(_)
            | FetchError::Key(_)
                if attempts == 0 =>
            {
                self.fetcher.resolver.purge(&due.wanted.did);
                (1, Duration::ZERO)
            }
            _ => (attempts + 1, wait_after(attempts)),
        };
        tracing::info!(did = %due.wanted.did, host, attempts, %error, "not fetched");
        self.meter.failed.fetch_add(1, Ordering::Relaxed);
        let error = (attempts > due.attempts).then(|| error.to_string());
        self.postpone(due, Some(host), attempts, wait, error);
    }

    fn unix_now(&self) -> i64 {
        self.fetcher.shared.with(|intake| intake.unix_micros(now()))
    }

    fn postpone(
        &mut self,
        due: &Due,
        host: Option<String>,
        attempts: u32,
        wait: Duration,
        error: Option<String>,
    ) {
        let wait = i64::try_from(wait.as_micros()).unwrap_or(i64::MAX / 2);
        let at = self.unix_now().saturating_add(wait);
        let (did, token) = (due.wanted.did.clone(), due.token);
        self.postponed.push(Postponed { did, token, attempts, at, host, error });
    }
}

/// What the pacer is to know.
fn served(told: &Result<Told, FetchError>) -> Served {
    match told {
        Err(FetchError::Source(SourceError::RateLimited { retry_after })) => {
            Served::Limited(*retry_after)
        }
        Err(FetchError::Source(error)) if error.is_of_host() => Served::Badly,
        _ => Served::Well,
    }
}

/// The host of an account; accounts without one share a place in the queue.
fn host_of(document: &DidDocument) -> &str {
    let endpoint = document.pds_endpoint().unwrap_or_default();
    endpoint.split_once("://").map_or(endpoint, |(_, host)| host)
}

/// How long a repository is left alone that could not be fetched so often before.
fn wait_after(attempts: u32) -> Duration {
    BACKOFF.saturating_mul(2_u32.saturating_pow(attempts)).min(MAX_BACKOFF)
}

/// How often wanted repositories are looked for, at least.
const LOOK: Duration = Duration::from_millis(200);

/// More are looked for at once when fewer than so many are active.
const LOW: usize = 64;

/// Looked up at a time.
const BATCH: usize = 256;

/// Repositories in memory that are wanted, wait, or are not settled. Ours: some 10 MB.
const MAX_ACTIVE: usize = 8_192;

/// The first and the longest wait after a repository could not be fetched.
const BACKOFF: Duration = Duration::from_secs(5);
const MAX_BACKOFF: Duration = Duration::from_secs(6 * 3_600);

/// How long what is busy is left alone.
const BUSY: Duration = Duration::from_secs(1);
