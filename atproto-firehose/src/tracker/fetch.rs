//! One repository: fetched, verified, compared, and told of.

use std::io::Read;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use atproto_core::crypto::PublicKey;
use atproto_core::identity::{DidDocument, DocumentError, Resolver};
use atproto_core::syntax::{Did, Tid};
use atproto_repo::repo::{self, Record, RepoReader, TemporaryFile, VerifyError};
use atproto_repo::sync::RepoState;
use bytes::{Bytes, BytesMut};
use futures::{StreamExt, TryStreamExt, stream};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;
use tokio_util::io::{StreamReader, SyncIoBridge};

use super::KnownRecords;
use super::diff::{Diff, MAX_PART};
use super::source::{Archive, RepoSource, SourceError};
use crate::checkpoint::{Due, GAP, Head, Known, Wanted};
use crate::consumer::driver::{Shared, now};
use crate::event::{Change, Commit, Origin};
use crate::intake::{self, Fetched, Intake, Refused};
use crate::state::{StoreError, Want};

/// Fetches repositories for the intake of a consumer.
pub(super) struct Fetcher {
    pub(super) shared: Arc<Shared>,
    pub(super) source: Arc<dyn RepoSource>,
    pub(super) resolver: Arc<dyn Resolver>,
    known: Arc<dyn KnownRecords>,
    /// Archives that do not fit in memory are read so many at a time.
    large: Arc<Semaphore>,
}

/// What became of a repository that was wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// Whoever consumes is told of all of it.
    All,
    /// It is as it is known.
    Unchanged,
    /// It is newer than what is known, and wanted for that.
    Behind,
    /// Its host does not give it; the stream tells when it does.
    Gone,
}

/// Why a repository could not be fetched.
#[derive(Debug, thiserror::Error)]
pub(super) enum FetchError {
    #[error("events of the account are parked, or it is being fetched")]
    Busy,
    #[error("the archive is of {0}")]
    OtherAccount(Did),
    #[error("the archive is of revision {found}, and {known} is known")]
    Older { found: Tid, known: Tid },
    #[error("the key of the account cannot be used: {0}")]
    Key(#[from] DocumentError),
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error(transparent)]
    Verify(#[from] VerifyError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the reading of the archive broke off")]
    BrokeOff,
    #[error("the source panicked")]
    Panicked,
    #[error("the tracker has stopped")]
    Stopped,
}

/// What a reader of archives says.
enum Piece {
    /// First.
    Head(Did, RepoState),
    Records(Vec<Record>),
    /// Last: without it the archive is not whole.
    End,
}

type Pieces = mpsc::Receiver<Result<Piece, VerifyError>>;

/// Gives a fetch up that does not come to its end.
struct Abandon<'a> {
    shared: &'a Shared,
    did: &'a Did,
    ended: bool,
}

impl Drop for Abandon<'_> {
    fn drop(&mut self) {
        if !self.ended {
            self.shared.update(|intake| intake.abandon_fetch(now(), self.did));
        }
    }
}

impl Fetcher {
    pub(super) fn new(
        shared: Arc<Shared>,
        source: Arc<dyn RepoSource>,
        resolver: Arc<dyn Resolver>,
        known: Arc<dyn KnownRecords>,
    ) -> Self {
        Self { shared, source, resolver, known, large: Arc::new(Semaphore::new(MAX_LARGE)) }
    }

    /// Fetches a repository and tells what is new in it. It has returned when everything is in
    /// the account's lane, or nothing more will be.
    pub(super) async fn fetch(&self, due: &Due, at: &DidDocument) -> Result<Told, FetchError> {
        let did = &due.wanted.did;
        if !self.shared.update(|intake| intake.begin_fetch(did)) {
            return Err(FetchError::Busy);
        }
        let mut abandon = Abandon { shared: &self.shared, did, ended: false };
        // Whoever works on the account's events may take long, and others want their turn.
        match timeout(MAX_UNQUIET, self.shared.until(|intake| intake.is_quiet(did))).await {
            Ok(true) => {}
            Ok(false) => return Err(FetchError::Stopped),
            Err(_) => return Err(FetchError::Busy),
        }
        let head = self.shared.store.head(did).await?.unwrap_or_default();
        let told = match self.tell(due, at, head).await {
            Err(FetchError::Source(SourceError::Gone(_))) if due.attempts > 0 => {
                self.end(due, Head { active: false, ..head }, Vec::new());
                Told::Gone
            }
            told => told?,
        };
        abandon.ended = told != Told::Behind;
        Ok(told)
    }

