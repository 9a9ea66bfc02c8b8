//! Is this event true, and may this sender say it?
//!
//! [`Verifier::check`] joins the two halves of verification: the proof in the
//! event (`atproto_repo::sync`) and the identity it is held against (a
//! [`Resolver`]). Consumers and relays use the same.
//!
//! Rules:
//! - an identity that cannot be resolved *now* defers the event; it never
//!   passes and is never rejected for it;
//! - before a signature or a host counts as wrong, the identity is purged and
//!   resolved again, once: keys rotate and accounts move;
//! - who reads directly from a host passes its name, and then everything a
//!   host says about an account counts only if the account's document names it
//!   as its PDS.
//!
//! ```
//! # use std::sync::Arc;
//! use atproto_firehose::verify::{Outcome, Verifier};
//! # use atproto_core::identity::Resolver;
//! # use atproto_repo::event::Event;
//! # async fn example(resolver: Arc<dyn Resolver>, event: Event) {
//! let verifier = Verifier::new(resolver);
//! let checked = verifier.check(&event, None, Some("pds.example")).await;
//! match checked.verdict {
//!     Outcome::Accept(state) => { /* remember the state, pass it on */ }
//!     Outcome::Stale => {}
//!     Outcome::Discontinuous { state, why } => { /* a relay goes on, a mirror refetches */ }
//!     Outcome::Defer(error) => { /* try again later */ }
//!     Outcome::Reject(rejection) => println!("{}", rejection.label()),
//! }
//! # }
//! ```
//!
//! See the [sync specification](https://atproto.com/specs/sync).

mod host;
mod outcome;

use std::fmt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use atproto_core::crypto::PublicKey;
use atproto_core::identity::{DidDocument, ResolveError, Resolver};
use atproto_core::syntax::Did;
use atproto_lexicons::com::atproto::label::defs::Label;
use atproto_repo::event::{AccountEvent, Event};
use atproto_repo::sync::{
    RepoState, Verdict, VerifyContext, VerifyOptions, Violation, verify_commit, verify_sync,
};

use self::host::same_host;
pub use self::outcome::{Checked, Outcome, Rejection};
use crate::label::{LabelError, LabelVerifier};

/// Checks events against identities.
#[derive(Clone)]
pub struct Verifier {
    resolver: Arc<dyn Resolver>,
    labels: Arc<LabelVerifier>,
    options: VerifyOptions,
    clock: Arc<dyn Fn() -> u64 + Send + Sync>,
}

impl Verifier {
    /// A strict verifier. Give it a resolver with a cache: it asks for each
    /// event.
    pub fn new(resolver: Arc<dyn Resolver>) -> Self {
        let options = VerifyOptions::default();
        let labels = Arc::new(LabelVerifier::new(Arc::clone(&resolver)));
        Self { resolver, labels, options, clock: Arc::new(system_clock) }
    }

    /// Replaces the rules of `atproto_repo::sync`.
    #[must_use]
    pub fn options(mut self, options: VerifyOptions) -> Self {
        self.options = options;
        self
    }

