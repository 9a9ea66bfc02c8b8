//! What an event changes in what the relay knows, and how the log names it.
//!
//! The log is the truth and the store a view of it, so a change must follow from what the log
//! keeps: a key and the frame. The key says where the event came from and is about whom;
//! the frame says the rest.
//!
//! ```text
//! 0   kind      u8    0 from a host, 1 takedown by the relay, 2 the end of one
//! 1   seq       i64   the host's, big-endian; 0 for the relay's own
//! 9   length    u16   of the host's name
//! 11  host, DID       text
//! ```

use std::collections::BTreeSet;

use atproto_core::syntax::{Cid, Did, Nsid, Tid};
use atproto_firehose::log::Record;
use atproto_repo::car::CarReader;
use atproto_repo::commit::{Commit, CommitError};
use atproto_repo::event::{Action, CommitEvent, Event, EventError, RepoOp};
use atproto_repo::mst::Cursor;
use atproto_repo::{BlockMap, car};
use bytes::{BufMut, Bytes, BytesMut};
use sha2::{Digest, Sha256};

use crate::hostname::Hostname;

/// A change of one account, as one event makes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The account.
    pub did: Did,
    /// Who said so.
    pub origin: Origin,
    /// What is different now.
    pub effect: Effect,
}

/// Who caused an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A host, with an event of its stream.
    Host {
        /// The host.
        host: Hostname,
        /// The event's position in its stream.
        seq: i64,
    },
    /// The relay's operator.
    Operator,
}

/// What is different about an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// The repository is in another state.
    Repo {
        /// The state.
        repo: Repo,
        /// Collections that have records now.
        gained: BTreeSet<Nsid>,
        /// Collections that are known to have none any more.
        lost: BTreeSet<Nsid>,
    },
    /// The identity was announced; the digest tells whether the next announcement is news.
    Identity {
        /// Of the announcement, where it is known.
        digest: Option<[u8; 32]>,
    },
    /// The host says whether the account is active.
    Standing(Standing),
    /// The operator has taken the account down, or no longer does.
    Takedown(bool),
}

/// The newest state of a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repo {
    /// The revision.
    pub rev: Tid,
    /// The root of the tree.
    pub data: Cid,
    /// The commit.
    pub head: Cid,
}

/// Whether an account is active, and if not, why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Whether its content may be passed on. This decides.
    pub active: bool,
    /// `takendown`, `suspended`, `deleted`, `deactivated`, or a word of tomorrow.
    pub status: Option<String>,
}

/// Why a record of the log says nothing about an account.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The archive is not readable or lacks the commit.
    #[error("the commit is not in the event")]
    Commit,
    /// The frame is not an event.
    #[error(transparent)]
    Event(#[from] EventError),
    /// The key is not one of this program's.
    #[error("the key is malformed")]
    Key,
    /// The commit is not readable.
    #[error(transparent)]
    Block(#[from] CommitError),
}

const FROM_HOST: u8 = 0;
const TAKEDOWN: u8 = 1;
const RESTORATION: u8 = 2;

impl Change {
    /// The key under which the log keeps the event.
    pub fn key(&self) -> Bytes {
        let (kind, host, seq) = match (&self.origin, &self.effect) {
            (Origin::Host { host, seq }, _) => (FROM_HOST, host.as_str(), *seq),
            (Origin::Operator, Effect::Takedown(true)) => (TAKEDOWN, "", 0),
            (Origin::Operator, _) => (RESTORATION, "", 0),
        };
        let mut key = BytesMut::with_capacity(11 + host.len() + self.did.as_str().len());
        key.put_u8(kind);
        key.put_i64(seq);
        // A host name has at most 253 characters and a port.
        key.put_u16(u16::try_from(host.len()).unwrap_or(0));
        key.put_slice(host.as_bytes());
        key.put_slice(self.did.as_str().as_bytes());
        key.freeze()
    }

    /// The change that a record of the log stands for.
    pub fn of_record(record: &Record) -> Result<Self, RecordError> {
        let key = Key::parse(&record.key).ok_or(RecordError::Key)?;
        let did = Did::new(key.did).map_err(|_| RecordError::Key)?;
        let origin = match key.kind {
            FROM_HOST => Origin::Host { host: Hostname::stored(key.host), seq: key.seq },
            _ => Origin::Operator,
        };
        let effect = match (key.kind, Event::decode(record.payload.clone())?) {
            (TAKEDOWN, _) => Effect::Takedown(true),
            (RESTORATION, _) => Effect::Takedown(false),
            (_, Event::Commit(event)) => Effect::of_commit(&event)?,
            (_, Event::Sync(event)) => {
                let (head, commit) = root_commit(&event.blocks)?;
                Effect::of_state(Repo { rev: commit.rev, data: commit.data, head })
            }
            (_, Event::Identity(_)) => Effect::Identity { digest: None },
            (_, Event::Account(event)) => {
                Effect::Standing(Standing { active: event.active, status: event.status })
            }
            (_, Event::Info(_)) => return Err(RecordError::Key),
        };
        Ok(Self { did, origin, effect })
    }
}

impl Effect {
    /// What a commit that was verified changes.
    pub fn of_commit(event: &CommitEvent) -> Result<Self, RecordError> {
        let blocks = blocks(&event.blocks)?;
        let commit = blocks.get(&event.commit).ok_or(RecordError::Commit)?;
        let data = Commit::decode(commit)?.data;
        let repo = Repo { rev: event.rev, data, head: event.commit };
        let gained = collections(&event.ops, |action| action != Action::Delete);
        let mut lost = collections(&event.ops, |action| action == Action::Delete);
        lost.retain(|collection| {
            !gained.contains(collection) && is_empty(&blocks, data, collection)
        });
        Ok(Self::Repo { repo, gained, lost })
    }

    /// What the bare news of a state changes.
    pub fn of_state(repo: Repo) -> Self {
        Self::Repo { repo, gained: BTreeSet::new(), lost: BTreeSet::new() }
    }
}

impl Standing {
    /// Active.
    pub const ACTIVE: Self = Self { active: true, status: None };

    /// Whether the account was deleted for good.
    pub fn is_deleted(&self) -> bool {
        !self.active && self.status.as_deref() == Some("deleted")
    }
}

/// The account that a record is about, if a takedown is to withhold it: what the operator
/// says himself is never withheld.
pub(crate) fn withheld_did(key: &[u8]) -> Option<&str> {
    let key = Key::parse(key)?;
    (key.kind == FROM_HOST).then_some(key.did)
}

/// The digest of what an #identity message says: the document behind it and the handle.
pub(crate) fn identity_digest(document: &str, handle: &str) -> [u8; 32] {
    Sha256::new().chain_update(document).chain_update([0]).chain_update(handle).finalize().into()
}

/// The commit in the archive of a #sync message, and its CID.
pub(crate) fn root_commit(archive: &Bytes) -> Result<(Cid, Commit), RecordError> {
    let limits = car::Limits::default();
    let (roots, blocks) =
        car::read_all(archive.clone(), &limits).map_err(|_| RecordError::Commit)?;
    let root = roots.first().copied().ok_or(RecordError::Commit)?;
    let block = blocks.get(&root).ok_or(RecordError::Commit)?;
    Ok((root, Commit::decode(block)?))
}

struct Key<'a> {
    kind: u8,
    seq: i64,
    host: &'a str,
    did: &'a str,
}