    /// Waits until what was told of a repository is settled and stored.
    pub(super) async fn settled(&self, did: &Did) {
        self.shared.until(|intake| intake.is_fetch_settled(did)).await;
    }

    async fn tell(&self, due: &Due, at: &DidDocument, head: Head) -> Result<Told, FetchError> {
        let did = &due.wanted.did;
        if let (GAP, Some(state)) = (&*due.wanted.reason, head.state) {
            if self.source.latest(did, at).await?.rev == state.rev {
                self.end(due, Head { active: true, ..head }, Vec::new());
                return Ok(Told::Unchanged);
            }
            let wanted = Wanted::new(did.clone(), "behind").rev(due.wanted.rev);
            self.want(wanted).await?;
            return Ok(Told::Behind);
        }
        let key = at.signing_key()?;
        let archive = self.source.archive(did, at).await?;
        let (mut pieces, failed) = self.read(archive, key).await?;
        let result = self.compare(due, head, &mut pieces).await;
        // What went wrong on the way is the reason why the archive is not whole.
        match failed.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(error) if result.is_err() => Err(error.into()),
            _ => result.map(|()| Told::All),
        }
    }

    async fn want(&self, wanted: Wanted) -> Result<(), StoreError> {
        match self.shared.store.tracking() {
            Some(store) => store.want(vec![wanted], Want::All, None).await,
            None => Ok(()),
        }
    }

    /// Begins to read an archive: a small one in memory, another from a temporary file.
    async fn read(
        &self,
        mut archive: Archive,
        key: PublicKey,
    ) -> Result<(Pieces, Failed), FetchError> {
        let (send, pieces) = mpsc::channel(PIECES);
        let failed = Failed::default();
        let mut small = BytesMut::new();
        while small.len() < SMALL {
            let Some(chunk) = archive.next().await else {
                let small = small.freeze();
                tokio::task::spawn_blocking(move || read_small(&send, small, &key));
                return Ok((pieces, failed));
            };
            small.extend_from_slice(&chunk?);
        }
        let first = stream::iter([Ok(small.freeze())]);
        let noted = Arc::clone(&failed);
        let rest = archive.map_err(move |error| {
            let failed = std::io::Error::other(error.to_string());
            *noted.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
            failed
        });
        let whole = SyncIoBridge::new(StreamReader::new(first.chain(rest)));
        let turn = Arc::clone(&self.large).acquire_owned().await;
        tokio::task::spawn_blocking(move || {
            let _turn = turn;
            read_large(&send, whole, key);
        });
        Ok((pieces, failed))
    }

    /// Holds the records against what is known, and offers the difference.
    async fn compare(&self, due: &Due, head: Head, pieces: &mut Pieces) -> Result<(), FetchError> {
        let Some(Piece::Head(did, state)) = pieces.recv().await.transpose()? else {
            return Err(FetchError::BrokeOff);
        };
        let wanted = &due.wanted;
        if did != wanted.did {
            return Err(FetchError::OtherAccount(did));
        }
        if let Some(known) = wanted.rev.max(head.state.map(|state| state.rev))
            && state.rev < known
        {
            return Err(FetchError::Older { found: state.rev, known });
        }
        let again = wanted.reason == REPLAY;
        let filter = self.shared.with(|intake| intake.filter().clone());
        let mut diff = Diff::new(did.clone(), filter, Arc::clone(&self.known), again);
        let origin = if again { Origin::Replay } else { Origin::Resync };
        let mut part =
            Part { fetcher: self, did, rev: state.rev, origin, changes: Vec::new(), bytes: 0 };
        loop {
            let records = match pieces.recv().await.transpose()? {
                Some(Piece::Records(records)) => records,
                Some(Piece::End) => break,
                Some(Piece::Head(..)) | None => return Err(FetchError::BrokeOff),
            };
            for record in records {
                if !diff.wants(&record) {
                    continue;
                }
                while !diff.pass(Some(&record.path), &mut part.changes).await? {
                    part.offer().await?;
                }
                part.bytes += record.bytes.len();
                diff.next(record, &mut part.changes).await?;
                if part.changes.len() >= MAX_PART || part.bytes >= MAX_PART_BYTES {
                    part.offer().await?;
                }
            }
        }
        while !diff.pass(None, &mut part.changes).await? {
            part.offer().await?;
        }
        part.offer().await?;
        self.end(due, Head { state: Some(state), active: true, ..head }, diff.forgotten());
        Ok(())
    }

    fn end(&self, due: &Due, head: Head, known: Vec<Known>) {
        let fetched = Fetched { token: due.token, known };
        self.shared.update(|intake| intake.end_fetch(now(), &due.wanted.did, head, fetched));
    }
}

