//! Accounts, the relay, the hosts that have the repositories, and an index of what a tracker says.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use atproto_core::data::{cbor, json};
use atproto_core::identity::DidDocument;
use atproto_core::syntax::{Cid, Did, Nsid, NsidPattern, RecordKey};
use atproto_firehose::consumer::StateArgument;
use atproto_firehose::event::{Event, Origin};
use atproto_firehose::state::{SavedByCaller, SqliteState};
use atproto_firehose::tracker::{
    Archive, Asked, Latest, List, ListedRepo, PaceLimits, Page, RepoSource, Scope, SourceError,
    Tracker, TrackerOptions,
};
use atproto_repo::commit::Commit;
use atproto_repo::event::{AccountEvent, CommitEvent, SyncEvent};
use atproto_repo::repo::{Head, Write};
use bytes::Bytes;
use futures::{FutureExt, StreamExt, stream};
use tokio::sync::watch;

use crate::support::network::{Account, Directory, TIME, Upstream};

pub(crate) struct World {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) upstream: Upstream,
    pub(crate) directory: Arc<Directory>,
    pub(crate) hosts: Hosts,
    accounts: BTreeMap<char, Account>,
    writes: u64,
}

/// What an index holds after the events so far.
#[derive(Default)]
pub(crate) struct Index {
    pub(crate) records: BTreeMap<String, Cid>,
    /// A line for each event.
    pub(crate) told: Vec<String>,
}

/// Hosts in memory, which hold what they were last given.
#[derive(Clone)]
pub(crate) struct Hosts(Arc<Mutex<Held>>, watch::Sender<bool>);

#[derive(Default)]
struct Held {
    repos: BTreeMap<Did, Hosted>,
    refusals: HashMap<Did, VecDeque<SourceError>>,
    requests: Vec<String>,
    frozen: HashMap<Did, Hosted>,
    panics: Vec<Did>,
}

#[derive(Clone)]
struct Hosted {
    archive: Bytes,
    head: Head,
}

