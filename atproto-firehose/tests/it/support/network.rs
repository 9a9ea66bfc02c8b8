//! Accounts with real keys and repositories, an identity directory, and an
//! upstream in memory.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use atproto_core::crypto::{Curve, SecretKey};
use atproto_core::data::{cbor, json};
use atproto_core::identity::{DidDocument, ResolveError, Resolver};
use atproto_core::syntax::{Cid, Did, Handle, Nsid, RecordKey, Tid};
use atproto_firehose::consumer::{
    Connecting, FrameSource, NextFrame, Transport, TransportError, Wire,
};
use atproto_repo::BlockMap;
use atproto_repo::event::{CommitEvent, Event};
use atproto_repo::repo::{self, Head, Write};
use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::watch;

pub(crate) const TIME: &str = "2026-01-01T00:00:00.000Z";

/// An account that signs real commits.
pub(crate) struct Account {
    pub(crate) did: Did,
    pub(crate) key: SecretKey,
    blocks: BlockMap,
    head: Option<Head>,
    micros: u64,
}

impl Account {
    pub(crate) fn new(letter: char) -> Self {
        let did = Did::new(format!("did:plc:{}", letter.to_string().repeat(24))).unwrap();
        let key = SecretKey::generate(Curve::K256);
        let (blocks, head) = (BlockMap::new(), None);
        Self { did, key, blocks, head, micros: 1_700_000_000_000_000 }
    }

    /// The next commit: the empty first one, then one with one more post each.
    pub(crate) fn commit(&mut self) -> CommitEvent {
        self.commit_of("com.example.post", r#"{"text":"hello"}"#)
    }

    /// The same with another record.
    pub(crate) fn commit_of(&mut self, collection: &str, record: &str) -> CommitEvent {
        self.commit_with(|rkey| Write::Create {
            collection: Nsid::new(collection).unwrap(),
            rkey,
            record: cbor::encode(&json::decode(record).unwrap()).into(),
        })
    }

    /// The repository as an archive.
    pub(crate) fn archive(&self) -> Bytes {
        let mut archive = Vec::new();
        repo::export(&self.blocks, &self.head(), &mut archive).unwrap();
        archive.into()
    }

    /// The newest state.
    pub(crate) fn head(&self) -> Head {
        self.head.unwrap()
    }

    pub(crate) fn is_born(&self) -> bool {
        self.head.is_some()
    }

    pub(crate) fn has(&self, path: &str) -> bool {
        self.head.is_some() && self.records().contains_key(path)
    }

    /// The records by path.
    pub(crate) fn records(&self) -> BTreeMap<String, Cid> {
        let verified = repo::verify(self.archive(), Some(&self.key.public_key())).unwrap();
        verified.records().map(|record| (record.path.to_string(), record.cid)).collect()
    }

    /// The next commit with any write; the first one is empty all the same.
    pub(crate) fn commit_with(&mut self, write: impl FnOnce(RecordKey) -> Write) -> CommitEvent {
        self.micros += 1_000_000;
        let rev = Tid::from_parts(self.micros, 0);
        let applied = match &self.head {
            None => repo::create(&self.did, &self.key, rev).unwrap(),
            Some(head) => {
                let writes = vec![write(RecordKey::new(rev.to_string()).unwrap())];
                repo::apply(&self.blocks, head, &self.did, writes, rev, &self.key).unwrap()
            }
        };
        self.blocks.extend(applied.new_blocks.iter().map(|(cid, block)| (*cid, block.clone())));
        self.head = Some(applied.head);
        CommitEvent::new(self.did.clone(), &applied, TIME)
    }
}

/// A directory of DID documents that counts, and that can be down.
#[derive(Default)]
pub(crate) struct Directory {
    inner: Mutex<DirectoryInner>,
}

#[derive(Default)]
struct DirectoryInner {
    documents: HashMap<Did, Arc<DidDocument>>,
    /// What a purge brings to light.
    fresh: HashMap<Did, Arc<DidDocument>>,
    purges: usize,
    down: bool,
}

pub(crate) fn document(did: &Did, key: &SecretKey, host: &str) -> Arc<DidDocument> {
    let key = key.public_key().to_multikey();
    let json = format!(
        r##"{{"id":"{did}","verificationMethod":[{{"id":"{did}#atproto","type":"Multikey","controller":"{did}","publicKeyMultibase":"{key}"}}],"service":[{{"id":"#atproto_pds","type":"AtprotoPersonalDataServer","serviceEndpoint":"https://{host}"}}]}}"##
    );
    Arc::new(DidDocument::from_json(json.as_bytes()).unwrap())
}

impl Directory {
    pub(crate) fn of(accounts: &[&Account]) -> Arc<Self> {
        let directory = Self::default();
        for account in accounts {
            directory.set(document(&account.did, &account.key, "pds.example"));
        }
        Arc::new(directory)
    }

    pub(crate) fn set(&self, document: Arc<DidDocument>) {
        self.inner.lock().unwrap().documents.insert(document.id.clone(), document);
    }

    /// Becomes visible only after a purge.
    pub(crate) fn set_fresh(&self, document: Arc<DidDocument>) {
        self.inner.lock().unwrap().fresh.insert(document.id.clone(), document);
    }

