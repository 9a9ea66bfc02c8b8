//! What is remembered of identities, without a clock and without a network.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::answers::{Answers, Bad, Flight, Good, Ticket};
use super::breaker::Breaker;
use super::config::CacheConfig;
use super::error::{DirectoryDown, TooManyRequests};
use super::lru::Lru;
use super::question::Question;
use super::stats::CacheStats;
use super::weight::Weight;
use crate::identity::ResolveError;
use crate::syntax::{Did, Handle};

/// The memory of a [`CachingResolver`](super::CachingResolver): the time comes in as an
/// argument, and what is to be asked goes out.
///
/// 1. [`look_up`](Self::look_up) gives an answer, or a [`Ticket`] for a request.
/// 2. Whoever was told to [`Ask`](Lookup::Ask) makes the request and reports it with
///    [`answered`](Self::answered), or with [`abandoned`](Self::abandoned).
/// 3. Everyone who waited for the request learns from [`conclude`](Self::conclude) what its
///    answer means for them.
///
/// The age of an answer is counted from the moment at which its request began. Times are
/// expected not to go back.
///
/// ```
/// use std::time::Instant;
/// use atproto_core::identity::cache::{CacheConfig, IdentityCache, Lookup};
/// use atproto_core::syntax::{Did, Handle};
///
/// let (now, handle) = (Instant::now(), Handle::new("alice.example.com")?);
/// let mut cache = IdentityCache::new(&CacheConfig::default(), 1);
/// let question = cache.look_up(now, &handle, None);
/// let Lookup::Ask(ticket) = question.lookup else { panic!("nothing is known yet") };
/// // … the request is made …
/// let answer = Ok(Did::new("did:web:alice.example.com")?);
/// cache.answered(now, &handle, ticket, &answer);
/// assert!(matches!(cache.look_up(now, &handle, None).lookup, Lookup::Answer(Ok(_))));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct IdentityCache {
    pub(super) dids: Answers<Did>,
    pub(super) handles: Answers<Handle>,
    directory: Breaker,
    /// When each DID was last purged, for the answers that name it.
    purges: Lru<Did, Ticket>,
    /// The latest purge that is no longer in that table.
    forgotten_purge: Ticket,
    /// Requests, lookups and purges in their order.
    next: u64,
    random: u64,
    max_age: Duration,
    negative: Duration,
    pending: usize,
    stats: CacheStats,
}

/// What [`IdentityCache::look_up`] found, to be shown again to
/// [`IdentityCache::conclude`].
#[derive(Debug, Clone)]
pub struct Looked<V> {
    /// What is to be done.
    pub lookup: Lookup<V>,
    at: Ticket,
    oldest: Option<Duration>,
}

/// What is to be done about a question.
#[derive(Debug, Clone)]
pub enum Lookup<V> {
    /// Nothing: this is the answer.
    Answer(Result<V, ResolveError>),
    /// Make a request under this ticket.
    Ask(Ticket),
    /// Wait for the request with this ticket.
    Join(Ticket),
}

impl IdentityCache {
    /// An empty cache. The seed determines how lifetimes are spread.
    pub fn new(config: &CacheConfig, seed: u64) -> Self {
        Self {
            dids: Answers::new(config.did_fresh, config.capacity, config.bytes),
            handles: Answers::new(config.handle_fresh, config.capacity, config.bytes),
            directory: Breaker::default(),
            purges: Lru::new(config.capacity, usize::MAX),
            forgotten_purge: Ticket(0),
            next: 1,
            random: seed,
            max_age: config.max_age,
            negative: config.negative,
            pending: config.pending.max(1),
            stats: CacheStats::default(),
        }
    }

    /// Answers a question from memory, or says which request to make or to wait for.
    ///
    /// `oldest` limits the age of the answer beyond what the lifetimes do; a request under
    /// way that began before that is not good enough either.
    pub fn look_up<Q: Question>(
        &mut self,
        now: Instant,
        question: &Q,
        oldest: Option<Duration>,
    ) -> Looked<Q::Answer> {
        let at = self.ticket();
        self.stats.lookups += 1;
        let lookup = match self.find(now, question, oldest) {
            Some(answer) => {
                self.stats.hits += 1;
                Lookup::Answer(answer)
            }
            None => self.request(now, question, oldest),
        };
        Looked { lookup, at, oldest }
    }

