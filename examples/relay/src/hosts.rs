//! The hosts that are subscribed to: one task and one socket each.

mod check;
mod lanes;
mod quota;
mod session;
mod task;
mod window;

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use atproto_xrpc::client::subscribe::{Dial, PublicDial, SystemDial};
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::Limits;
use crate::hostname::{HostPolicy, Hostname};
use crate::ingest::{Ingest, Sender};
use crate::metrics::STATES;
use crate::store::{HostRow, HostStatus, Store, StoreError};
pub use check::{CheckError, check};

/// Handshakes at a time: after a restart all hosts are dialled.
const DIALS: usize = 64;

/// Hosts read from the store at a time.
const PAGE: i64 = 500;

/// All hosts that are known, and their tasks.
pub struct Hosts {
    store: Store,
    limits: Limits,
    policy: HostPolicy,
    dial: Arc<dyn Dial>,
    dials: Semaphore,
    ingest: OnceLock<Arc<Ingest>>,
    table: Mutex<HashMap<Hostname, Arc<Host>>>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

/// A host that is subscribed to.
pub struct Host {
    sender: Sender,
    /// Every event up to here is settled.
    cursor: AtomicI64,
    /// What the store has of it.
    stored: AtomicI64,
    state: Mutex<State>,
    /// Somebody asks for the host: no reason to wait any longer.
    wake: Notify,
    stop: CancellationToken,
    ended: CancellationToken,
}

struct State {
    status: HostStatus,
    fault: Option<String>,
    connection: Connection,
}

/// What a host's connection is doing, in the order of [`STATES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Connection {
    Connecting,
    Connected,
    Backoff,
    Stopped,
}

impl Hosts {
    /// An empty table over the store.
    pub fn new(store: Store, limits: Limits, policy: HostPolicy) -> Self {
        let dial: Arc<dyn Dial> = match policy {
            HostPolicy::Public => Arc::new(PublicDial::default()),
            HostPolicy::Insecure => Arc::new(SystemDial),
        };
        Self {
            store,
            limits,
            policy,
            dial,
            dials: Semaphore::new(DIALS),
            ingest: OnceLock::new(),
            table: Mutex::default(),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
        }
    }

    /// Subscribes to all hosts that are known and not banned. Their events go to `ingest`.
    pub async fn start(self: &Arc<Self>, ingest: Arc<Ingest>) -> Result<(), StoreError> {
        // Set once: a second start would be a fault of the program.
        let _ = self.ingest.set(ingest);
        let mut after = 0;
        loop {
            let page = self.store.hosts(after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = last.id;
            for row in page {
                self.subscribe(&row);
            }
        }
    }

    /// Which hosts may be subscribed to.
    pub fn policy(&self) -> HostPolicy {
        self.policy
    }

    /// A host that has been subscribed to.
    pub fn get(&self, hostname: &Hostname) -> Option<Arc<Host>> {
        self.table().get(hostname).cloned()
    }

    /// Subscribes to a host, or hurries its task on if there is one.
    pub async fn add(self: &Arc<Self>, hostname: &Hostname) -> Result<(), StoreError> {
        match self.get(hostname) {
            Some(host) => host.wake.notify_one(),
            None => self.subscribe(&self.store.add_host(hostname).await?),
        }
        Ok(())
    }

    /// Ends the subscription to a host for good.
    pub async fn ban(&self, hostname: &Hostname) -> Result<(), StoreError> {
        self.store.add_host(hostname).await?;
        self.remove(hostname).await;
        self.store.set_host_status(hostname, HostStatus::Banned, None).await
    }

    /// Takes a ban back and subscribes again.
    pub async fn unban(self: &Arc<Self>, hostname: &Hostname) -> Result<(), StoreError> {
        self.store.set_host_status(hostname, HostStatus::Active, None).await?;
        self.add(hostname).await
    }

    /// Takes a host up again from another place in its stream: after it has begun a new one.
    pub async fn reset(
        self: &Arc<Self>,
        hostname: &Hostname,
        cursor: i64,
    ) -> Result<(), StoreError> {
        self.remove(hostname).await;
        self.store.reset_host(hostname, cursor).await?;
        self.store.set_host_status(hostname, HostStatus::Active, None).await?;
        self.add(hostname).await
    }

    /// Ends all subscriptions and waits for that.
    pub async fn close(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// The cursors that the store does not have.
    pub(crate) fn moved_cursors(&self) -> Vec<(Hostname, i64)> {
        let table = self.table();
        let moved = table.values().filter_map(|host| {
            let cursor = host.cursor.load(Ordering::Acquire);
            let moved = cursor != host.stored.load(Ordering::Acquire);
            moved.then(|| (host.sender.host.clone(), cursor))
        });
        moved.collect()
    }

    /// Notes that the store has these cursors.
    pub(crate) fn cursors_stored(&self, cursors: &[(Hostname, i64)]) {
        let table = self.table();
        for (hostname, cursor) in cursors {
            if let Some(host) = table.get(hostname) {
                host.stored.store(*cursor, Ordering::Release);
            }
        }
    }

    /// How many connections are in each state.
    pub(crate) fn connections(&self) -> [u64; STATES.len()] {
        let mut counts = [0; STATES.len()];
        for host in self.table().values() {
            counts[host.state().connection as usize] += 1;
        }
        counts
    }

    fn subscribe(self: &Arc<Self>, row: &HostRow) {
        if row.status == HostStatus::Banned || self.stop.is_cancelled() {
            return;
        }
        let trusted = row.hostname.is_local()
            || self.limits.trusted_domains.iter().any(|domain| row.hostname.is_under(domain));
        let host = Arc::new(Host {
            sender: Sender { host: row.hostname.clone(), trusted },
            cursor: AtomicI64::new(row.cursor),
            stored: AtomicI64::new(row.cursor),
            state: Mutex::new(State {
                status: row.status,
                fault: row.fault.clone(),
                connection: Connection::Connecting,
            }),
            wake: Notify::new(),
            stop: self.stop.child_token(),
            ended: CancellationToken::new(),
        });
        let mut table = self.table();
        if table.contains_key(&row.hostname) {
            return;
        }
        table.insert(row.hostname.clone(), Arc::clone(&host));
        self.tasks.spawn(task::run(Arc::clone(self), host));
    }

    /// Stops a host's task and waits until it has ended.
    async fn remove(&self, hostname: &Hostname) {
        let Some(host) = self.get(hostname) else { return };
        host.stop.cancel();
        host.ended.cancelled().await;
        self.table().remove(hostname);
    }

    fn table(&self) -> MutexGuard<'_, HashMap<Hostname, Arc<Host>>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Host {
    /// Every event of the host up to here is settled.
    pub fn cursor(&self) -> i64 {
        self.cursor.load(Ordering::Acquire)
    }

    /// How the host is doing.
    pub fn status(&self) -> HostStatus {
        self.state().status
    }

    /// Whether there is a connection to it.
    pub fn is_connected(&self) -> bool {
        self.state().connection == Connection::Connected
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
