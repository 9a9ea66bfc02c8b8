//! One SQLite file per account: its repository, the bookkeeping of its blobs, and the
//! events that wait for a sequence number.
//!
//! Everything that one write changes is in one file, so it is one transaction: the
//! commit, its blocks, its records and its outbox row are there together after a crash, or
//! none of them is. Each account has one writer at a time, in the order of arrival; readers
//! see the last committed state and are never held up by it (SQLite's write-ahead log).
//!
//! | module | what |
//! |---|---|
//! | [`view`] | reads: head, blocks, records, blobs |
//! | [`edit`] | writes inside a transaction |
//! | [`commit`] | a batch of record writes becomes a signed commit |
//! | [`create`] | the first commit of a new account |
//! | [`import`] | a repository that moves in |
//! | [`events`] | what the outside is told |
//! | [`outbox`] | events on their way to the sequencer |

pub mod announce;
pub mod census;
pub mod column;
pub mod commit;
pub mod create;
pub mod edit;
pub mod events;
pub mod import;
pub mod outbox;
pub mod view;

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use atproto_core::syntax::Did;
use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::Mutex as AsyncMutex;

use crate::{
    blobs::BlobStore,
    database::{self, DatabaseError, Pool},
    sequencer::Pending,
    shard::Shard,
};

pub use edit::Edit;
pub use view::View;

const MIGRATIONS: &[&str] = &[include_str!("store/schema.sql")];
const FILE: &str = "store.sqlite";

/// The stores of all accounts on this server. The most recently used ones are kept open.
#[derive(Debug)]
pub struct ActorStores {
    root: PathBuf,
    capacity: usize,
    shared: Shared,
    open: Mutex<Slots>,
}

/// What every store needs of the server.
#[derive(Debug, Clone)]
struct Shared {
    pool: Pool,
    blobs: BlobStore,
    pending: Arc<Pending>,
}

impl ActorStores {
    /// Stores below the directory `root`, at most `capacity` of them kept open while idle.
    pub fn new(
        root: PathBuf,
        capacity: usize,
        pool: Pool,
        blobs: BlobStore,
        pending: Arc<Pending>,
    ) -> Self {
        let shared = Shared { pool, blobs, pending };
        Self { root, capacity, shared, open: Mutex::default() }
    }

    /// The store of an account, or `None` where there is none.
    pub async fn open(&self, did: &Did) -> Result<Option<Arc<ActorStore>>, DatabaseError> {
        self.obtain(did, false).await
    }

    /// The store of an account, made if there is none.
    pub async fn create(&self, did: &Did) -> Result<Arc<ActorStore>, DatabaseError> {
        let store = self.obtain(did, true).await?;
        store.ok_or_else(|| DatabaseError::Corrupt("a new store is missing".to_owned()))
    }

    /// Removes an account's store and its blobs for good. Requests that still hold the
    /// store keep what they had opened.
    pub async fn destroy(&self, did: &Did) -> Result<(), DatabaseError> {
        let Some(store) = self.open(did).await? else { return Ok(()) };
        let writer = Arc::clone(&store.writer).lock_owned().await;
        self.slots().stores.remove(did);
        let directory = store.shard.directory(&self.root);
        let (blobs, shard) = (self.shared.blobs.clone(), store.shard.clone());
        self.shared
            .pool
            .run(move || {
                blobs.remove_account(&shard)?;
                fs::remove_dir_all(directory)?;
                drop(writer);
                Ok(())
            })
            .await
    }

    /// How many stores are open.
    pub fn count_open(&self) -> usize {
        self.slots().stores.len()
    }

    async fn obtain(
        &self,
        did: &Did,
        create: bool,
    ) -> Result<Option<Arc<ActorStore>>, DatabaseError> {
        if let Some(store) = self.slots().touch(did) {
            return Ok(Some(store));
        }
        let shard = Shard::of(did);
        let (did, directory, shared) =
            (did.clone(), shard.directory(&self.root), self.shared.clone());
        let opened = self
            .shared
            .pool
            .run(move || ActorStore::open(did, shard, &directory, shared, create))
            .await?;
        let Some(opened) = opened else { return Ok(None) };
        let (store, surplus) = self.slots().insert(opened, self.capacity);
        if !surplus.is_empty() {
            // Closing folds the write-ahead log into the file, which takes disk time.
            tokio::task::spawn_blocking(move || drop(surplus));
        }
        Ok(Some(store))
    }

    fn slots(&self) -> std::sync::MutexGuard<'_, Slots> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The open stores, by when they were last used.
#[derive(Debug, Default)]
struct Slots {
    stores: HashMap<Did, (u64, Arc<ActorStore>)>,
    clock: u64,
}

impl Slots {
    fn touch(&mut self, did: &Did) -> Option<Arc<ActorStore>> {
        self.clock += 1;
        let (used, store) = self.stores.get_mut(did)?;
        *used = self.clock;
        Some(Arc::clone(store))
    }