impl World {
    pub(crate) fn new(letters: &str) -> Self {
        let accounts: BTreeMap<_, _> = letters.chars().map(|a| (a, Account::new(a))).collect();
        let all: Vec<_> = accounts.values().collect();
        let directory = Directory::of(&all);
        Self {
            dir: tempfile::tempdir().unwrap(),
            upstream: Upstream::new(),
            directory,
            hosts: Hosts(Arc::default(), watch::Sender::new(false)),
            accounts,
            writes: 0,
        }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    pub(crate) fn options() -> TrackerOptions {
        let mut pace = PaceLimits::default();
        pace.per_second = 1_000.0;
        TrackerOptions::default().pace(pace).relays(["relay.example"])
    }

    pub(crate) async fn track(&self, options: TrackerOptions) -> Tracker {
        self.open(SqliteState::open(self.path()).unwrap(), options).await
    }

    pub(crate) async fn track_in_batches(&self, options: TrackerOptions) -> Tracker {
        self.open(SavedByCaller(SqliteState::open(self.path()).unwrap()), options).await
    }

    async fn open(&self, state: impl Into<StateArgument>, options: TrackerOptions) -> Tracker {
        let options = options
            .resolver(Arc::clone(&self.directory) as Arc<_>)
            .source(Arc::new(self.hosts.clone()));
        Tracker::open_on(Arc::new(self.upstream.clone()), state, options).await.unwrap()
    }

    pub(crate) fn did(&self, letter: char) -> Did {
        self.accounts[&letter].did.clone()
    }

    pub(crate) fn account(&mut self, letter: char) -> &mut Account {
        self.accounts.get_mut(&letter).unwrap()
    }

    /// One more commit, which the host has and the stream does not.
    pub(crate) fn commit(
        &mut self,
        letter: char,
        write: impl FnOnce(RecordKey) -> Write,
    ) -> CommitEvent {
        let account = self.accounts.get_mut(&letter).unwrap();
        let commit = account.commit_with(write);
        let (archive, head) = (account.archive(), account.head());
        self.hosts.lock().repos.insert(commit.repo.clone(), Hosted { archive, head });
        commit
    }

    /// A post at a path, which nobody is told of.
    pub(crate) fn put_unseen(&mut self, letter: char, path: &str) -> CommitEvent {
        self.writes += 1;
        let exists = self.accounts[&letter].has(path);
        let (collection, rkey) = parts(path);
        let text = format!(r#"{{"text":"{}"}}"#, self.writes);
        let record = cbor::encode(&json::decode(&text).unwrap()).into();
        self.commit(letter, |_| match exists {
            true => Write::Update { collection, rkey, record },
            false => Write::Create { collection, rkey, record },
        })
    }

    /// A post at a path.
    pub(crate) fn put(&mut self, letter: char, path: &str) -> i64 {
        let commit = self.put_unseen(letter, path);
        self.upstream.send(commit)
    }

    pub(crate) fn delete_unseen(&mut self, letter: char, path: &str) -> CommitEvent {
        let (collection, rkey) = parts(path);
        self.commit(letter, |_| Write::Delete { collection, rkey })
    }

    pub(crate) fn status(&self, letter: char, status: Option<&str>) {
        self.upstream.send(AccountEvent::new(self.did(letter), status, TIME));
    }

    /// The records of all accounts.
    pub(crate) fn truth(&self) -> BTreeMap<String, Cid> {
        let born = self.accounts.values().filter(|account| account.is_born());
        let uri = |did: &Did, path: String| format!("at://{did}/{path}");
        born.flat_map(|account| {
            account.records().into_iter().map(|(path, cid)| (uri(&account.did, path), cid))
        })
        .collect()
    }
}

pub(crate) fn parts(path: &str) -> (Nsid, RecordKey) {
    let (collection, rkey) = path.split_once('/').unwrap();
    (Nsid::new(collection).unwrap(), RecordKey::new(rkey).unwrap())
}

pub(crate) fn pattern(text: &str) -> NsidPattern {
    NsidPattern::new(text).unwrap()
}

pub(crate) fn posts() -> Scope {
    Scope::collections([pattern("com.example.post")])
}

impl Index {
    /// Takes over an event, which must follow what is here.
    pub(crate) fn apply(&mut self, event: &Event) {
        let line = match event {
            Event::Commit(commit) => {
                let mut line = match commit.origin() {
                    Origin::Stream => "stream".to_owned(),
                    Origin::Resync => "resync".to_owned(),
                    origin => format!("{origin:?}").to_lowercase(),
                };
                for change in commit.changes() {
                    let uri = format!("at://{}/{}", commit.did(), change.path);
                    let sign = match (self.records.contains_key(&uri), change.cid) {
                        (false, Some(_)) => '+',
                        (true, Some(_)) => '~',
                        (_, None) => '-',
                    };
                    line.push_str(&format!(" {sign}{}", change.path.rkey));
                    match change.cid {
                        Some(cid) => drop(self.records.insert(uri, cid)),
                        None => drop(self.records.remove(&uri)),
                    }
                }
                line
            }
            Event::Account(account) => {
                if account.status.as_deref() == Some("deleted") {
                    let of = format!("at://{}/", account.did);
                    self.records.retain(|uri, _| !uri.starts_with(&of));
                }
                format!("account {}", account.status.as_deref().unwrap_or("active"))
            }
            Event::Identity(_) => "identity".to_owned(),
            Event::Sync(_) => "sync".to_owned(),
            Event::Labels(_) => "labels".to_owned(),
            Event::Gap(gap) => format!("gap {}", gap.label()),
        };
        let letter = event.did().map_or('-', |did| did.as_str().chars().last().unwrap());
        self.told.push(format!("{letter}: {line}"));
    }

    /// Takes over what comes until nothing does for a while.
    pub(crate) async fn follow(&mut self, tracker: &mut Tracker) {
        self.follow_for(tracker, QUIET).await;
    }

    /// The same, with another while.
    pub(crate) async fn follow_for(&mut self, tracker: &mut Tracker, quiet: Duration) {
        while let Ok(Some(delivery)) = tokio::time::timeout(quiet, tracker.next()).await {
            self.apply(delivery.event());
            assert!(delivery.ack().await);
        }
    }

    /// The lines since the last time.
    pub(crate) fn take_told(&mut self) -> Vec<String> {
        std::mem::take(&mut self.told)
    }
}

impl Hosts {
    fn lock(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap()
    }

    /// The next requests for a repository are answered by this.
    pub(crate) fn refuse(&self, did: &Did, error: SourceError) {
        self.lock().refusals.entry(did.clone()).or_default().push_back(error);
    }

    /// The next request for a repository is one too many.
    pub(crate) fn panic_for(&self, did: &Did) {
        self.lock().panics.push(did.clone());
    }

    /// Answers with bytes of one's own.
    pub(crate) fn lie(&self, did: &Did, archive: Bytes) {
        self.lock().repos.get_mut(did).unwrap().archive = archive;
    }

    /// Answers with the archive of now until the next answer, whatever is written.
    pub(crate) fn freeze(&self, did: &Did) {
        let mut held = self.lock();
        if let Some(hosted) = held.repos.get(did).cloned() {
            held.frozen.insert(did.clone(), hosted);
        }
    }

    /// Answers as things are.
    pub(crate) fn thaw(&self) {
        let mut held = self.lock();
        held.frozen.clear();
        held.refusals.clear();
    }

    /// Answers nothing while it is so.
    pub(crate) fn stall(&self, stalls: bool) {
        self.1.send_replace(stalls);
    }

    /// What was asked since the last time: `archive a`, `latest a`, `list`.
    pub(crate) fn take_requests(&self) -> Vec<String> {
        std::mem::take(&mut self.lock().requests)
    }

    async fn ask(&self, what: &str, did: &Did) -> Result<Hosted, SourceError> {
        let letter = did.as_str().chars().last().unwrap();
        self.lock().requests.push(format!("{what} {letter}"));
        let planned = self.lock().panics.iter().position(|panics| panics == did);
        if let Some(planned) = planned {
            self.lock().panics.remove(planned);
            panic!("a planned panic");
        }
        // As it is when the request is made.
        let frozen = self.lock().frozen.remove(did);
        let hosted = frozen.or_else(|| self.lock().repos.get(did).cloned());
        let _ = self.1.subscribe().wait_for(|stalls| !stalls).await;
        let refusal = self.lock().refusals.get_mut(did).and_then(VecDeque::pop_front);
        match refusal {
            Some(error) => Err(error),
            None => hosted.ok_or_else(|| SourceError::Gone("RepoNotFound".to_owned())),
        }
    }
}

impl RepoSource for Hosts {
    fn archive<'a>(&'a self, did: &'a Did, _: &'a DidDocument) -> Asked<'a, Archive> {
        async move {
            let archive = self.ask("archive", did).await?.archive;
            let chunks: Vec<_> = archive.chunks(1_000).map(Bytes::copy_from_slice).collect();
            Ok(stream::iter(chunks.into_iter().map(Ok)).boxed())
        }
        .boxed()
    }

