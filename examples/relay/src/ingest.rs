//! What becomes of one event of a host.
//!
//! Cheap questions come first: events that were seen, revisions that are passed, accounts
//! that are inactive need no identity and no signature. Then the DID document must name the
//! sending host, and only then is there work on signatures and trees.
//!
//! - What is invalid is refused and counted under its reason.
//! - What is valid but does not follow the known state is passed on, since whoever consumes
//!   it has to repair its copy; the relay has none.
//! - What cannot be judged, because an identity cannot be resolved, waits. Waiting holds its
//!   place in the host's lanes, so a host with many such events is not read any further.

mod account;
mod commit;
mod counts;
mod identity;
mod paced;
mod refusal;

use std::sync::Arc;
use std::time::Duration;

use atproto_core::identity::Resolver;
use atproto_core::syntax::Did;
use atproto_firehose::verify::{self, Verifier};
use atproto_repo::event::Event;
use atproto_repo::sync::{RepoState, VerifyOptions};
use metrics::histogram;
use tokio::time::{Instant, sleep};

use crate::change::{Change, Effect, Origin};
use crate::clock;
use crate::hostname::Hostname;
use crate::locks::{AccountGuard, Locks};
use crate::metrics::VERIFY_SECONDS;
use crate::sequencer::{Ended, Submit};
use crate::store::{Account, Store};
pub use counts::Counts;
use paced::Paced;
pub use refusal::Refusal;
use refusal::Samples;

/// The first pause while an identity cannot be resolved, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(15));

/// Judges events and hands on what is true.
pub struct Ingest {
    store: Store,
    submit: Submit,
    locks: Locks,
    resolver: Arc<dyn Resolver>,
    verifier: Verifier,
    patience: Duration,
    account_limit: u64,
    counts: Counts,
    samples: Samples,
}

/// How events are judged.
#[derive(Debug, Clone)]
pub struct IngestOptions {
    /// How long an event may wait for its identity.
    pub patience: Duration,
    /// Between two looks past the resolver's memory for one DID.
    pub refresh: Duration,
    /// Accounts of a host that is not trusted.
    pub account_limit: u64,
}

/// Who sends an event.
#[derive(Debug, Clone)]
pub struct Sender {
    /// The host.
    pub host: Hostname,
    /// Whether its accounts are without limit.
    pub trusted: bool,
}

/// What became of an event.
#[derive(Debug)]
#[non_exhaustive]
pub enum Outcome {
    /// It was seen before.
    Duplicate,
    /// It was made public under this number.
    Forwarded(i64),
    /// The account is not active.
    Inactive,
    /// It was noted and is not passed on.
    Noted,
    /// It says what was said a moment ago.
    Redundant,
    /// It is not true, or cannot be known to be.
    Refused(Refusal),
    /// The account is past it.
    Stale,
}

/// The words for outcomes, for metrics.
pub const OUTCOMES: [&str; 7] =
    ["duplicate", "forwarded", "inactive", "noted", "redundant", "refused", "stale"];

/// An event, who sent it, and what is known of its account.
struct Case<'a> {
    sender: &'a Sender,
    did: &'a Did,
    known: Option<Account>,
}

/// What is to be done with a true event.
enum Decision {
    /// It is made public, perhaps not word for word.
    Forward(Box<Event>, Effect),
    /// Its effect is noted.
    Note(Effect),
}

/// A decision, or the outcome of an event with which nothing is to be done.
type Judgement = Result<Decision, Outcome>;

impl Ingest {
    /// Sets up judging.
    pub fn new(
        store: Store,
        submit: Submit,
        resolver: Arc<dyn Resolver>,
        options: &IngestOptions,
    ) -> Self {
        let resolver: Arc<dyn Resolver> = Arc::new(Paced::new(resolver, options.refresh));
        // Records are for those who use them to judge; a relay passes on what it cannot read.
        let rules = VerifyOptions::default().check_records(false);
        Self {
            store,
            submit,
            locks: Locks::default(),
            verifier: Verifier::new(Arc::clone(&resolver)).options(rules),
            resolver,
            patience: options.patience,
            account_limit: options.account_limit,
            counts: Counts::default(),
            samples: Samples::default(),
        }
    }