    /// Puts a freshly opened store in, unless another request was quicker: an account must
    /// have one store, because the store holds its writer lock. Also hands back stores
    /// that have to be closed.
    fn insert(
        &mut self,
        opened: ActorStore,
        capacity: usize,
    ) -> (Arc<ActorStore>, Vec<Arc<ActorStore>>) {
        if let Some(store) = self.touch(&opened.did) {
            return (store, vec![Arc::new(opened)]);
        }
        let store = Arc::new(opened);
        self.stores.insert(store.did.clone(), (self.clock, Arc::clone(&store)));
        let surplus = self.stores.len().saturating_sub(capacity);
        (store, self.evict(surplus))
    }

    /// Takes out up to `count` stores that nobody uses, the longest unused first. A store
    /// in use stays, for the same reason as above; so the number of open stores is at
    /// most the capacity and the number of requests under way.
    fn evict(&mut self, count: usize) -> Vec<Arc<ActorStore>> {
        if count == 0 {
            return Vec::new();
        }
        let idle = |store: &Arc<ActorStore>| Arc::strong_count(store) == 1;
        let mut candidates: Vec<(u64, Did)> = self
            .stores
            .iter()
            .filter(|(_, (_, store))| idle(store))
            .map(|(did, (used, _))| (*used, did.clone()))
            .collect();
        candidates.sort_unstable();
        let chosen = candidates.into_iter().take(count);
        chosen.filter_map(|(_, did)| self.stores.remove(&did)).map(|(_, store)| store).collect()
    }
}

/// The store of one account.
#[derive(Debug)]
pub struct ActorStore {
    did: Did,
    shard: Shard,
    path: PathBuf,
    writer: Arc<AsyncMutex<Connection>>,
    reader: Arc<AsyncMutex<Connection>>,
    shared: Shared,
}

impl ActorStore {
    /// Whose store it is.
    pub fn did(&self) -> &Did {
        &self.did
    }

    /// Where the account's blobs are.
    pub fn shard(&self) -> &Shard {
        &self.shard
    }

    /// Reads; all that `work` sees is of one state.
    pub async fn read<T, E>(
        &self,
        work: impl FnOnce(&View<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DatabaseError> + Send + 'static,
    {
        let mut connection = Arc::clone(&self.reader).lock_owned().await;
        self.shared.pool.run(move || in_snapshot(&mut connection, work)).await
    }

    /// Reads through a connection of its own, for work that takes as long as the client
    /// likes: it holds up no other reader.
    ///
    /// The caller bounds how many of these there are; they do not run in the pool, where
    /// slow clients would starve everybody else.
    pub async fn read_apart<T, E>(
        &self,
        work: impl FnOnce(&View<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DatabaseError> + Send + 'static,
    {
        let path = self.path.clone();
        let job = tokio::task::spawn_blocking(move || {
            let mut connection = database::open_read_only(&path)?;
            in_snapshot(&mut connection, work)
        });
        job.await.unwrap_or_else(|_| Err(DatabaseError::Ended.into()))
    }

    /// Writes: what `work` does becomes durable when it returns `Ok`, and did not happen
    /// when it returns an error. Waits for the writers that came before.
    pub async fn write<T, E>(
        &self,
        work: impl FnOnce(&mut Edit<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DatabaseError> + Send + 'static,
    {
        let mut connection = Arc::clone(&self.writer).lock_owned().await;
        let (did, shard, shared) = (self.did.clone(), self.shard.clone(), self.shared.clone());
        self.shared
            .pool
            .run(move || {
                let transaction = connection
                    .transaction_with_behavior(TransactionBehavior::Immediate)
                    .map_err(DatabaseError::from)?;
                let mut edit = Edit::new(&transaction, &did);
                let result = work(&mut edit)?;
                let effects = edit.into_effects();
                transaction.commit().map_err(DatabaseError::from)?;
                // Still under the writer lock: nobody can upload the blob again between
                // the end of its row and the end of its file.
                for cid in &effects.unlinked {
                    if let Err(error) = shared.blobs.remove(&shard, cid) {
                        tracing::warn!(%did, %cid, %error, "a deleted blob's file stays behind");
                    }
                }
                if effects.posted {
                    shared.pending.add(&did);
                }
                Ok(result)
            })
            .await
    }

    fn open(
        did: Did,
        shard: Shard,
        directory: &Path,
        shared: Shared,
        create: bool,
    ) -> Result<Option<Self>, DatabaseError> {
        let path = directory.join(FILE);
        if create {
            fs::create_dir_all(directory)?;
        } else if !path.exists() {
            return Ok(None);
        }
        let writer = database::open(&path, MIGRATIONS)?;
        let reader = database::open_read_only(&path)?;
        Ok(Some(Self {
            did,
            shard,
            path,
            writer: Arc::new(AsyncMutex::new(writer)),
            reader: Arc::new(AsyncMutex::new(reader)),
            shared,
        }))
    }
}

fn in_snapshot<T, E: From<DatabaseError>>(
    connection: &mut Connection,
    work: impl FnOnce(&View<'_>) -> Result<T, E>,
) -> Result<T, E> {
    let transaction = connection.transaction().map_err(DatabaseError::from)?;
    work(&View::new(&transaction))
}
