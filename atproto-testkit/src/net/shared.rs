use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{sync::Notify, time::Instant};

use super::{fault::Fault, world::World};
use crate::author::BEGINNING;

/// What all parts of a network share.
pub(super) struct Shared {
    world: Mutex<World>,
    began: Instant,
    /// There may be something to send.
    pub(super) progress: Notify,
    /// Services are to die.
    pub(super) crash: Notify,
    crashes: AtomicU64,
}

/// The first commits of accounts are this old when a network begins.
const AGE: Duration = Duration::from_secs(3_600);

impl Shared {
    pub(super) fn new(world: World) -> Self {
        let (progress, crash) = (Notify::new(), Notify::new());
        let crashes = AtomicU64::new(0);
        Self { world: Mutex::new(world), began: Instant::now(), progress, crash, crashes }
    }

    /// Never held across an await.
    pub(super) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The time that has passed.
    pub(super) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// The time that hosts go by.
    pub(super) fn true_micros(&self) -> u64 {
        let since = AGE + self.began.elapsed();
        BEGINNING + u64::try_from(since.as_micros()).unwrap_or(u64::MAX >> 1)
    }

    /// Kills the services.
    pub(super) fn crash(&self, why: Fault) {
        self.world().armory.fire(why);
        self.crashes.fetch_add(1, Ordering::Relaxed);
        self.crash.notify_waiters();
    }

    /// How often services have died: who remembers another number is dead.
    pub(super) fn crashes(&self) -> u64 {
        self.crashes.load(Ordering::Relaxed)
    }
}