    /// What has become of events so far.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Judges an event and does what follows. Returns when that is durable.
    ///
    /// Dropping the future is safe: what was accepted by then becomes public all the same, and
    /// is recognised when it comes again.
    pub async fn handle(&self, sender: &Sender, event: Event) -> Result<Outcome, Ended> {
        let (Some(did), Some(seq)) = (event.did().cloned(), event.seq()) else {
            return Ok(Outcome::Noted);
        };
        let guard = self.locks.lock(&did).await;
        let known = self.known(&did).await;
        let case = Case { sender, did: &did, known };
        let judgement = match case.check_new(seq) {
            Ok(()) => self.judge(&case, event).await,
            Err(outcome) => Err(outcome),
        };
        let outcome = match judgement {
            Ok(decision) => self.carry_out(&case, seq, decision, guard).await?,
            Err(outcome) => outcome,
        };
        self.count(&case, seq, &outcome);
        Ok(outcome)
    }

    /// Takes an account down, or ends that, and says so. `None` if the account is not known.
    pub async fn take_down(&self, did: &Did, on: bool) -> Result<Option<i64>, Ended> {
        let guard = self.locks.lock(did).await;
        let Some(mut account) = self.known(did).await else { return Ok(None) };
        account.taken_down = on;
        let event = account::announcement(&account);
        let change =
            Change { did: did.clone(), origin: Origin::Operator, effect: Effect::Takedown(on) };
        self.submit.forward(event, change, guard).await.map(Some)
    }

    /// Counts a message that is no event, although its kind says so.
    pub fn refuse_malformed(&self, sender: &Sender, error: &dyn std::error::Error) {
        self.counts.count_refusal("malformed");
        if self.samples.is_due("malformed") {
            tracing::info!(host = %sender.host, %error, "a malformed event was refused");
        }
    }

    async fn judge(&self, case: &Case<'_>, event: Event) -> Judgement {
        case.check_content(&event)?;
        self.check(case, &event).await?;
        match event {
            Event::Commit(event) => commit::commit(event),
            Event::Sync(event) => commit::sync(event),
            Event::Identity(event) => self.identity(case, event).await,
            Event::Account(event) => Ok(account::account(case, event)),
            Event::Info(_) => Err(Outcome::Noted),
        }
    }

    /// Whether the event is true and the sender may say it. Waits, within patience, while
    /// nobody can tell.
    async fn check(&self, case: &Case<'_>, event: &Event) -> Result<(), Outcome> {
        let start = Instant::now();
        let mut pause = PAUSES.0;
        loop {
            let attempt = Instant::now();
            let host = case.sender.host.as_str();
            let checked = self.verifier.check(event, case.previous(), Some(host)).await;
            histogram!(VERIFY_SECONDS, "step" => "event").record(attempt.elapsed());
            match checked.verdict {
                verify::Outcome::Accept(_) => return Ok(()),
                verify::Outcome::Discontinuous { why, .. } => {
                    self.counts.count_discontinuity(why.label());
                    return Ok(());
                }
                verify::Outcome::Stale => return Err(Outcome::Stale),
                verify::Outcome::Reject(rejection) => {
                    return Err(Refusal::Rejected(rejection).into());
                }
                verify::Outcome::Defer(error) if start.elapsed() + pause > self.patience => {
                    return Err(Refusal::Unresolved(error).into());
                }
                verify::Outcome::Defer(_) => sleep(clock::jittered(pause)).await,
            }
            pause = (2 * pause).min(PAUSES.1);
        }
    }

