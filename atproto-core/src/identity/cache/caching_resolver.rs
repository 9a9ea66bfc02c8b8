//! The cache before a network.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use futures::future::{BoxFuture, Shared as SharedFuture, WeakShared};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::pace::Pace;
use super::{CacheConfig, CacheStats, IdentityCache, Lookup, Question, Ticket};
use crate::identity::{DidDocument, ResolveError, Resolver};
use crate::syntax::{Did, Handle};

/// A [`Resolver`] that remembers the answers of another one.
///
/// - Everyone who asks for the same thing at the same time waits for one request.
/// - Requests at the same time and in a second are limited, and so is the number that waits:
///   whoever invents a million handles makes this program slow for new names, not loud.
/// - [`purge`](Resolver::purge) forgets a DID, the handles that point to it, and what is
///   under way.
///
/// What is remembered, for how long, and what happens in an outage, is the business of
/// [`IdentityCache`]. Cloning shares the memory.
#[derive(Clone)]
pub struct CachingResolver {
    shared: Arc<Shared>,
    oldest: Option<Duration>,
}

impl CachingResolver {
    /// Puts a cache in front of a resolver.
    pub fn new(inner: Arc<dyn Resolver>, config: CacheConfig) -> Self {
        let seed = RandomState::new().hash_one("jitter");
        let memory = Memory {
            cache: IdentityCache::new(&config, seed),
            dids: Requests::default(),
            handles: Requests::default(),
        };
        let shared = Shared {
            inner,
            requests: Semaphore::new(config.concurrency.max(1)),
            pace: Pace::new(config.per_second),
            memory: Mutex::new(memory),
        };
        Self { shared: Arc::new(shared), oldest: None }
    }

    /// The same cache for those who need answers that are not older than this, whatever its
    /// lifetimes are: logins, for which the specification asks for
    /// [less than ten minutes](https://atproto.com/specs/oauth#identity-authentication).
    #[must_use]
    pub fn no_older_than(&self, age: Duration) -> Self {
        Self { shared: Arc::clone(&self.shared), oldest: Some(age) }
    }

    /// What has been done so far.
    pub fn stats(&self) -> CacheStats {
        self.shared.memory().cache.stats()
    }

    async fn resolve<Q: Request>(&self, question: &Q) -> Result<Q::Answer, ResolveError> {
        loop {
            let (looked, request) = {
                let mut memory = self.shared.memory();
                let now = Instant::now().into_std();
                let looked = memory.cache.look_up(now, question, self.oldest);
                let request = match &looked.lookup {
                    Lookup::Answer(answer) => return answer.clone(),
                    Lookup::Ask(ticket) => self.shared.begin(&mut memory, question, *ticket),
                    Lookup::Join(ticket) => match Q::requests(&mut memory).join(*ticket) {
                        Some(request) => request,
                        // Its last waiter has just gone, and with it the request.
                        None => {
                            memory.cache.abandoned(question, *ticket);
                            continue;
                        }
                    },
                };
                (looked, request)
            };
            let (ticket, answer) = request.await;
            let now = Instant::now().into_std();
            let cache = &mut self.shared.memory().cache;
            if let Some(answer) = cache.conclude(now, question, &looked, ticket, answer) {
                return answer;
            }
        }
    }
}

impl Resolver for CachingResolver {
    fn did<'a>(&'a self, did: &'a Did) -> BoxFuture<'a, Result<Arc<DidDocument>, ResolveError>> {
        self.resolve(did).boxed()
    }

    fn handle<'a>(&'a self, handle: &'a Handle) -> BoxFuture<'a, Result<Did, ResolveError>> {
        self.resolve(handle).boxed()
    }

    fn purge(&self, did: &Did) {
        self.shared.memory().cache.purge(did);
        self.shared.inner.purge(did);
    }
}

struct Shared {
    inner: Arc<dyn Resolver>,
    requests: Semaphore,
    pace: Pace,
    memory: Mutex<Memory>,
}

struct Memory {
    cache: IdentityCache,
    dids: Requests<Arc<DidDocument>>,
    handles: Requests<Did>,
}

impl Shared {
    /// A panic elsewhere leaves the memory whole: no lock is held while foreign code runs.
    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin<Q: Request>(
        self: &Arc<Self>,
        memory: &mut Memory,
        question: &Q,
        ticket: Ticket,
    ) -> SharedRequest<Q::Answer> {
        let under_way = UnderWay { shared: Arc::clone(self), question: question.clone(), ticket };
        let request = async move { (ticket, under_way.ask().await) }.boxed().shared();
        Q::requests(memory).insert(ticket, &request);
        request
    }
}

/// A request, which is over when this is dropped, with or without an answer.
struct UnderWay<Q: Request> {
    shared: Arc<Shared>,
    question: Q,
    ticket: Ticket,
}

impl<Q: Request> UnderWay<Q> {
    async fn ask(&self) -> Result<Q::Answer, ResolveError> {
        let answer = match self.shared.requests.acquire().await {
            Ok(_permit) => {
                self.shared.pace.turn().await;
                self.question.ask(&*self.shared.inner).await
            }
            Err(closed) => Err(ResolveError::Unavailable(Arc::new(closed))),
        };
        let now = Instant::now().into_std();
        self.shared.memory().cache.answered(now, &self.question, self.ticket, &answer);
        answer
    }
}

impl<Q: Request> Drop for UnderWay<Q> {
    fn drop(&mut self) {
        let mut memory = self.shared.memory();
        memory.cache.abandoned(&self.question, self.ticket);
        Q::requests(&mut memory).remove(self.ticket);
    }
}

/// A question that a resolver can be asked.
trait Request: Question<Answer: Send + Sync + 'static> + Send + Sync + 'static {
    fn ask<'a>(
        &'a self,
        resolver: &'a dyn Resolver,
    ) -> BoxFuture<'a, Result<Self::Answer, ResolveError>>;

    fn requests(memory: &mut Memory) -> &mut Requests<Self::Answer>;
}

impl Request for Did {
    fn ask<'a>(
        &'a self,
        resolver: &'a dyn Resolver,
    ) -> BoxFuture<'a, Result<Arc<DidDocument>, ResolveError>> {
        resolver.did(self)
    }

    fn requests(memory: &mut Memory) -> &mut Requests<Arc<DidDocument>> {
        &mut memory.dids
    }
}

impl Request for Handle {
    fn ask<'a>(&'a self, resolver: &'a dyn Resolver) -> BoxFuture<'a, Result<Did, ResolveError>> {
        resolver.handle(self)
    }

    fn requests(memory: &mut Memory) -> &mut Requests<Did> {
        &mut memory.handles
    }
}

type Landing<V> = BoxFuture<'static, (Ticket, Result<V, ResolveError>)>;
type SharedRequest<V> = SharedFuture<Landing<V>>;

/// Requests under way. Only those who wait hold a request: when the last one goes, it ends.
struct Requests<V>(HashMap<Ticket, WeakShared<Landing<V>>>);

impl<V> Default for Requests<V> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<V: Clone> Requests<V> {
    fn insert(&mut self, ticket: Ticket, request: &SharedRequest<V>) {
        if let Some(request) = request.downgrade() {
            self.0.insert(ticket, request);
        }
    }

    fn join(&self, ticket: Ticket) -> Option<SharedRequest<V>> {
        self.0.get(&ticket)?.upgrade()
    }

    fn remove(&mut self, ticket: Ticket) {
        self.0.remove(&ticket);
    }
}
