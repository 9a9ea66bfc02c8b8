//! A PDS of a few lines on real loopback sockets.

use std::{
    collections::BTreeMap,
    io,
    ops::Bound,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use atproto_core::{
    endpoint::RawBody,
    syntax::{Cid, Did, Nsid, Tid},
};
use atproto_lexicons::com::atproto::{
    server::{DescribeServer, DescribeServerOutput},
    sync::{
        GetLatestCommit, GetLatestCommitError, GetLatestCommitOutput, GetRepo, GetRepoError,
        GetRepoStatus, GetRepoStatusError, GetRepoStatusOutput, ListRepos, ListReposByCollection,
        ListReposByCollectionOutput, ListReposOutput, SubscribeRepos, list_repos,
        list_repos_by_collection,
    },
};
use atproto_repo::{event::Event, repo};
use atproto_xrpc::{
    XrpcError,
    server::{Context, Public, Router, RouterConfig, ServeConfig, StreamError, serve},
};
use bytes::Bytes;
use futures::{Stream, stream};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

use crate::Author;

/// A server that streams the events it is given and hands out the repositories it hosts.
///
/// It keeps every event and replays all of them; it checks nothing and signs nothing. It ends
/// when it is dropped.
pub struct MicroPds {
    url: String,
    shared: Arc<Shared>,
    server: JoinHandle<io::Result<()>>,
}

struct Shared {
    state: Mutex<State>,
    /// The number of frames, and the generation of connections: readers of an older one
    /// are cut off.
    progress: watch::Sender<(usize, u64)>,
}

#[derive(Default)]
struct State {
    frames: Vec<(i64, Bytes)>,
    repos: BTreeMap<Did, Hosted>,
}

struct Hosted {
    archive: Bytes,
    commit: Cid,
    rev: Tid,
}

impl Hosted {
    /// Whether there is a record in a collection.
    fn has(&self, collection: &Nsid) -> bool {
        let verified = repo::verify(self.archive.clone(), None);
        verified.is_ok_and(|repo| repo.records().any(|one| one.path.collection == *collection))
    }
}

impl MicroPds {
    /// Starts on a free port of loopback.
    pub async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://localhost:{}", listener.local_addr()?.port());
        let (progress, _) = watch::channel((0, 0));
        let shared = Arc::new(Shared { state: Mutex::default(), progress });
        let app = router(&shared).into_router();
        let server =
            tokio::spawn(serve(listener, app, ServeConfig::default(), std::future::pending()));
        Ok(Self { url, shared, server })
    }

    /// The server's URL, with the host name `localhost`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Sends an event under the next sequence number, and returns that.
    pub fn publish(&self, event: Event) -> i64 {
        let next = self.shared.lock().frames.last().map_or(1, |(seq, _)| seq + 1);
        self.publish_frame(next, event.with_seq(next).encode());
        next
    }

    /// Sends any bytes as a frame, as a faulty or hostile host does.
    pub fn publish_frame(&self, seq: i64, frame: impl Into<Bytes>) {
        let frames = {
            let mut state = self.shared.lock();
            state.frames.push((seq, frame.into()));
            state.frames.len()
        };
        self.shared.progress.send_modify(|progress| progress.0 = frames);
    }

    /// Sends the events of an account's birth and hosts its repository.
    pub fn announce(&self, author: &Author) {
        self.host(author);
        for event in author.birth() {
            self.publish(event);
        }
    }

    /// Answers for the author's repository as it is now.
    pub fn host(&self, author: &Author) {
        let head = author.head();
        let hosted = Hosted { archive: author.export(), commit: head.commit, rev: head.rev };
        self.shared.lock().repos.insert(author.did().clone(), hosted);
    }

    /// Hangs up on all readers; they may come back.
    pub fn hang_up(&self) {
        self.shared.progress.send_modify(|progress| progress.1 += 1);
    }
}

