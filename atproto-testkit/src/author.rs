//! An account with a real repository.

use atproto_core::{
    crypto::{Curve, SecretKey},
    endpoint::Record,
    identity::DidDocument,
    syntax::{Did, Handle, Tid},
};
use atproto_repo::{
    BlockMap,
    event::{AccountEvent, Event, IdentityEvent, SyncEvent},
    repo::{self, AppliedCommit, Head, Write},
};
use bytes::Bytes;

/// The moment of an author's first commit: 2026-01-01T00:00:00Z, in microseconds.
pub(crate) const BEGINNING: u64 = 1_767_225_600_000_000;
/// Between two commits of an author, in microseconds.
const TICK: u64 = 1_000_000;
/// The `time` of all events; it is informal, and a fixed one keeps them reproducible.
pub(crate) const TIME: &str = "2026-01-01T00:00:00.000Z";

/// An account made from a seed: DID, key, handle, and a repository in memory.
///
/// All methods that write return the event that a PDS would send, without a sequence number
/// yet; [`MicroPds::publish`](crate::MicroPds::publish) gives it one.
#[derive(Debug, Clone)]
pub struct Author {
    did: Did,
    handle: Handle,
    key: SecretKey,
    head: Head,
    first: AppliedCommit,
    blocks: BlockMap,
    commits: u64,
    /// The time, where the author has a clock.
    now: Option<u64>,
}

impl Author {
    /// The author of that seed, with an empty repository.
    ///
    /// # Panics
    /// If `handle` is no handle.
    pub fn new(handle: &str, seed: u64) -> Self {
        let handle = Handle::new(handle).expect("tests name valid handles");
        let did = Did::new(format!("did:plc:{}", identifier(seed))).expect("24 base32 digits");
        let key = key(seed, 0);
        let first = repo::create(&did, &key, rev(seed, 0)).expect("a fresh repository is empty");
        let blocks = first.new_blocks.clone();
        Self { did, handle, key, head: first.head, first, blocks, commits: seed << 20, now: None }
    }

    /// The author's DID.
    pub fn did(&self) -> &Did {
        &self.did
    }

    /// The author's handle.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// The key that signs the author's commits.
    pub fn key(&self) -> &SecretKey {
        &self.key
    }

    /// Where the repository stands.
    pub fn head(&self) -> Head {
        self.head
    }

    /// The DID document that names this PDS as the author's host.
    pub fn document(&self, pds: &str) -> DidDocument {
        DidDocument::new(self.did.clone())
            .with_handle(&self.handle)
            .with_key("atproto", &self.key.public_key())
            .with_service("atproto_pds", "AtprotoPersonalDataServer", pds)
    }

    /// Creates a record under a new key.
    pub fn create<R: Record>(&mut self, record: &R) -> Event {
        let rkey = self.next_rev().into();
        self.write(vec![Write::create_at(rkey, record).expect("generated types encode")])
    }

    /// Applies writes as one commit.
    ///
    /// # Panics
    /// If the repository refuses them: a test writes what it means.
    pub fn write(&mut self, writes: Vec<Write>) -> Event {
        let rev = self.next_rev();
        self.commits += 1;
        let applied = repo::apply(&self.blocks, &self.head, &self.did, writes, rev, &self.key)
            .expect("the writes fit the repository");
        self.head = applied.head;
        self.blocks.extend(applied.new_blocks.clone());
        applied.to_event(0, TIME)
    }

    /// Gives the author a clock: the next commits are of this moment, in microseconds since the
    /// Unix epoch, or of right after the commit before. Without one a second passes between two.
    pub fn set_time(&mut self, micros: u64) {
        self.now = Some(micros);
    }

    /// Goes over to another key without telling anybody but the author's documents.
    pub fn rotate_key(&mut self, generation: u64) {
        self.key = key(self.commits >> 20, generation);
    }

    /// The events by which an account comes into the world: identity, account, first commit.
    pub fn birth(&self) -> Vec<Event> {
        vec![
            Event::Identity(IdentityEvent::new(self.did.clone(), Some(self.handle.clone()), TIME)),
            self.account(None),
            self.first.to_event(0, TIME),
        ]
    }

    /// The event of the account's status; none is active.
    pub fn account(&self, status: Option<&str>) -> Event {
        Event::Account(AccountEvent::new(self.did.clone(), status, TIME))
    }

    /// The event that the identity may have changed.
    pub fn identity(&self) -> Event {
        Event::Identity(IdentityEvent::new(self.did.clone(), Some(self.handle.clone()), TIME))
    }

    /// The event that states the repository's current commit.
    pub fn sync(&self) -> Event {
        let block = self.blocks.get(&self.head.commit).expect("the head is stored");
        let archive = atproto_repo::car::write(&self.head.commit, [(&self.head.commit, block)]);
        Event::Sync(SyncEvent::new(self.did.clone(), archive.into(), self.head.rev, TIME))
    }

    /// The whole repository as an archive.
    pub fn export(&self) -> Bytes {
        let mut archive = Vec::new();
        repo::export(&self.blocks, &self.head, &mut archive).expect("all blocks are in memory");
        archive.into()
    }

    fn next_rev(&self) -> Tid {
        let seed = self.commits >> 20;
        match self.now {
            Some(now) => clocked(seed, now.max(self.head.rev.micros() + 1)),
            None => rev(seed, self.commits % (1 << 20) + 1),
        }
    }
}

/// 24 digits of base32 that spell the seed.
fn identifier(seed: u64) -> String {
    const DIGITS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let digit = |place: u32| DIGITS[((seed >> (5 * place).min(63)) % 32) as usize] as char;
    (0..24).rev().map(|place| if place > 12 { 'a' } else { digit(place) }).collect()
}

/// A secret key that is nobody's secret.
fn key(seed: u64, generation: u64) -> SecretKey {
    let mut bytes = [1; 32];
    bytes[16..24].copy_from_slice(&seed.to_be_bytes());
    bytes[24..].copy_from_slice(&generation.to_be_bytes());
    SecretKey::from_bytes(Curve::K256, &bytes).expect("far below the curve's order")
}

fn rev(seed: u64, commits: u64) -> Tid {
    clocked(seed, BEGINNING + commits * TICK)
}

fn clocked(seed: u64, micros: u64) -> Tid {
    Tid::from_parts(micros, (seed % 1024) as u16)
}