impl<'a> Key<'a> {
    fn parse(key: &'a [u8]) -> Option<Self> {
        let (kind, rest) = key.split_first()?;
        let (seq, rest) = rest.split_first_chunk()?;
        let (length, rest) = rest.split_first_chunk()?;
        let (host, did) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        Some(Self {
            kind: *kind,
            seq: i64::from_be_bytes(*seq),
            host: std::str::from_utf8(host).ok()?,
            did: std::str::from_utf8(did).ok()?,
        })
    }
}

fn blocks(archive: &Bytes) -> Result<BlockMap, RecordError> {
    let reader = CarReader::new().max_block(archive.len());
    let reader = reader.for_bytes(archive.clone()).map_err(|_| RecordError::Commit)?;
    reader
        .map(|block| block.map(|block| (block.cid, block.bytes)))
        .collect::<Result<_, _>>()
        .map_err(|_| RecordError::Commit)
}

fn collections(ops: &[RepoOp], wanted: impl Fn(Action) -> bool) -> BTreeSet<Nsid> {
    ops.iter().filter(|op| wanted(op.action)).map(|op| op.path.collection.clone()).collect()
}

/// Whether the proof shows that a collection has no records. What the proof does not show
/// counts as records.
fn is_empty(blocks: &BlockMap, root: Cid, collection: &Nsid) -> bool {
    let prefix = format!("{collection}/");
    let mut cursor = Cursor::new(blocks, root);
    let next = cursor.seek(prefix.as_bytes()).and_then(|()| {
        Ok(cursor.next_entry()?.is_none_or(|(key, _)| !key.starts_with(prefix.as_bytes())))
    });
    next.unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn did() -> Did {
        Did::new("did:plc:ewvi7nxzyoun6zhxrhs64oiz").unwrap()
    }

    #[test]
    fn keys_say_who_and_where() {
        let host = Hostname::stored("localhost:2583");
        let origin = Origin::Host { host, seq: 77 };
        let effect = Effect::Standing(Standing::ACTIVE);
        let key = Change { did: did(), origin, effect }.key();
        let parsed = Key::parse(&key).unwrap();
        assert_eq!((parsed.kind, parsed.seq), (FROM_HOST, 77));
        assert_eq!((parsed.host, parsed.did), ("localhost:2583", did().as_str()));
        assert_eq!(withheld_did(&key), Some(did().as_str()));
    }

    #[test]
    fn the_operators_own_words_are_not_withheld() {
        for on in [true, false] {
            let effect = Effect::Takedown(on);
            let key = Change { did: did(), origin: Origin::Operator, effect }.key();
            assert_eq!(withheld_did(&key), None);
        }
        assert_eq!(withheld_did(b"short"), None);
    }
}
