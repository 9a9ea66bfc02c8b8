//! One account: its repository, fetched, verified and compared as it comes.

use std::{
    cmp::Ordering,
    io::{self, Read},
    time::Duration,
};

use anyhow::{Context, ensure};
use atproto_core::{
    crypto::PublicKey,
    identity::{HttpResolver, Resolver},
    syntax::{Cid, Did, NsidPattern},
};
use atproto_lexicons::com::atproto::sync::GetRepo;
use atproto_repo::repo::{RepoReader, TemporaryFile};
use atproto_xrpc::{Client, client::Download};
use bytes::{Buf, Bytes};
use futures::StreamExt;
use tokio::sync::mpsc;

use super::index::{Account, Indexed, covers};

/// What an audit of an account has to say.
pub(super) enum Told {
    /// A record is not the same on both sides.
    Difference {
        verdict: Verdict,
        did: Did,
        path: String,
        repo: Option<String>,
        index: Option<String>,
    },
    /// The repository was read to its end.
    Read { records: u64, equal: u64 },
    /// The repository could not be read, or not to its end.
    Unreadable { did: Did, why: String },
}

/// How a record differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Only the repository has it.
    Missing,
    /// The index has another CID.
    Stale,
    /// Only the index has it.
    Extra,
}

impl Verdict {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Stale => "stale",
            Self::Extra => "extra",
        }
    }
}

/// Fetches and compares repositories.
pub(super) struct Auditor {
    resolver: HttpResolver,
    host: Option<Client>,
    collections: Vec<NsidPattern>,
}

impl Auditor {
    pub(super) fn new(
        resolver: HttpResolver,
        host: Option<&str>,
        collections: Vec<NsidPattern>,
    ) -> anyhow::Result<Self> {
        Ok(Self { resolver, host: host.map(Client::new).transpose()?, collections })
    }

    /// Compares an account's repository with the index, and tells what comes of it. Ends early
    /// when nobody listens any more.
    pub(super) async fn audit(&self, account: Account, tell: mpsc::Sender<Told>) {
        let did = account.did.clone();
        let result = match self.open(&did).await {
            Ok((key, download)) => self.compare(account, key, download, tell.clone()).await,
            Err(error) => Err(error),
        };
        if let Err(error) = result {
            let told = Told::Unreadable { did, why: format!("{error:#}") };
            let _nobody_listens = tell.send(told).await;
        }
    }

    async fn open(&self, did: &Did) -> anyhow::Result<(PublicKey, Download)> {
        let document = self.resolver.did(did).await?;
        let key = document.signing_key()?;
        let client = match &self.host {
            Some(host) => host.clone(),
            None => Client::new(document.pds_endpoint().context("the document names no PDS")?)?,
        };
        Ok((key, client.download(GetRepo::new(did.clone())).await?))
    }

    async fn compare(
        &self,
        account: Account,
        key: PublicKey,
        download: Download,
        tell: mpsc::Sender<Told>,
    ) -> anyhow::Result<()> {
        let (send, archive) = mpsc::channel(CHUNKS);
        let collections = self.collections.clone();
        let compared = tokio::task::spawn_blocking(move || {
            let archive = Archive { chunks: archive, chunk: Bytes::new() };
            compare(&account, key, archive, &collections, &tell)
        });
        let receive = tokio::time::timeout(DEADLINE, receive(download, &send));
        if receive.await.is_err() {
            let _has_ended = send.send(Err(io::ErrorKind::TimedOut.into())).await;
        }
        drop(send);
        compared.await?
    }
}

/// Hands a download over piece by piece, until its end or until nobody reads on.
async fn receive(mut download: Download, send: &mpsc::Sender<io::Result<Bytes>>) {
    while let Some(chunk) = download.next().await {
        if send.send(chunk.map_err(io::Error::other)).await.is_err() {
            return;
        }
    }
}

/// A download, read from another thread.
struct Archive {
    chunks: mpsc::Receiver<io::Result<Bytes>>,
    chunk: Bytes,
}

impl Read for Archive {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.chunk.is_empty() {
            match self.chunks.blocking_recv() {
                Some(chunk) => self.chunk = chunk?,
                None => return Ok(0),
            }
        }
        let length = self.chunk.len().min(buffer.len());
        self.chunk.copy_to_slice(&mut buffer[..length]);
        Ok(length)
    }
}

/// Walks both sides in the order of their paths.
fn compare(
    account: &Account,
    key: PublicKey,
    archive: Archive,
    collections: &[NsidPattern],
    tell: &mpsc::Sender<Told>,
) -> anyhow::Result<()> {
    let mut indexed = account.records();
    let mut findings = Findings { did: &account.did, tell, records: 0, equal: 0 };
    let repo = RepoReader::new().key(key).in_any_order(archive, TemporaryFile::new())?;
    ensure!(repo.did() == &account.did, "the repository is of {}", repo.did());

    let mut next = indexed.next().transpose()?;
    for record in repo {
        let record = record?;
        if !covers(collections, &record.path.collection) {
            continue;
        }
        let path = record.path.to_string();
        while let Some(extra) = next.take_if(|next| next.path < path) {
            findings.extra(extra)?;
            next = indexed.next().transpose()?;
        }
        let mut is_indexed = false;
        // An index may have several CIDs for one path.
        while let Some(same) = next.take_if(|next| next.path.cmp(&path) == Ordering::Equal) {
            is_indexed = true;
            findings.both(same, &record.cid)?;
            next = indexed.next().transpose()?;
        }
        findings.records += 1;
        if !is_indexed {
            findings.missing(path, &record.cid)?;
        }
    }
    while let Some(extra) = next.take() {
        findings.extra(extra)?;
        next = indexed.next().transpose()?;
    }
    findings.finish()
}

struct Findings<'a> {
    did: &'a Did,
    tell: &'a mpsc::Sender<Told>,
    records: u64,
    equal: u64,
}

impl Findings<'_> {
    fn both(&mut self, indexed: Indexed, cid: &Cid) -> anyhow::Result<()> {
        let cid = cid.to_string();
        if indexed.cid == cid {
            self.equal += 1;
            return Ok(());
        }
        self.differs(Verdict::Stale, indexed.path, Some(cid), Some(indexed.cid))
    }

    fn missing(&self, path: String, cid: &Cid) -> anyhow::Result<()> {
        self.differs(Verdict::Missing, path, Some(cid.to_string()), None)
    }

    fn extra(&self, indexed: Indexed) -> anyhow::Result<()> {
        self.differs(Verdict::Extra, indexed.path, None, Some(indexed.cid))
    }

    fn differs(
        &self,
        verdict: Verdict,
        path: String,
        repo: Option<String>,
        index: Option<String>,
    ) -> anyhow::Result<()> {
        self.tell(Told::Difference { verdict, did: self.did.clone(), path, repo, index })
    }

    fn finish(self) -> anyhow::Result<()> {
        self.tell(Told::Read { records: self.records, equal: self.equal })
    }

    fn tell(&self, told: Told) -> anyhow::Result<()> {
        self.tell.blocking_send(told).context("nobody listens any more")
    }
}

/// Ours: pieces of an archive that are on their way from the network to who reads it, some 16 KiB
/// each.
const CHUNKS: usize = 16;

/// Ours: how long a repository may take to arrive. One of 16 GiB takes as long at 5 MB/s; a host
/// that sends a byte now and then is not waited for.
const DEADLINE: Duration = Duration::from_secs(3600);