/// What went wrong on the way of an archive that is read as a file.
type Failed = Arc<Mutex<Option<SourceError>>>;

/// Changes on their way to the intake.
struct Part<'a> {
    fetcher: &'a Fetcher,
    did: Did,
    rev: Tid,
    origin: Origin,
    changes: Vec<Change>,
    bytes: usize,
}

impl Part<'_> {
    /// Offers what has come together, and waits until there is room for it.
    async fn offer(&mut self) -> Result<(), FetchError> {
        self.bytes = 0;
        if self.changes.is_empty() {
            return Ok(());
        }
        let changes = std::mem::take(&mut self.changes);
        let commit = Commit::of_changes(self.did.clone(), self.rev, None, self.origin, changes);
        let cost = intake::offered_cost(&commit);
        let shared = &self.fetcher.shared;
        loop {
            match shared.update(|intake| intake.offer(now(), &commit, cost)) {
                Ok(()) => return Ok(()),
                Err(Refused::Ended) => return Err(FetchError::Stopped),
                Err(Refused::NoRoom) => {
                    let may_go_on =
                        |intake: &Intake| intake.takes(cost) || intake.halted().is_some();
                    if !shared.until(may_go_on).await {
                        return Err(FetchError::Stopped);
                    }
                }
            }
        }
    }
}

type Sender = mpsc::Sender<Result<Piece, VerifyError>>;

fn read_small(pieces: &Sender, archive: Bytes, key: &PublicKey) {
    let verified = match repo::verify(archive, Some(key)) {
        Ok(verified) => verified,
        Err(error) => return drop(pieces.blocking_send(Err(error))),
    };
    let state = RepoState { rev: verified.head.rev, data: verified.head.data };
    let head = Piece::Head(verified.did.clone(), state);
    if pieces.blocking_send(Ok(head)).is_ok() {
        send_records(pieces, verified.records().map(Ok));
    }
}

fn read_large(pieces: &Sender, archive: impl Read, key: PublicKey) {
    let reader = RepoReader::new().key(key);
    let spill = TemporaryFile::new();
    let records = match reader.in_any_order(archive, spill) {
        Ok(records) => records,
        Err(error) => return drop(pieces.blocking_send(Err(error))),
    };
    let state = RepoState { rev: records.head().rev, data: records.head().data };
    let head = Piece::Head(records.did().clone(), state);
    if pieces.blocking_send(Ok(head)).is_ok() {
        send_records(pieces, records);
    }
}

/// Sends records, some at a time, and the end. Nobody may be there any more to read them.
fn send_records(pieces: &Sender, mut records: impl Iterator<Item = Result<Record, VerifyError>>) {
    let (mut some, mut bytes) = (Vec::new(), 0);
    loop {
        let next = records.next().transpose();
        let is_end = matches!(next, Ok(None));
        match next {
            Ok(Some(record)) => {
                bytes += record.bytes.len();
                some.push(record);
            }
            Ok(None) => {}
            Err(error) => return drop(pieces.blocking_send(Err(error))),
        }
        if is_end || some.len() >= MAX_PART || bytes >= MAX_PART_BYTES {
            bytes = 0;
            if pieces.blocking_send(Ok(Piece::Records(std::mem::take(&mut some)))).is_err() {
                return;
            }
        }
        if is_end {
            return drop(pieces.blocking_send(Ok(Piece::End)));
        }
    }
}

/// The reason for which all of a repository is told once more.
pub(super) const REPLAY: &str = "replay";

/// How long a fetch waits until the events before it are settled, before another has its turn.
const MAX_UNQUIET: Duration = Duration::from_secs(2);

/// Archives up to so many bytes are read in memory. Ours: most repositories, and as many of them
/// as are fetched at a time are no burden.
const SMALL: usize = 4 << 20;

/// Larger archives that are read at a time. Each takes some 32 MiB of memory.
const MAX_LARGE: usize = 2;

/// Bytes of records that are delivered together, and one record.
const MAX_PART_BYTES: usize = 256 << 10;

/// Lots of records between the reader of an archive and whoever compares them.
const PIECES: usize = 2;
