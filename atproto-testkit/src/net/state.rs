use std::{
    collections::BTreeMap,
    fmt, io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use atproto_core::syntax::Did;
use atproto_firehose::{
    checkpoint::{Checkpoint, Head, Parked, ParkedRef},
    state::{Store, StoreError, Stored},
};
use bytes::Bytes;
use futures::{FutureExt, future::ready};

use super::{fault::Fault, shared::Shared};

/// A consumer's state on the disk of a simulated network. It survives crashes, but for what was
/// being written: that is there as a whole or not at all.
///
/// It is a [`Store`]; a service that stores checkpoints with its own effects calls
/// [`Self::commit`]. Clones share what is stored.
#[derive(Clone)]
pub struct SimState {
    shared: Arc<Shared>,
    disk: Arc<Mutex<Disk>>,
}

/// What the effects of a transaction do once it is durable.
type Effects = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct Disk {
    /// What is durable.
    position: Checkpoint,
    heads: BTreeMap<Did, Head>,
    parked: BTreeMap<u64, Parked>,
    /// Labels of what was rejected, by sequence number.
    rejects: Vec<(i64, String)>,
    saves: u64,
    /// What is being written.
    pending: Option<Pending>,
}

struct Pending {
    checkpoint: Checkpoint,
    effects: Option<Effects>,
    /// The number of crashes when it began.
    crashes: u64,
    /// What is found of it if there is one more.
    fate: Fate,
}

/// What is left of a write that a crash came upon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Nothing,
    /// Of which the checksum is wrong, so that it counts as nothing.
    Part,
    All,
}

/// How long a save takes, from and to.
const QUICK: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(30));
/// The same for a slow one.
const SLOW: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(15));

