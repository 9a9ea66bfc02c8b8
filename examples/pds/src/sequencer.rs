//! Numbers events and makes them public.
//!
//! Every change of an account leaves its event in the account's own outbox, in the same
//! transaction. The sequencer takes the events of all outboxes, appends them to the one
//! log, which gives them their sequence numbers and syncs them before any subscriber sees
//! them, and only then takes them out of the outboxes.
//!
//! A crash may come between the last two steps. Then an event is in the log and still in
//! its outbox. It is recognised by its key, the DID and the outbox id, which the log
//! stores beside the frame:
//!
//! - never are more than [`BATCH`] events in both places, because one batch is taken out
//!   of the outboxes before the next is appended; so the tail of the log of that length
//!   tells of each waiting event whether it is there;
//! - never does an event overtake an earlier one of the same account, because an outbox is
//!   always drained from its oldest event on;
//! - never is an event appended twice or forgotten, whatever is killed when.

use std::{
    collections::{BTreeSet, HashMap, HashSet, VecDeque},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use atproto_core::syntax::Did;
use atproto_firehose::{
    log::{Entry, LogError},
    producer::{AppendError, Producer},
};
use atproto_repo::event::Event;
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::{
    app::commit_span,
    database::DatabaseError,
    store::{ActorStore, ActorStores, outbox::Waiting},
};

/// The most events of one batch, and so the length of the log's tail that is compared
/// after a crash.
pub const BATCH: usize = 512;
/// The most events of one account in a batch: a busy account waits its turn.
const PER_ACCOUNT: usize = 64;
/// The bytes after which no more events of one account go into a batch: an event has two
/// million at most.
const PER_ACCOUNT_BYTES: usize = 1_000_000;
/// Outboxes that are read or cleared at one time.
const PARALLEL: usize = 16;
/// The pause after a failure of a store before it is tried again.
const PAUSE: Duration = Duration::from_secs(1);

/// The accounts whose outboxes have something in them, in the order in which they came.
/// An account is in it once, however many events it has.
#[derive(Debug, Default)]
pub struct Pending {
    queue: Mutex<Queue>,
    arrived: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    order: VecDeque<Did>,
    members: HashSet<Did>,
}

impl Pending {
    /// Notes that an account's outbox has something in it.
    pub fn add(&self, did: &Did) {
        let mut queue = self.lock();
        if queue.members.insert(did.clone()) {
            queue.order.push_back(did.clone());
        }
        drop(queue);
        self.arrived.notify_one();
    }

    /// How many accounts wait.
    pub fn count(&self) -> usize {
        self.lock().order.len()
    }

    /// Takes up to `limit` accounts out; waits for the first. Cancel safe.
    async fn take(&self, limit: usize) -> Vec<Did> {
        loop {
            let arrived = self.arrived.notified();
            {
                let mut queue = self.lock();
                let count = queue.order.len().min(limit);
                if count > 0 {
                    let taken: Vec<Did> = queue.order.drain(..count).collect();
                    for did in &taken {
                        queue.members.remove(did);
                    }
                    return taken;
                }
            }
            arrived.await;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why sequencing stopped. Writes are refused from then on: an acknowledged change must
/// become public.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SequencerError {
    /// The log cannot be written.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// The log's tail cannot be read.
    #[error(transparent)]
    Tail(#[from] LogError),
}

/// Whether events still get their numbers.
#[derive(Debug, Clone, Default)]
pub struct Running(Arc<AtomicBool>);

impl Running {
    /// Whether they do.
    pub fn is_ok(&self) -> bool {
        !self.0.load(Ordering::Acquire)
    }

    fn stop(&self) {
        self.0.store(true, Ordering::Release);
    }
}

/// The one task that moves events from the outboxes to the log.
#[derive(Debug)]
pub struct Sequencer {
    producer: Producer,
    stores: Arc<ActorStores>,
    pending: Arc<Pending>,
    running: Running,
    /// What the log's tail held at the start. Only events that waited then can be in it.
    tail: HashSet<Bytes>,
    /// What is in the log and could not be taken out of its outbox yet.
    uncleared: HashMap<Did, i64>,
}

impl Sequencer {
    /// A sequencer over the log's producer. Reads the log's tail. Blocking.
    pub fn new(
        producer: Producer,
        stores: Arc<ActorStores>,
        pending: Arc<Pending>,
        running: Running,
    ) -> Result<Self, SequencerError> {
        let tail = producer.log().tail(BATCH)?.into_iter().map(|entry| entry.key).collect();
        Ok(Self { producer, stores, pending, running, tail, uncleared: HashMap::new() })
    }

    /// Runs until it is asked to stop and nothing waits any more, or the log fails. What a
    /// killed process leaves undone is done at the next start.
    pub async fn run(mut self, stop: CancellationToken) {
        loop {
            let accounts = tokio::select! {
                biased;
                accounts = self.pending.take(BATCH) => accounts,
                () = stop.cancelled() => return,
            };
            if let Err(error) = self.drain(accounts).await {
                self.running.stop();
                tracing::error!(%error, "sequencing has stopped; writes are refused");
                return;
            }
        }
    }

    /// Moves what waits for these accounts, or a batch of it.
    async fn drain(&mut self, accounts: Vec<Did>) -> Result<(), SequencerError> {
        let loads = self.collect(accounts).await;
        let mut news = Vec::new();
        for load in &loads {
            let did = load.store.did();
            let fresh = load.events.iter().filter(|waiting| self.is_new(did, waiting.id));
            news.extend(fresh.map(|waiting| (did, waiting)));
        }
        if !news.is_empty() {
            let entries = news.iter().map(|(did, waiting)| entry(did, waiting)).collect();
            let seqs = self.producer.append(entries).await?;
            for (seq, (did, waiting)) in seqs.zip(&news) {
                announce(did, seq, &waiting.event);
            }
        }
        self.clear(loads).await;
        Ok(())
    }

    /// Reads the outboxes, up to a batch together. Accounts that have to wait, for room or
    /// because their store failed, go back into the queue.
    async fn collect(&self, accounts: Vec<Did>) -> Vec<Load> {
        let reads = accounts.into_iter().map(|did| {
            let after = self.uncleared.get(&did).copied().unwrap_or(0);
            async move {
                let load = Load::read(&self.stores, &did, after).await;
                (did, load)
            }
        });
        let mut reads = stream::iter(reads).buffered(PARALLEL);
        let mut loads = Vec::new();
        let mut room = BATCH;
        while let Some((did, load)) = reads.next().await {
            match load {
                Ok(Some(mut load)) => {
                    if load.more || load.events.len() > room {
                        self.pending.add(&did);
                    }
                    load.events.truncate(room);
                    room -= load.events.len();
                    loads.push(load);
                }
                Ok(None) => {}
                Err(error) => self.postpone(did, &error),
            }
        }
        loads
    }

    /// Whether the log does not have an event yet.
    fn is_new(&mut self, did: &Did, id: i64) -> bool {
        let known = self.tail.remove(&key(did, id));
        if known {
            tracing::info!(%did, id, "in the log already");
        }
        !known
    }

    /// Takes what is in the log out of the outboxes, and does not return before it is all
    /// out: see the module's first promise.
    async fn clear(&mut self, loads: Vec<Load>) {
        for load in &loads {
            if let Some(last) = load.events.last() {
                self.uncleared.insert(load.store.did().clone(), last.id);
            }
        }
        let mut rest = loads;
        while !rest.is_empty() {
            let jobs = rest.into_iter().map(Load::clear);
            let results: Vec<_> = stream::iter(jobs).buffer_unordered(PARALLEL).collect().await;
            rest = Vec::new();
            for result in results {
                match result {
                    Ok(did) => {
                        self.uncleared.remove(&did);
                    }
                    Err((load, error)) => {
                        tracing::error!(did = %load.store.did(), %error, "outbox not cleared");
                        rest.push(load);
                    }
                }
            }
            if !rest.is_empty() {
                tokio::time::sleep(PAUSE).await;
            }
        }
    }

    /// One account's store failed. It must not hold up the others.
    fn postpone(&self, did: Did, error: &DatabaseError) {
        tracing::error!(%did, %error, "outbox not read");
        let pending = Arc::clone(&self.pending);
        tokio::spawn(async move {
            tokio::time::sleep(PAUSE).await;
            pending.add(&did);
        });
    }
}

/// Events of one account on their way.
struct Load {
    store: Arc<ActorStore>,
    events: Vec<Waiting>,
    /// Whether there are later ones in the outbox.
    more: bool,
}

impl Load {
    async fn read(
        stores: &ActorStores,
        did: &Did,
        after: i64,
    ) -> Result<Option<Self>, DatabaseError> {
        // An account that is gone has nothing left to tell.
        let Some(store) = stores.open(did).await? else { return Ok(None) };
        let (events, more) = store
            .read(move |view| {
                let events = view.waiting(after, PER_ACCOUNT, PER_ACCOUNT_BYTES)?;
                let last = events.last().map_or(after, |waiting| waiting.id);
                Ok::<_, DatabaseError>((events, view.has_waiting_after(last)?))
            })
            .await?;
        Ok(Some(Self { store, events, more }))
    }

    async fn clear(self) -> Result<Did, (Self, DatabaseError)> {
        let Some(last) = self.events.last().map(|event| event.id) else {
            return Ok(self.store.did().clone());
        };
        match self.store.write(move |edit| edit.sequenced(last)).await {
            Ok(()) => Ok(self.store.did().clone()),
            Err(error) => Err((self, error)),
        }
    }
}

/// Finds the accounts whose outboxes have something in them, after a start.
///
/// Every account's store is looked at, because only it knows.
pub async fn scan(
    stores: &ActorStores,
    accounts: impl IntoIterator<Item = Did>,
    pending: &Pending,
) -> Result<usize, DatabaseError> {
    let found: BTreeSet<Did> = stream::iter(accounts)
        .map(|did| async move {
            let Some(store) = stores.open(&did).await? else { return Ok(None) };
            let waits = store.read(|view| view.has_waiting()).await?;
            Ok::<_, DatabaseError>(waits.then_some(did))
        })
        .buffer_unordered(PARALLEL)
        .try_filter_map(|found| async move { Ok(found) })
        .try_collect()
        .await?;
    for did in &found {
        pending.add(did);
    }
    Ok(found.len())
}

fn entry(did: &Did, waiting: &Waiting) -> Entry {
    let event = waiting.event.clone();
    Entry::new(key(did, waiting.id), move |seq| event.with_seq(seq).encode())
}

/// The line that ties an event's number to the commit's line in the log.
fn announce(did: &Did, seq: i64, event: &Event) {
    let rev = match event {
        Event::Commit(commit) => Some(commit.rev),
        Event::Sync(sync) => Some(sync.rev),
        _ => None,
    };
    let Some(rev) = rev else {
        tracing::info!(%did, seq, kind = event.kind(), "sequenced");
        return;
    };
    commit_span("sequence", did, rev).in_scope(|| {
        tracing::info!(seq, kind = event.kind(), "sequenced");
    });
}

/// What the log knows an event by.
fn key(did: &Did, id: i64) -> Bytes {
    let mut key = did.as_str().as_bytes().to_vec();
    key.push(0);
    key.extend_from_slice(&id.to_be_bytes());
    key.into()
}