    async fn carry_out(
        &self,
        case: &Case<'_>,
        seq: i64,
        decision: Decision,
        guard: AccountGuard,
    ) -> Result<Outcome, Ended> {
        if let Err(refusal) = self.check_room(case).await {
            return Ok(Outcome::Refused(refusal));
        }
        let origin = Origin::Host { host: case.sender.host.clone(), seq };
        let change = |effect| Change { did: case.did.clone(), origin, effect };
        match decision {
            Decision::Forward(event, effect) => {
                self.submit.forward(*event, change(effect), guard).await.map(Outcome::Forwarded)
            }
            Decision::Note(effect) => {
                self.submit.note(change(effect), guard).await.map(|()| Outcome::Noted)
            }
        }
    }

    /// Whether the host may have one account more, if this is one.
    async fn check_room(&self, case: &Case<'_>) -> Result<(), Refusal> {
        if case.is_here() || case.sender.trusted {
            return Ok(());
        }
        match self.store.host(&case.sender.host).await {
            Ok(Some(host)) if host.accounts.unsigned_abs() >= self.account_limit => {
                Err(Refusal::AccountLimit { limit: self.account_limit })
            }
            Ok(_) => Ok(()),
            Err(error) => {
                // The limit is against abuse; that the store fails is seen where it matters.
                tracing::warn!(%error, "the number of a host's accounts is not known");
                Ok(())
            }
        }
    }

    /// What is known of an account. A store that fails is waited for: without it nothing can
    /// be said of the event.
    async fn known(&self, did: &Did) -> Option<Account> {
        loop {
            match self.store.account(did).await {
                Ok(account) => return account,
                Err(error) => {
                    tracing::error!(%error, "the store cannot be read; trying again");
                    sleep(Duration::from_secs(1)).await;
                }
            }
        }
    }

    fn count(&self, case: &Case<'_>, seq: i64, outcome: &Outcome) {
        self.counts.count(outcome);
        let Outcome::Refused(refusal) = outcome else { return };
        let reason = refusal.reason();
        // Whoever sends falsehoods must not decide how much is logged.
        if self.samples.is_due(reason) {
            let (host, did) = (&case.sender.host, case.did);
            tracing::info!(%host, %did, upstream_seq = seq, reason, error = %refusal, "refused");
        }
    }
}

impl Case<'_> {
    /// Whether the account was last seen at the sender.
    fn is_here(&self) -> bool {
        self.known.as_ref().is_some_and(|account| account.host == self.sender.host)
    }

    /// The account, if it was last seen at the sender.
    fn here(&self) -> Option<&Account> {
        self.known.as_ref().filter(|account| account.host == self.sender.host)
    }

    fn check_new(&self, seq: i64) -> Result<(), Outcome> {
        match self.here() {
            Some(account) if account.host_seq >= seq => Err(Outcome::Duplicate),
            _ => Ok(()),
        }
    }

    /// What can be said of content without looking into it. What another host said of its own
    /// copy of the account does not matter.
    fn check_content(&self, event: &Event) -> Result<(), Outcome> {
        let rev = match event {
            Event::Commit(event) => event.rev,
            Event::Sync(event) => event.rev,
            _ => return Ok(()),
        };
        let taken_down = self.known.as_ref().is_some_and(|account| account.taken_down);
        if taken_down || self.here().is_some_and(|account| !account.standing.active) {
            return Err(Outcome::Inactive);
        }
        match self.previous() {
            Some(previous) if rev <= previous.rev => Err(Outcome::Stale),
            _ => Ok(()),
        }
    }

    /// The state that a commit should follow.
    fn previous(&self) -> Option<RepoState> {
        let repo = self.known.as_ref()?.repo?;
        Some(RepoState { rev: repo.rev, data: repo.data })
    }
}

impl Outcome {
    /// A word for metrics: one of [`OUTCOMES`].
    pub fn label(&self) -> &'static str {
        match self {
            Self::Duplicate => "duplicate",
            Self::Forwarded(_) => "forwarded",
            Self::Inactive => "inactive",
            Self::Noted => "noted",
            Self::Redundant => "redundant",
            Self::Refused(_) => "refused",
            Self::Stale => "stale",
        }
    }
}

impl From<Refusal> for Outcome {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}
