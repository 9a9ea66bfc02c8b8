use std::fmt::Display;
use std::time::Duration;

use atproto_core::data::json;
use atproto_core::identity::DidDocument;
use atproto_core::identity::safe_client::{FetchError, FetchLimits, SafeClient};
use atproto_core::syntax::Did;
use atproto_lexicons::com::atproto::sync::{
    GetLatestCommitOutput, ListHostsOutput, ListReposByCollectionOutput, ListReposOutput,
};
use futures::{FutureExt, StreamExt, stream};
use reqwest::header::{ACCEPT_ENCODING, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Method, Request, Response, StatusCode};
use serde::Deserialize;
use tokio::time::{Instant, timeout, timeout_at};
use url::Url;

use super::source::{Archive, Asked, Latest, List, ListedRepo, Page, RepoSource, SourceError};

/// Repositories from their hosts, and lists from relays, over HTTP.
///
/// Hosts are what DID documents name, so that strangers decide what is asked: the client is the
/// one that keeps to public addresses.
#[derive(Clone)]
pub struct HttpRepoSource {
    client: SafeClient,
    limits: HttpLimits,
}

/// What an answer may be like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HttpLimits {
    /// The largest archive, in bytes. Default 1 GiB: twice the largest known repositories.
    pub max_archive: u64,
    /// How long an answer may take to begin. Default 30 s.
    pub head: Duration,
    /// How long an archive may take as a whole. Default 15 min.
    pub archive: Duration,
    /// The least speed of an archive, in bytes a second, counted anew for each quarter of a
    /// minute. Default 16 KiB.
    pub min_rate: u64,
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            max_archive: 1 << 30,
            head: Duration::from_secs(30),
            archive: Duration::from_secs(15 * 60),
            min_rate: 16 << 10,
        }
    }
}

impl HttpRepoSource {
    /// Asks by this client.
    pub fn new(client: SafeClient) -> Self {
        Self { client, limits: HttpLimits::default() }
    }

    /// With other limits.
    #[must_use]
    pub fn limits(mut self, limits: HttpLimits) -> Self {
        self.limits = limits;
        self
    }

    async fn ask(&self, url: Url) -> Result<Response, SourceError> {
        let mut request = Request::new(Method::GET, url);
        request.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        let answer = timeout(self.limits.head, self.client.execute(request)).await;
        let answer = answer.map_err(|_| SourceError::TooSlow(self.limits.head))?;
        answer.map_err(of_fetch)
    }

    async fn get<T: for<'de> Deserialize<'de>>(&self, url: Url) -> Result<T, SourceError> {
        let limits = FetchLimits::new(MAX_PAGE, self.limits.head);
        let answer = self.client.get(url.as_str(), &limits).await.map_err(of_fetch)?;
        if !answer.status.is_success() {
            return Err(refusal(answer.status, &answer.headers, &answer.body));
        }
        json::from_slice(&answer.body).map_err(|error| SourceError::Answer(error.to_string()))
    }

    async fn open(&self, url: Url) -> Result<Archive, SourceError> {
        let answer = self.ask(url).await?;
        if !answer.status().is_success() {
            let (status, headers) = (answer.status(), answer.headers().clone());
            return Err(refusal(status, &headers, &beginning(answer).await));
        }
        Ok(watched(answer, self.limits))
    }
}

impl std::fmt::Debug for HttpRepoSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpRepoSource").field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl RepoSource for HttpRepoSource {
    fn archive<'a>(&'a self, did: &'a Did, document: &'a DidDocument) -> Asked<'a, Archive> {
        async move {
            let url = of_account(document, "com.atproto.sync.getRepo", did)?;
            self.open(url).await
        }
        .boxed()
    }

    fn latest<'a>(&'a self, did: &'a Did, document: &'a DidDocument) -> Asked<'a, Latest> {
        async move {
            let url = of_account(document, "com.atproto.sync.getLatestCommit", did)?;
            let GetLatestCommitOutput { cid, rev, .. } = self.get(url).await?;
            Ok(Latest { cid, rev })
        }
        .boxed()
    }

    fn list<'a>(&'a self, list: &'a List, cursor: Option<&'a str>) -> Asked<'a, Page> {
        async move {
            let (host, nsid) = match list {
                List::Collection { relay, .. } => (relay, "com.atproto.sync.listReposByCollection"),
                List::Repos { host } => (host, "com.atproto.sync.listRepos"),
                List::Hosts { relay } => (relay, "com.atproto.sync.listHosts"),
            };
            let mut url = endpoint(host, nsid)?;
            url.query_pairs_mut().append_pair("limit", PAGE);
            if let List::Collection { collection, .. } = list {
                url.query_pairs_mut().append_pair("collection", collection);
            }
            if let Some(cursor) = cursor {
                url.query_pairs_mut().append_pair("cursor", cursor);
            }
            match list {
                List::Collection { .. } => Ok(of_collection(self.get(url).await?)),
                List::Repos { .. } => Ok(of_repos(self.get(url).await?)),
                List::Hosts { .. } => Ok(of_hosts(self.get(url).await?)),
            }
        }
        .boxed()
    }
}

