//! The task around an [`Intake`]: it does what the intake says and decides
//! nothing.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use std::{fmt, io};

use atproto_core::identity::ResolveError;
use atproto_core::syntax::Did;
use bytes::Bytes;
use futures::FutureExt;
use tokio::sync::{Notify, mpsc};

use super::options::Judge;
use super::spool::SpoolDir;
use super::transport::{FrameSource, Transport, TransportError};
use crate::checkpoint::{Checkpoint, Head};
use crate::event::Labels;
use crate::intake::{Action, Delivered, EntryId, Intake};
use crate::label::LabelError;
use crate::state::{Store, StoreError};
use crate::verify::Outcome;

/// The reason with which a drain halts the intake.
pub(crate) const DRAINED: &str = "drained";

/// What the task, the consumer and its deliveries share.
pub(crate) struct Shared {
    intake: Mutex<Intake>,
    pub(crate) store: Arc<dyn Store>,
    /// There may be something for the task to do.
    work: Notify,
    /// Something may be ready, drained or stopped.
    progress: Notify,
}

impl Shared {
    pub(crate) fn new(intake: Intake, store: Arc<dyn Store>) -> Self {
        let (work, progress) = (Notify::new(), Notify::new());
        Self { intake: Mutex::new(intake), store, work, progress }
    }

    /// Looks at the intake.
    pub(crate) fn with<R>(&self, look: impl FnOnce(&Intake) -> R) -> R {
        look(&self.lock())
    }

    /// Tells the intake something, and wakes the task to draw the
    /// consequences.
    pub(crate) fn update<R>(&self, change: impl FnOnce(&mut Intake) -> R) -> R {
        let result = change(&mut self.lock());
        self.work.notify_one();
        result
    }

    /// The next delivery, before a deadline if there is one. `None` if none
    /// will come.
    pub(crate) async fn next(&self, deadline: Option<Instant>) -> Option<Delivered> {
        self.wait(deadline, |intake| intake.poll_delivery(now())).await
    }

    /// What a batch begins with: a delivery, or nothing where the checkpoint
    /// alone is wanted. `None` if nothing will come.
    pub(crate) async fn begin_batch(&self) -> Option<Option<Delivered>> {
        self.wait(None, |intake| match intake.poll_delivery(now()) {
            Some(delivered) => Some(Some(delivered)),
            None => intake.wants_checkpoint().then_some(None),
        })
        .await
    }

    async fn wait<T>(
        &self,
        deadline: Option<Instant>,
        poll: impl Fn(&mut Intake) -> Option<T>,
    ) -> Option<T> {
        loop {
            let progress = self.progress.notified();
            tokio::pin!(progress);
            // From here on a notification is not missed.
            progress.as_mut().enable();
            {
                let mut intake = self.lock();
                if let Some(found) = poll(&mut intake) {
                    drop(intake);
                    self.work.notify_one();
                    return Some(found);
                }
                if intake.halted().is_some() && intake.is_drained() {
                    return None;
                }
            }
            match deadline {
                None => progress.await,
                Some(deadline) => {
                    tokio::time::timeout_at(deadline.into(), progress).await.ok()?;
                }
            }
        }
    }

    /// Waits until something is so. False if the intake stopped before.
    pub(crate) async fn until(&self, is_so: impl Fn(&Intake) -> bool) -> bool {
        loop {
            let progress = self.progress.notified();
            tokio::pin!(progress);
            progress.as_mut().enable();
            let (so, over) = self.with(|intake| {
                let over = intake.halted().is_some() && intake.is_at_rest();
                (is_so(intake), over)
            });
            if so || over {
                return so;
            }
            progress.await;
        }
    }