    /// Replaces the clock, in unix microseconds, that revisions from the
    /// future are measured by.
    #[must_use]
    pub fn clock(mut self, clock: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Judges an event. `previous` is the state after the account's last
    /// accepted commit or sync. `host` is the PDS that the event came from
    /// directly (`pds.example` or `pds.example:8080`), or `None` if it came by
    /// way of a relay, which has checked that.
    pub async fn check(
        &self,
        event: &Event,
        previous: Option<RepoState>,
        host: Option<&str>,
    ) -> Checked {
        let Some(did) = event.did() else { return Checked::of(Outcome::Accept(None)) };
        if is_stale(event, previous.as_ref()) {
            return Checked::of(Outcome::Stale);
        }
        if matches!(event, Event::Identity(_)) {
            self.resolver.purge(did);
        }
        if host.is_none() && matches!(event, Event::Identity(_) | Event::Account(_)) {
            return Checked::of(Outcome::Accept(None));
        }
        let first = self.attempt(event, did, previous.as_ref(), host).await;
        if !first.may_be_outdated() {
            return Checked::of(first);
        }
        self.resolver.purge(did);
        let verdict = self.attempt(event, did, previous.as_ref(), host).await;
        Checked { verdict, refreshed: true }
    }

    /// Judges labels, each by itself, in their order. See [`LabelVerifier::verify`].
    pub async fn check_labels(&self, labels: &[Label]) -> Vec<Result<(), LabelError>> {
        let mut verdicts = Vec::with_capacity(labels.len());
        for label in labels {
            // A message has thousands of labels at most, and a signature takes some 50 µs:
            // others have their turn in between.
            tokio::task::consume_budget().await;
            verdicts.push(self.labels.verify(label).await);
        }
        verdicts
    }

    /// One look with what the resolver says now.
    async fn attempt(
        &self,
        event: &Event,
        did: &Did,
        previous: Option<&RepoState>,
        host: Option<&str>,
    ) -> Outcome {
        let document = match self.resolver.did(did).await {
            Ok(document) => document,
            Err(error) => return unresolved(event, error),
        };
        let key = match authorize(event, &document, host) {
            Ok(Some(key)) => key,
            Ok(None) => return Outcome::Accept(None),
            Err(rejection) => return Outcome::Reject(rejection),
        };
        let context = VerifyContext { key: &key, previous, now_micros: (self.clock)() };
        let verdict = match event {
            Event::Commit(commit) => verify_commit(commit, &context, &self.options),
            Event::Sync(sync) => verify_sync(sync, &context, &self.options),
            _ => return Outcome::Accept(None),
        };
        match verdict {
            Verdict::Accept(state) => Outcome::Accept(Some(state)),
            Verdict::Stale => Outcome::Stale,
            Verdict::Discontinuous { state, why } => Outcome::Discontinuous { state, why },
            Verdict::Violation(violation) => Outcome::Reject(Rejection::Violation(violation)),
        }
    }
}

/// Whether the account's document lets this host speak. For what is signed
/// also the key that must have signed it.
fn authorize(
    event: &Event,
    document: &DidDocument,
    host: Option<&str>,
) -> Result<Option<PublicKey>, Rejection> {
    let endpoint = document.pds_endpoint().ok_or(Rejection::NoHost)?;
    if host.is_some_and(|host| !same_host(endpoint, host)) {
        return Err(Rejection::WrongHost { named: endpoint.to_owned() });
    }
    if !matches!(event, Event::Commit(_) | Event::Sync(_)) {
        return Ok(None);
    }
    document.signing_key().map(Some).map_err(Rejection::NoKey)
}

fn unresolved(event: &Event, error: ResolveError) -> Outcome {
    // No host can be the PDS of a DID that was given up for good, and none is
    // needed to believe that such an account is not active.
    let gone = matches!(error, ResolveError::Tombstoned(_));
    if gone && matches!(event, Event::Account(AccountEvent { active: false, .. })) {
        return Outcome::Accept(None);
    }
    if error.is_transient() {
        Outcome::Defer(error)
    } else {
        Outcome::Reject(Rejection::Identity(error))
    }
}

/// A replay is recognised before anybody is asked about it.
fn is_stale(event: &Event, previous: Option<&RepoState>) -> bool {
    match (event, previous) {
        (Event::Commit(commit), Some(previous)) => commit.rev <= previous.rev,
        (Event::Sync(sync), Some(previous)) => sync.rev < previous.rev,
        _ => false,
    }
}

impl Outcome {
    /// Whether a fresher identity could change it.
    fn may_be_outdated(&self) -> bool {
        match self {
            Self::Reject(Rejection::Violation(violation)) => {
                matches!(violation, Violation::BadSignature { .. })
            }
            Self::Reject(_) => true,
            _ => false,
        }
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").field("options", &self.options).finish_non_exhaustive()
    }
}

fn system_clock() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}