    /// Takes in the answer to a request, and remembers it unless something was purged since
    /// the request began.
    pub fn answered<Q: Question>(
        &mut self,
        now: Instant,
        question: &Q,
        ticket: Ticket,
        answer: &Result<Q::Answer, ResolveError>,
    ) {
        if question.is_for_directory() {
            match answer {
                Err(error) if error.is_transient() => self.directory.failed(now),
                _ => self.directory.succeeded(),
            }
        }
        let Some(flight) = Q::answers(self).land(question, ticket) else { return };
        match answer {
            Ok(answer) if !self.is_purged::<Q>(ticket, answer) => {
                self.keep(question, flight, answer.clone());
            }
            Ok(_) => {}
            Err(error) => self.keep_error(now, question, flight, error.clone()),
        }
    }

    /// Takes in that a request was given up: the next one who asks makes another.
    pub fn abandoned<Q: Question>(&mut self, question: &Q, ticket: Ticket) {
        Q::answers(self).land(question, ticket);
    }

    /// What the answer to a request means for one who waited for it: the answer; or an older
    /// one where no new one can be had; or `None`: to be asked again, because the answer was
    /// on its way before a purge and the question came after it.
    pub fn conclude<Q: Question>(
        &mut self,
        now: Instant,
        question: &Q,
        looked: &Looked<Q::Answer>,
        ticket: Ticket,
        answer: Result<Q::Answer, ResolveError>,
    ) -> Option<Result<Q::Answer, ResolveError>> {
        match answer {
            Ok(answer) => {
                let purged = self.last_purge::<Q>(&answer);
                let outdated = purged.is_some_and(|purged| ticket < purged && purged < looked.at);
                (!outdated).then_some(Ok(answer))
            }
            Err(error) if error.is_transient() => {
                Some(self.stale(now, question, looked.oldest).ok_or(error))
            }
            Err(error) => Some(Err(error)),
        }
    }

    /// Forgets a DID, the handle that its document claims, and every handle that points to
    /// it. Answers to requests that are under way are not remembered, and whoever asks from
    /// now on is not given them.
    pub fn purge(&mut self, did: &Did) {
        let now = self.ticket();
        if let Some(document) = self.dids.forget(did)
            && let Some(handle) = document.handle()
        {
            self.handles.forget(&handle);
        }
        for (_, evicted) in self.purges.insert(did.clone(), now, did.weight()) {
            self.forgotten_purge = self.forgotten_purge.max(evicted);
        }
    }

    /// What has happened so far, and what is held at present.
    pub fn stats(&self) -> CacheStats {
        CacheStats {
            dids: self.dids.len(),
            handles: self.handles.len(),
            pending: self.dids.flights.len() + self.handles.flights.len(),
            bytes: self.dids.bytes() + self.handles.bytes() + self.purges.bytes(),
            directory_down: self.directory.is_open(),
            ..self.stats
        }
    }

    /// An answer that may be given without asking anyone.
    fn find<Q: Question>(
        &mut self,
        now: Instant,
        question: &Q,
        oldest: Option<Duration>,
    ) -> Option<Result<Q::Answer, ResolveError>> {
        let recent = |began: Instant| oldest.is_none_or(|oldest| now - began <= oldest);
        if self.drop_expired(now, question) {
            let good = Q::answers(self).good.get(question)?;
            if now >= good.ask_again {
                return None;
            }
            if recent(good.began) {
                let (answer, stale) = (good.answer.clone(), good.failure.is_some());
                self.stats.stale += u64::from(stale);
                return Some(Ok(answer));
            }
            // Too old for this question, and a newer one could not be had a moment ago.
            return good.failure.clone().map(Err);
        }
        let bad = Q::answers(self).bad.get(question)?;
        let error = (now < bad.ask_again && recent(bad.began)).then(|| bad.error.clone())?;
        self.stats.negative += 1;
        Some(Err(error))
    }