impl Drop for MicroPds {
    fn drop(&mut self) {
        self.hang_up();
        self.server.abort();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The repositories behind a cursor that are wanted, and the cursor behind them.
    fn list(
        &self,
        cursor: Option<String>,
        limit: i64,
        wanted: impl Fn(&Hosted) -> bool,
    ) -> (Vec<(Did, Cid, Tid)>, Option<String>) {
        let limit = usize::try_from(limit).unwrap_or(0);
        let state = self.lock();
        let after = cursor.and_then(|cursor| Did::new(cursor).ok());
        let from = after.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
        let behind = state.repos.range::<Did, _>((from, Bound::Unbounded));
        let wanted = behind.filter(|(_, hosted)| wanted(hosted)).take(limit);
        let found: Vec<_> =
            wanted.map(|(did, hosted)| (did.clone(), hosted.commit, hosted.rev)).collect();
        let is_full = found.len() == limit;
        let last = found.last().filter(|_| is_full).map(|(did, ..)| did.to_string());
        (found, last)
    }

    /// The first frame behind a cursor at or after an index.
    fn frame(&self, index: usize, cursor: i64) -> Option<(usize, Bytes)> {
        let state = self.lock();
        let mut rest = state.frames.iter().enumerate().skip(index);
        rest.find(|(_, (seq, _))| *seq > cursor).map(|(at, (_, frame))| (at + 1, frame.clone()))
    }
}

fn router(shared: &Arc<Shared>) -> Router {
    let (repo, latest, status) = (Arc::clone(shared), Arc::clone(shared), Arc::clone(shared));
    let (all, some, events) = (Arc::clone(shared), Arc::clone(shared), Arc::clone(shared));
    Router::new(RouterConfig::default())
        .query::<DescribeServer, _>(Public, |_: Context<()>, _| async {
            Ok::<_, XrpcError>(describe())
        })
        .query::<GetRepo, _>(Public, move |_: Context<()>, params: GetRepo| {
            let found = repo.lock().repos.get(&params.did).map(|hosted| hosted.archive.clone());
            async move {
                let bytes = found.ok_or(GetRepoError::RepoNotFound(None))?;
                Ok::<_, GetRepoError>(RawBody {
                    content_type: "application/vnd.ipld.car".into(),
                    bytes,
                })
            }
        })
        .query::<GetLatestCommit, _>(Public, move |_: Context<()>, params: GetLatestCommit| {
            let found =
                latest.lock().repos.get(&params.did).map(|hosted| (hosted.commit, hosted.rev));
            async move {
                let (commit, rev) = found.ok_or(GetLatestCommitError::RepoNotFound(None))?;
                Ok::<_, GetLatestCommitError>(GetLatestCommitOutput::new(commit, rev))
            }
        })
        .query::<GetRepoStatus, _>(Public, move |_: Context<()>, params: GetRepoStatus| {
            let found = status.lock().repos.get(&params.did).map(|hosted| hosted.rev);
            async move {
                let rev = found.ok_or(GetRepoStatusError::RepoNotFound(None))?;
                let mut output = GetRepoStatusOutput::new(params.did, true);
                output.rev = Some(rev);
                Ok::<_, GetRepoStatusError>(output)
            }
        })
        .query::<ListRepos, _>(Public, move |_: Context<()>, params: ListRepos| {
            let (found, cursor) = all.list(params.cursor, params.limit, |_| true);
            let repo = |(did, commit, rev)| list_repos::Repo::new(did, commit, rev);
            let mut output = ListReposOutput::new(found.into_iter().map(repo).collect());
            output.cursor = cursor;
            async move { Ok::<_, XrpcError>(output) }
        })
        .query::<ListReposByCollection, _>(
            Public,
            move |_: Context<()>, params: ListReposByCollection| {
                let has = |hosted: &Hosted| hosted.has(&params.collection);
                let (found, cursor) = some.list(params.cursor, params.limit, has);
                let repo = |(did, ..): (Did, Cid, Tid)| list_repos_by_collection::Repo::new(did);
                let found = found.into_iter().map(repo).collect();
                let mut output = ListReposByCollectionOutput::new(found);
                output.cursor = cursor;
                async move { Ok::<_, XrpcError>(output) }
            },
        )
        .subscription::<SubscribeRepos, _>(Public, move |_: Context<()>, params: SubscribeRepos| {
            let stream = read(Arc::clone(&events), params.cursor);
            async move { Ok::<_, XrpcError>(stream) }
        })
}

/// What a server of test accounts says of itself.
fn describe() -> DescribeServerOutput {
    let did = Did::new("did:web:localhost").expect("a valid DID");
    DescribeServerOutput::new(did, vec![".test".to_owned()])
}

/// Frames behind a cursor, then live ones; without a cursor live ones only.
fn read(
    shared: Arc<Shared>,
    cursor: Option<i64>,
) -> impl Stream<Item = Result<Bytes, StreamError>> + Send + 'static {
    let mut progress = shared.progress.subscribe();
    let (known, generation) = *progress.borrow_and_update();
    let start = if cursor.is_some() { 0 } else { known };
    let state = (shared, progress, start, cursor.unwrap_or(i64::MIN));
    stream::unfold(state, move |(shared, mut progress, mut index, cursor)| async move {
        loop {
            if progress.borrow_and_update().1 != generation {
                return None;
            }
            if let Some((next, frame)) = shared.frame(index, cursor) {
                index = next;
                return Some((Ok(frame), (shared, progress, index, cursor)));
            }
            progress.changed().await.ok()?;
        }
    })
}