    pub(crate) fn set_down(&self, down: bool) {
        self.inner.lock().unwrap().down = down;
    }

    pub(crate) fn purges(&self) -> usize {
        self.inner.lock().unwrap().purges
    }
}

impl Resolver for Directory {
    fn did<'a>(&'a self, did: &'a Did) -> BoxFuture<'a, Result<Arc<DidDocument>, ResolveError>> {
        let inner = self.inner.lock().unwrap();
        let answer = if inner.down {
            Err(ResolveError::Unavailable(Arc::new(std::io::Error::other("down"))))
        } else {
            let found = inner.documents.get(did).cloned();
            found.ok_or_else(|| ResolveError::NotFound(did.to_string()))
        };
        async move { answer }.boxed()
    }

    fn handle<'a>(&'a self, handle: &'a Handle) -> BoxFuture<'a, Result<Did, ResolveError>> {
        async move { Err(ResolveError::NotFound(handle.to_string())) }.boxed()
    }

    fn purge(&self, did: &Did) {
        let mut inner = self.inner.lock().unwrap();
        inner.purges += 1;
        if let Some(fresh) = inner.fresh.remove(did) {
            inner.documents.insert(did.clone(), fresh);
        }
    }
}

/// A relay in memory: frames with sequence numbers, sent to whoever connects.
#[derive(Clone)]
pub(crate) struct Upstream {
    inner: Arc<Mutex<UpstreamInner>>,
    changed: watch::Sender<u64>,
    wire: Wire,
}

#[derive(Default)]
struct UpstreamInner {
    frames: Vec<(i64, Bytes)>,
    /// Sent to the next connection before anything else.
    greeting: Vec<Bytes>,
    cursors: Vec<Option<i64>>,
    read: usize,
    generation: u64,
}

impl Upstream {
    pub(crate) fn new() -> Self {
        Self::of(Wire::SubscribeRepos)
    }

    /// One that speaks in another form.
    pub(crate) fn of(wire: Wire) -> Self {
        Self { inner: Arc::default(), changed: watch::Sender::new(0), wire }
    }

    pub(crate) fn send(&self, event: impl Into<Event>) -> i64 {
        let seq = self.lock().frames.last().map_or(1, |(seq, _)| seq + 1);
        self.send_at(seq, event);
        seq
    }

    pub(crate) fn send_at(&self, seq: i64, event: impl Into<Event>) {
        self.send_frame(seq, event.into().with_seq(seq).encode());
    }

    pub(crate) fn send_frame(&self, seq: i64, frame: impl Into<Bytes>) {
        self.lock().frames.push((seq, frame.into()));
        self.changed.send_modify(|_| {});
    }

    pub(crate) fn greet(&self, frame: impl Into<Bytes>) {
        self.lock().greeting.push(frame.into());
    }

    /// Ends all connections.
    pub(crate) fn cut(&self) {
        self.lock().generation += 1;
        self.changed.send_modify(|generation| *generation += 1);
    }

    /// The cursors with which it was connected to.
    pub(crate) fn cursors(&self) -> Vec<Option<i64>> {
        self.lock().cursors.clone()
    }

    /// Frames that were read from it.
    pub(crate) fn read(&self) -> usize {
        self.lock().read
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, UpstreamInner> {
        self.inner.lock().unwrap()
    }
}

impl Transport for Upstream {
    fn connect(&self, cursor: Option<i64>) -> Connecting<'_> {
        let mut inner = self.lock();
        inner.cursors.push(cursor);
        let newest = inner.frames.last().map_or(0, |(seq, _)| *seq);
        let source = Connection {
            greeting: std::mem::take(&mut inner.greeting),
            after: cursor.unwrap_or(newest),
            generation: inner.generation,
            changed: self.changed.subscribe(),
            upstream: self.clone(),
        };
        async move { Ok(Box::new(source) as Box<dyn FrameSource>) }.boxed()
    }

    fn wire(&self) -> Wire {
        self.wire
    }
}

struct Connection {
    greeting: Vec<Bytes>,
    after: i64,
    generation: u64,
    changed: watch::Receiver<u64>,
    upstream: Upstream,
}

impl Connection {
    fn poll(&mut self) -> Option<Option<Result<Bytes, TransportError>>> {
        let mut inner = self.upstream.lock();
        if inner.generation != self.generation {
            let source = std::io::Error::from(std::io::ErrorKind::ConnectionReset).into();
            let error = TransportError { label: "reset", permanent: false, source };
            return Some(Some(Err(error)));
        }
        if !self.greeting.is_empty() {
            return Some(Some(Ok(self.greeting.remove(0))));
        }
        let next = inner.frames.partition_point(|(seq, _)| *seq <= self.after);
        let (seq, frame) = inner.frames.get(next).cloned()?;
        inner.read += 1;
        self.after = seq;
        Some(Some(Ok(frame)))
    }
}

impl FrameSource for Connection {
    fn next_frame(&mut self) -> NextFrame<'_> {
        async move {
            loop {
                self.changed.mark_unchanged();
                if let Some(answer) = self.poll() {
                    return answer;
                }
                // The upstream lives as long as its connections.
                let _ = self.changed.changed().await;
            }
        }
        .boxed()
    }
}