    /// Waits until everything is settled, and stored as far as the consumer
    /// stores it by itself.
    pub(crate) async fn drained(&self) {
        loop {
            let progress = self.progress.notified();
            tokio::pin!(progress);
            progress.as_mut().enable();
            if self.with(Intake::is_at_rest) {
                return;
            }
            progress.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Intake> {
        // The intake's own methods do not panic half way.
        self.intake.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

/// The time, which tests can stop.
pub(crate) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// What tasks of the driver report.
enum Report {
    Connected(Result<Box<dyn FrameSource>, TransportError>),
    Head(EntryId, Did, Result<Option<Head>, StoreError>),
    Verified(EntryId, Outcome),
    LabelsVerified(EntryId, Vec<Result<(), LabelError>>),
    Parked(EntryId, Result<Option<Bytes>, StoreError>),
    Saved(Result<(), StoreError>),
    Spooled(EntryId, io::Result<()>),
    Unspooled(EntryId, io::Result<Bytes>),
}

struct Driver {
    shared: Arc<Shared>,
    transports: Vec<Arc<dyn Transport>>,
    judge: Judge,
    spool: Option<Arc<SpoolDir>>,
    source: Option<Box<dyn FrameSource>>,
    reports: mpsc::UnboundedSender<Report>,
}

/// Runs until the consumer is dropped.
pub(crate) async fn drive(
    shared: Arc<Shared>,
    transports: Vec<Arc<dyn Transport>>,
    judge: Judge,
    spool: Option<Arc<SpoolDir>>,
) {
    // Unbounded in form only: one connection, one save, as many verifications
    // and frames to and from the spool as the intake allows, and as many heads
    // as there are events in flight are under way.
    let (reports, mut incoming) = mpsc::unbounded_channel();
    let mut driver = Driver { shared, transports, judge, spool, source: None, reports };
    loop {
        driver.act();
        let shared = Arc::clone(&driver.shared);
        let (wants, timeout) = shared.with(|intake| (intake.wants_frames(), intake.poll_timeout()));
        tokio::select! {
            // In this order, not in any: what a run does then depends on nothing but what comes
            // in, and what frees memory goes before what takes it.
            biased;
            () = shared.work.notified() => {}
            report = incoming.recv() => {
                if let Some(report) = report {
                    driver.handle_report(report);
                }
            }
            () = sleep_until(timeout) => shared.lock().handle_timeout(now()),
            frame = next_frame(&mut driver.source), if wants => driver.handle_frame(frame),
        }
    }
}

impl Driver {
    /// Does all that is to be done now.
    fn act(&mut self) {
        loop {
            let action = self.shared.lock().poll_action(now());
            match action {
                Some(action) => self.perform(action),
                None => break,
            }
        }
        self.shared.progress.notify_waiters();
    }

    fn perform(&mut self, action: Action) {
        match action {
            Action::Connect { upstream, cursor } => {
                let Some(transport) = self.transports.get(upstream).cloned() else { return };
                let filter = self.shared.with(|intake| intake.filter().clone());
                let connected = async move { transport.connect_filtered(cursor, filter).await };
                self.ask(connected.map(Report::Connected), || Report::Connected(Err(panicked())));
            }
            Action::Disconnect { reason } => {
                self.source = None;
                tracing::info!(reason, "disconnecting from the upstream");
                self.shared.lock().handle_closed(now(), reason);
            }
            Action::LoadHead { id, did } => self.load_head(id, did),
            Action::Verify { id, event, previous } => {
                let Some((verifier, host)) = self.judge.clone() else { return };
                let verified = async move {
                    let checked = verifier.check(&event, previous, host.as_deref()).await;
                    // The intake takes the message back out of its Arc.
                    drop(event);
                    checked.verdict
                };
                self.ask(verified.map(move |outcome| Report::Verified(id, outcome)), move || {
                    let error = ResolveError::Unavailable(Arc::new(Panicked));
                    Report::Verified(id, Outcome::Defer(error))
                });
            }
            Action::VerifyLabels { id, labels } => self.verify_labels(id, labels),
            Action::Spool { id, frame } => {
                self.ask_spool(move |spool| Report::Spooled(id, spool.write(id, &frame)));
            }
            Action::Unspool { id } => {
                self.ask_spool(move |spool| Report::Unspooled(id, spool.take(id)));
            }
            Action::Discard { id } => {
                if let Some(spool) = &self.spool {
                    spool.discard(id);
                }
            }
            Action::LoadParked { id, parked } => self.load_parked(id, parked),
            Action::Persist(checkpoint) => self.save(checkpoint),
        }
    }

    fn verify_labels(&self, id: EntryId, labels: Arc<Labels>) {
        let Some((verifier, _)) = self.judge.clone() else { return };
        let count = labels.labels.len();
        let verified = async move { verifier.check_labels(&labels.labels).await };
        let verified = verified.map(move |verdicts| Report::LabelsVerified(id, verdicts));
        self.ask(verified, move || {
            let error = ResolveError::Unavailable(Arc::new(Panicked));
            Report::LabelsVerified(id, vec![Err(LabelError::Identity(error)); count])
        });
    }

    /// Asks the store. What it has at hand is taken up without a task.
    fn load_head(&self, id: EntryId, did: Did) {
        let (store, account) = (Arc::clone(&self.shared.store), did.clone());
        let look = async move { store.head(&account).await };
        let mut look = AssertUnwindSafe(look).catch_unwind().boxed();
        let found = |head: Caught<_>| head.unwrap_or_else(|_| Err(StoreError::new(Panicked)));
        match (&mut look).now_or_never() {
            Some(head) => self.handle_head(id, &did, found(head)),
            None => {
                let reports = self.reports.clone();
                tokio::spawn(async move {
                    let _ = reports.send(Report::Head(id, did, found(look.await)));
                });
            }
        }
    }

    fn load_parked(&self, id: EntryId, parked: u64) {
        let store = Arc::clone(&self.shared.store);
        let frame = async move { store.parked_frame(parked).await };
        self.ask(frame.map(move |frame| Report::Parked(id, frame)), move || {
            Report::Parked(id, Err(StoreError::new(Panicked)))
        });
    }

    /// Runs what is not the consumer's own code: a transport, a resolver, a store. If it panics
    /// that is a failure like others, `lost`, and is tried again.
    fn ask(
        &self,
        work: impl Future<Output = Report> + Send + 'static,
        lost: impl FnOnce() -> Report + Send + 'static,
    ) {
        let reports = self.reports.clone();
        tokio::spawn(async move {
            let report = AssertUnwindSafe(work).catch_unwind().await;
            let _ = reports.send(report.unwrap_or_else(|_| lost()));
        });
    }

    fn ask_spool(&self, ask: impl FnOnce(&SpoolDir) -> Report + Send + 'static) {
        // Without a spool the intake has no use for one.
        let Some(spool) = self.spool.clone() else { return };
        let reports = self.reports.clone();
        tokio::task::spawn_blocking(move || {
            let _ = reports.send(ask(&spool));
        });
    }

    fn save(&self, checkpoint: Box<Checkpoint>) {
        let store = Arc::clone(&self.shared.store);
        let saved = async move { store.save(*checkpoint).await };
        self.ask(saved.map(Report::Saved), || Report::Saved(Err(StoreError::new(Panicked))));
    }

    fn handle_report(&mut self, report: Report) {
        match report {
            Report::Connected(Ok(source)) => {
                let mut intake = self.shared.lock();
                intake.handle_connected(now());
                // It is not wanted any more if the intake was halted meanwhile.
                self.source = intake.stats().connected.then_some(source);
            }
            Report::Connected(Err(error)) => self.handle_error(&error),
            Report::Verified(id, outcome) => {
                self.shared.lock().handle_verified(now(), id, outcome);
            }
            Report::LabelsVerified(id, verdicts) => {
                self.shared.lock().handle_labels_verified(now(), id, verdicts);
            }
            Report::Head(id, did, head) => self.handle_head(id, &did, head),
            Report::Spooled(id, Ok(())) => self.shared.lock().handle_spooled(id),
            Report::Spooled(id, Err(error)) => {
                tracing::warn!(%error, "an event cannot be written to the spool");
                self.shared.lock().handle_spool_failed(id);
            }
            Report::Unspooled(id, Ok(frame)) => {
                self.shared.lock().handle_unspooled(now(), id, frame);
            }
            Report::Unspooled(id, Err(error)) => {
                tracing::warn!(%error, "an event cannot be read from the spool");
                self.shared.lock().handle_unspool_failed(id);
            }
            Report::Parked(id, Ok(frame)) => self.shared.lock().handle_parked(now(), id, frame),
            Report::Parked(id, Err(error)) => {
                tracing::error!(%error, "a parked event cannot be read and will be tried again");
                self.shared.lock().handle_parked_failed(now(), id);
            }
            Report::Saved(Ok(())) => self.shared.lock().handle_persisted(),
            Report::Saved(Err(error)) if error.is_fenced() => {
                tracing::error!(%error, "the consumer stops");
                self.shared.lock().handle_fenced();
            }
            Report::Saved(Err(error)) => {
                tracing::error!(%error, "a checkpoint cannot be stored and will be tried again");
                self.shared.lock().handle_persist_failed(now());
            }
        }
    }

    fn handle_head(&self, id: EntryId, did: &Did, head: Result<Option<Head>, StoreError>) {
        match head {
            Ok(head) => self.shared.lock().handle_head(id, head),
            Err(error) => {
                tracing::error!(%error, %did, "the state of an account cannot be read");
                self.shared.lock().handle_head_failed(now(), id);
            }
        }
    }

    fn handle_frame(&mut self, frame: Option<Result<Bytes, TransportError>>) {
        match frame {
            Some(Ok(frame)) => self.shared.lock().handle_frame(now(), frame),
            Some(Err(error)) => self.handle_error(&error),
            None => {
                self.source = None;
                self.shared.lock().handle_closed(now(), "closed");
            }
        }
    }

    fn handle_error(&mut self, error: &TransportError) {
        tracing::warn!(%error, "the connection to the upstream failed");
        self.source = None;
        let mut intake = self.shared.lock();
        intake.handle_closed(now(), error.label);
        if error.permanent {
            intake.handle_refused(error.to_string());
        }
    }
}

async fn next_frame(
    source: &mut Option<Box<dyn FrameSource>>,
) -> Option<Result<Bytes, TransportError>> {
    match source {
        Some(source) => {
            let frame = AssertUnwindSafe(source.next_frame()).catch_unwind().await;
            frame.unwrap_or_else(|_| Some(Err(panicked())))
        }
        None => std::future::pending().await,
    }
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

/// Code that the consumer was given panicked. The panic itself is reported by its hook.
#[derive(Debug, thiserror::Error)]
#[error("it panicked")]
struct Panicked;

fn panicked() -> TransportError {
    TransportError { label: "panic", permanent: false, source: Panicked.into() }
}

/// What [`FutureExt::catch_unwind`] gives.
type Caught<T> = std::thread::Result<T>;