    /// A request to make or to wait for, if another one is admitted.
    fn request<Q: Question>(
        &mut self,
        now: Instant,
        question: &Q,
        oldest: Option<Duration>,
    ) -> Lookup<Q::Answer> {
        if let Some(flight) = Q::answers(self).flights.get(question).copied()
            && now - flight.began < self.max_age
            && oldest.is_none_or(|oldest| now - flight.began <= oldest)
        {
            self.stats.misses += 1;
            return Lookup::Join(flight.ticket);
        }
        let refusal = if self.stats().pending >= self.pending {
            ResolveError::Unavailable(Arc::new(TooManyRequests { limit: self.pending }))
        } else if question.is_for_directory() && !self.directory.admit(now) {
            ResolveError::Unavailable(Arc::new(DirectoryDown))
        } else {
            self.stats.misses += 1;
            self.stats.requests += 1;
            let ticket = self.ticket();
            Q::answers(self).flights.insert(question.clone(), Flight { ticket, began: now });
            return Lookup::Ask(ticket);
        };
        let stale = self.stale(now, question, oldest);
        self.stats.refused += u64::from(stale.is_none());
        Lookup::Answer(stale.ok_or(refusal))
    }

    /// An old answer that may stand in for one that cannot be had.
    fn stale<Q: Question>(
        &mut self,
        now: Instant,
        question: &Q,
        oldest: Option<Duration>,
    ) -> Option<Q::Answer> {
        if !self.drop_expired(now, question) {
            return None;
        }
        let good = Q::answers(self).good.get(question)?;
        if oldest.is_some_and(|oldest| now - good.began > oldest) {
            return None;
        }
        let answer = good.answer.clone();
        self.stats.stale += 1;
        Some(answer)
    }

    /// Whether there is a good answer that may still be used; one that may not is removed.
    fn drop_expired<Q: Question>(&mut self, now: Instant, question: &Q) -> bool {
        let max_age = self.max_age;
        let Some(good) = Q::answers(self).good.get(question) else { return false };
        let (ticket, answer) = (good.ticket, good.answer.clone());
        let expired = now - good.began >= max_age || self.is_purged::<Q>(ticket, &answer);
        if expired {
            Q::answers(self).good.remove(question);
        }
        !expired
    }

    fn keep<Q: Question>(&mut self, question: &Q, flight: Flight, answer: Q::Answer) {
        let fresh = Q::answers(self).fresh;
        let ask_again = flight.began + self.jitter(fresh);
        let Flight { ticket, began } = flight;
        let good = Good { answer, ticket, began, ask_again, failure: None };
        self.stats.evictions += Q::answers(self).keep_good(question, good) as u64;
    }

    fn keep_error<Q: Question>(
        &mut self,
        now: Instant,
        question: &Q,
        flight: Flight,
        error: ResolveError,
    ) {
        let ask_again = now + self.jitter(self.negative);
        if error.is_transient()
            && self.drop_expired(now, question)
            && let Some(good) = Q::answers(self).good.get(question)
        {
            good.ask_again = ask_again;
            good.failure = Some(error);
            return;
        }
        let bad = Bad { error, began: flight.began, ask_again };
        self.stats.evictions += Q::answers(self).keep_bad(question, bad) as u64;
    }

    /// Whether the DID that an answer names was purged after the answer's request began.
    fn is_purged<Q: Question>(&mut self, ticket: Ticket, answer: &Q::Answer) -> bool {
        self.last_purge::<Q>(answer).is_some_and(|purged| ticket < purged)
    }

    /// The last purge of the DID that an answer names, as far as known: later rather than
    /// earlier.
    fn last_purge<Q: Question>(&mut self, answer: &Q::Answer) -> Option<Ticket> {
        let did = Q::subject(answer)?;
        Some(self.purges.get(did).copied().unwrap_or(self.forgotten_purge))
    }

    /// Between three quarters of the time and all of it: what was learned in one moment is
    /// not asked again in one moment.
    fn jitter(&mut self, time: Duration) -> Duration {
        // SplitMix64; nothing depends on its quality.
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        time / 256 * (192 + (mixed >> 32) as u32 % 65)
    }

    fn ticket(&mut self) -> Ticket {
        let ticket = Ticket(self.next);
        self.next += 1;
        ticket
    }
}