fn of_collection(output: ListReposByCollectionOutput) -> Page {
    let repos = output.repos.into_iter().map(|repo| ListedRepo::new(repo.did, None, true));
    Page { repos: repos.collect(), cursor: output.cursor, ..Page::default() }
}

fn of_repos(output: ListReposOutput) -> Page {
    let listed = |repo: atproto_lexicons::com::atproto::sync::list_repos::Repo| {
        ListedRepo::new(repo.did, Some(repo.rev), repo.active.unwrap_or(true))
    };
    let repos = output.repos.into_iter().map(listed).collect();
    Page { repos, cursor: output.cursor, ..Page::default() }
}

fn of_hosts(output: ListHostsOutput) -> Page {
    let hosts = output.hosts.into_iter().map(|host| host.hostname).collect();
    Page { hosts, cursor: output.cursor, ..Page::default() }
}

fn of_account(document: &DidDocument, nsid: &str, did: &Did) -> Result<Url, SourceError> {
    let host = document.pds_endpoint().ok_or(SourceError::NoHost)?;
    let mut url = endpoint(host, nsid)?;
    url.query_pairs_mut().append_pair("did", did.as_str());
    Ok(url)
}

/// A host is its name, or the URL that its name is part of.
fn endpoint(host: &str, nsid: &str) -> Result<Url, SourceError> {
    let base = if host.contains("://") { host.to_owned() } else { format!("https://{host}") };
    let base =
        base.trim_end_matches('/').replacen("ws", "http", usize::from(base.starts_with("ws")));
    Url::parse(&format!("{base}/xrpc/{nsid}")).map_err(|error| answer(&error))
}

fn answer(error: &dyn Display) -> SourceError {
    SourceError::Answer(error.to_string())
}

fn of_fetch(error: FetchError) -> SourceError {
    if error.is_refusal() { answer(&error) } else { SourceError::unavailable(error) }
}

#[derive(Deserialize)]
struct ErrorBody {
    error: String,
}

/// What an answer that is no success says.
fn refusal(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> SourceError {
    if status == StatusCode::TOO_MANY_REQUESTS || headers.contains_key(RETRY_AFTER) {
        let seconds = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        return SourceError::RateLimited { retry_after: seconds.map(Duration::from_secs) };
    }
    let name = serde_json::from_slice::<ErrorBody>(body).map(|body| body.error);
    match name {
        Ok(name) if GONE.contains(&name.as_str()) => SourceError::Gone(name),
        _ if status.is_server_error() => SourceError::unavailable(status.to_string()),
        Ok(name) => SourceError::Answer(format!("{status}: {name}")),
        Err(_) => SourceError::Answer(status.to_string()),
    }
}

/// As much of a body as an error has.
async fn beginning(mut answer: Response) -> Vec<u8> {
    let mut body = Vec::new();
    let deadline = Instant::now() + Duration::from_secs(5);
    while body.len() < MAX_ERROR
        && let Ok(Ok(Some(chunk))) = timeout_at(deadline, answer.chunk()).await
    {
        body.extend_from_slice(&chunk);
    }
    body
}

/// A body that may be neither too large nor too slow.
fn watched(answer: Response, limits: HttpLimits) -> Archive {
    let began = Instant::now();
    let body = (answer, 0_u64, (began, 0_u64));
    stream::try_unfold(body, move |(mut answer, mut read, mut lap)| async move {
        let end = (began + limits.archive).min(lap.0 + LAP);
        let chunk = match timeout_at(end, answer.chunk()).await {
            Ok(chunk) => chunk.map_err(SourceError::unavailable)?,
            Err(_) => return Err(SourceError::TooSlow(began.elapsed())),
        };
        let Some(chunk) = chunk else { return Ok(None) };
        read += chunk.len() as u64;
        if read > limits.max_archive {
            return Err(SourceError::TooLarge { limit: limits.max_archive });
        }
        if read - lap.1 >= limits.min_rate * LAP.as_secs() {
            lap = (Instant::now(), read);
        }
        Ok::<_, SourceError>(Some((chunk, (answer, read, lap))))
    })
    .boxed()
}

/// The names of errors that say that a repository is not to be had now.
const GONE: [&str; 5] =
    ["RepoNotFound", "RepoTakendown", "RepoSuspended", "RepoDeactivated", "AccountNotFound"];

/// Repositories on a page: the most that the lexicons allow.
const PAGE: &str = "1000";

/// The largest page, in bytes. Ours: ten times what a thousand entries take.
const MAX_PAGE: usize = 2 << 20;

/// As much as is read of an error, in bytes.
const MAX_ERROR: usize = 4 << 10;

/// How often the speed of an archive is looked at.
const LAP: Duration = Duration::from_secs(15);