    fn latest<'a>(&'a self, did: &'a Did, _: &'a DidDocument) -> Asked<'a, Latest> {
        async move {
            let head = self.ask("latest", did).await?.head;
            Ok(Latest { cid: head.commit, rev: head.rev })
        }
        .boxed()
    }

    /// Two on a page.
    fn list<'a>(&'a self, list: &'a List, cursor: Option<&'a str>) -> Asked<'a, Page> {
        let mut held = self.lock();
        held.requests.push("list".to_owned());
        let mut dids: Vec<Did> = held.repos.keys().cloned().collect();
        if let List::Collection { collection, .. } = list {
            let has = |did: &Did| held.repos.get(did).is_some_and(|hosted| hosted.has(collection));
            dids.retain(has);
        }
        let from = cursor.map_or(0, |cursor| cursor.parse().unwrap());
        let mut page = Page::default();
        page.repos = dids
            .iter()
            .skip(from)
            .take(2)
            .map(|did| ListedRepo::new(did.clone(), None, true))
            .collect();
        page.cursor = (dids.len() > from + 2).then(|| (from + 2).to_string());
        async move { Ok(page) }.boxed()
    }
}

impl Hosted {
    fn has(&self, collection: &str) -> bool {
        let verified = atproto_repo::repo::verify(self.archive.clone(), None).unwrap();
        verified.records().any(|record| record.path.collection.as_str() == collection)
    }
}

/// After so long without an event nothing more comes.
const QUIET: Duration = Duration::from_secs(120);

/// The state after a commit, without the way to it.
pub(crate) fn sync_of(commit: &CommitEvent) -> SyncEvent {
    let limits = atproto_repo::car::Limits::default();
    let (_, blocks) = atproto_repo::car::read_all(commit.blocks.clone(), &limits).unwrap();
    let commit = Commit::decode(blocks.get(&commit.commit).unwrap()).unwrap();
    SyncEvent::of_commit(&commit, TIME)
}