impl SimState {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        let state = Self { shared, disk: Arc::default() };
        state.note_position(&state.disk());
        state
    }

    /// Stores a checkpoint and the effects of what it covers, in one transaction: `effects` is
    /// called when it is durable, which after a crash can be before the next load.
    ///
    /// # Errors
    /// [`StoreError`] when the disk is full, another consumer has taken over, or the service
    /// has died meanwhile.
    pub async fn commit(
        &self,
        checkpoint: &Checkpoint,
        effects: impl FnOnce() + Send + 'static,
    ) -> Result<(), StoreError> {
        self.write(checkpoint.clone(), Some(Box::new(effects))).await
    }

    /// Whether an event that comes again now would come in spite of a durable ack.
    pub fn is_settled(&self, seq: i64) -> bool {
        let disk = self.disk();
        let position = &disk.position;
        let open = position.received < seq || position.unsettled.contains(&seq);
        let passed = position.cursor.is_some_and(|cursor| seq <= cursor) || !open;
        passed && disk.parked.values().all(|parked| parked.seq != seq)
    }

    /// The rejected events that are stored: sequence number and label.
    pub fn rejects(&self) -> Vec<(i64, String)> {
        self.disk().rejects.clone()
    }

    /// Forgets the position and what is parked, and nothing else: for somebody who has fetched
    /// everything, and decided to read the upstream from another place.
    pub fn forget_position(&self) {
        let mut disk = self.disk();
        let mut position = Checkpoint::default();
        (position.epoch, position.gaps) = (disk.position.epoch, disk.position.gaps + 1);
        disk.position = position;
        disk.parked.clear();
        self.note_position(&disk);
    }

    async fn write(
        &self,
        checkpoint: Checkpoint,
        effects: Option<Effects>,
    ) -> Result<(), StoreError> {
        let crashes = self.shared.crashes();
        let (latency, death, fails) = self.begin(checkpoint, effects, crashes)?;
        tokio::time::sleep(latency).await;
        if let Some(fault) = death
            && self.shared.crashes() == crashes
        {
            self.shared.crash(fault);
        }
        let mut disk = self.disk();
        if self.shared.crashes() != crashes {
            return Err(error("the process is dead"));
        }
        let Some(pending) = disk.pending.take() else { return Err(error("nothing is written")) };
        if fails {
            return Err(error("an injected failure"));
        }
        disk.apply(pending);
        self.note_position(&disk);
        Ok(())
    }

    fn note_position(&self, disk: &Disk) {
        let at_beginning = disk.position.cursor.is_none_or(|cursor| cursor <= 0);
        self.shared.world().at_beginning = at_beginning;
    }

    /// Begins a write: how long it takes, whether the service dies of it, whether it fails.
    fn begin(
        &self,
        checkpoint: Checkpoint,
        effects: Option<Effects>,
        crashes: u64,
    ) -> Result<(Duration, Option<Fault>, bool), StoreError> {
        let mut disk = self.disk();
        self.recover(&mut disk);
        if checkpoint.epoch < disk.position.epoch {
            return Err(StoreError::fenced(checkpoint.epoch, disk.position.epoch));
        }
        let mut world = self.shared.world();
        if world.lasts(Fault::DiskFull) {
            return Err(StoreError::new(io::Error::from(io::ErrorKind::StorageFull)));
        }
        let fails = world.armory.take(Fault::SaveFailure);
        let (shortest, longest) = if world.armory.take(Fault::SlowSave) { SLOW } else { QUICK };
        let latency = world.random.between(shortest, longest);
        let fates = [
            (Fault::LostWrite, Fate::Nothing),
            (Fault::TornWrite, Fate::Part),
            (Fault::UnheardWrite, Fate::All),
        ];
        // The crash counts when it happens.
        let death = fates.iter().find(|(fault, _)| world.armory.withdraw(*fault));
        let drawn = || fates[world.random.index(fates.len())].1;
        let fate = death.map_or_else(drawn, |(_, fate)| *fate);
        disk.pending = Some(Pending { checkpoint, effects, crashes, fate });
        Ok((latency, death.map(|(fault, _)| *fault), fails))
    }

    /// What a process finds that was not there when the last one died.
    fn recover(&self, disk: &mut Disk) {
        let crashes = self.shared.crashes();
        if disk.pending.as_ref().is_some_and(|pending| pending.crashes != crashes)
            && let Some(pending) = disk.pending.take()
            && pending.fate == Fate::All
        {
            disk.apply(pending);
            self.note_position(disk);
        }
    }

    fn read<T>(&self, look: impl FnOnce(&Disk) -> T) -> Result<T, StoreError> {
        if self.shared.world().armory.take(Fault::UnreadableState) {
            return Err(error("an injected failure"));
        }
        Ok(look(&self.disk()))
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Disk {
    fn apply(&mut self, Pending { mut checkpoint, effects, .. }: Pending) {
        self.heads.extend(std::mem::take(&mut checkpoint.heads));
        let parked = std::mem::take(&mut checkpoint.parked).into_iter();
        self.parked.extend(parked.map(|parked| (parked.id, parked)));
        for id in std::mem::take(&mut checkpoint.unparked) {
            self.parked.remove(&id);
        }
        let rejects = std::mem::take(&mut checkpoint.rejects).into_iter();
        self.rejects.extend(rejects.map(|reject| (reject.seq, reject.label.into_owned())));
        checkpoint.replayed.clear();
        self.position = checkpoint;
        self.saves += 1;
        if let Some(effects) = effects {
            effects();
        }
    }
}

impl Store for SimState {
    fn load(&self) -> Stored<'_, Checkpoint> {
        let mut disk = self.disk();
        self.recover(&mut disk);
        ready(Ok(disk.position.clone())).boxed()
    }

    fn take_over(&self) -> Stored<'_, Checkpoint> {
        let mut disk = self.disk();
        self.recover(&mut disk);
        let before = disk.position.clone();
        disk.position.epoch += 1;
        ready(Ok(before)).boxed()
    }

    fn head<'a>(&'a self, did: &'a Did) -> Stored<'a, Option<Head>> {
        let head = self.read(|disk| disk.heads.get(did).copied());
        ready(head).boxed()
    }

    fn save(&self, checkpoint: Checkpoint) -> Stored<'_, ()> {
        self.write(checkpoint, None).boxed()
    }

    fn parks(&self) -> bool {
        true
    }

    fn parked(&self) -> Stored<'_, Vec<ParkedRef>> {
        let parked = self.disk().parked.values().map(ParkedRef::from).collect();
        ready(Ok(parked)).boxed()
    }

    fn parked_frame(&self, id: u64) -> Stored<'_, Option<Bytes>> {
        let frame = self.read(|disk| disk.parked.get(&id).map(|parked| parked.frame.clone()));
        ready(frame).boxed()
    }
}

impl fmt::Debug for SimState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimState").field("position", &self.disk().position).finish_non_exhaustive()
    }
}

fn error(text: &'static str) -> StoreError {
    StoreError::new(text)
}
