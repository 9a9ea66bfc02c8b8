use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use url::Url;

use super::{CLIENT_CACHE_SECONDS, FetchDocument, FetchFailure, client_keys::ClientKeys};
use crate::oauth::{
    ClientAuthentication, ClientError, ClientId, ClientMetadata, MAX_METADATA_BYTES,
};

/// How many clients are remembered. Ours: some megabytes with documents of usual length.
pub const CLIENT_CACHE_CAPACITY: usize = 2048;

/// How long a client whose document could not be had is not asked for it again, in seconds.
/// Ours: long enough that nobody is flooded through this server, short enough for a developer
/// who has just mended the document.
pub const CLIENT_RETRY_SECONDS: u64 = 10;

/// How many clients are fetched at one time, and of these how many from one host: slow hosts
/// leave room for others. Ours.
const FETCHES: usize = 32;
const FETCHES_OF_A_HOST: usize = 4;

/// How long a client waits for its turn. Ours: the user is waiting.
const TURN: Duration = Duration::from_secs(5);

/// Knows clients by their ids: fetches their metadata and their keys, checks them, and keeps
/// them for [`CLIENT_CACHE_SECONDS`].
pub struct Clients {
    fetch: Arc<dyn FetchDocument>,
    known: Mutex<HashMap<String, Known>>,
    seats: Arc<Semaphore>,
    /// The seats of each host that is being asked.
    hosts: Mutex<HashMap<String, Arc<Semaphore>>>,
}

/// The right to fetch, taken from the host's and from all seats.
type Seats = (OwnedSemaphorePermit, OwnedSemaphorePermit);

/// A client whose metadata are valid.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Client {
    /// What it says of itself.
    pub metadata: ClientMetadata,
    /// Its keys, if it is confidential.
    pub keys: Option<ClientKeys>,
}

/// Why a client is not known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnknownClient {
    /// Its id or its metadata are not valid.
    #[error(transparent)]
    Metadata(#[from] ClientError),
    /// A document could not be fetched.
    #[error("`{url}` could not be fetched: {reason}")]
    Fetch {
        /// Its address.
        url: Url,
        /// Why not.
        reason: FetchFailure,
    },
    /// The answer is not 200.
    #[error("`{url}` answers {status}, not 200")]
    Status {
        /// The address.
        url: Url,
        /// The status.
        status: u16,
    },
    /// The answer is not JSON.
    #[error("`{0}` is not of the media type application/json")]
    MediaType(Url),
    /// The key set is not JSON.
    #[error("`{0}` holds no key set")]
    KeySet(Url),
}

#[derive(Clone)]
struct Known {
    client: Result<Arc<Client>, UnknownClient>,
    fetched: u64,
}

impl Known {
    fn is_fresh(&self, now: u64) -> bool {
        let lifetime =
            if self.client.is_ok() { CLIENT_CACHE_SECONDS } else { CLIENT_RETRY_SECONDS };
        now < self.fetched.saturating_add(lifetime)
    }
}

impl Clients {
    /// No clients yet.
    pub fn new(fetch: Arc<dyn FetchDocument>) -> Self {
        let seats = Arc::new(Semaphore::new(FETCHES));
        Self { fetch, known: Mutex::default(), seats, hosts: Mutex::default() }
    }

    /// The client of an id, at a time in Unix seconds.
    pub async fn find(&self, client_id: &str, now: u64) -> Result<Arc<Client>, UnknownClient> {
        match ClientId::parse(client_id)? {
            id @ ClientId::Localhost(_) => {
                let metadata = ClientMetadata::of_localhost(id)?;
                Ok(Arc::new(Client { metadata, keys: None }))
            }
            id @ ClientId::Web(_) => self.find_web(id, now).await,
        }
    }

    /// Forgets what is known of a client, so that it is fetched again.
    pub fn forget(&self, client_id: &str) {
        self.known().remove(client_id);
    }

    async fn find_web(&self, id: ClientId, now: u64) -> Result<Arc<Client>, UnknownClient> {
        let name = id.to_string();
        if let Some(known) = self.remembered(&name, now) {
            return known;
        }
        let _seats = self.seats(id.url()).await?;
        // Whoever had the turn before may have asked for the same.
        if let Some(known) = self.remembered(&name, now) {
            return known;
        }
        let client = self.fetch_client(id).await.map(Arc::new);
        self.remember(name, Known { client: client.clone(), fetched: now }, now);
        client
    }

    fn remembered(&self, name: &str, now: u64) -> Option<Result<Arc<Client>, UnknownClient>> {
        let known = self.known();
        known.get(name).filter(|known| known.is_fresh(now)).map(|known| known.client.clone())
    }

    /// Where there is no room the oldest goes, of those first that are not valid: they are
    /// made up easily.
    fn remember(&self, name: String, client: Known, now: u64) {
        let mut known = self.known();
        if known.len() >= CLIENT_CACHE_CAPACITY {
            known.retain(|_, known| known.is_fresh(now));
        }
        if known.len() >= CLIENT_CACHE_CAPACITY {
            let oldest =
                known.iter().min_by_key(|(_, known)| (known.client.is_ok(), known.fetched));
            if let Some(oldest) = oldest.map(|(name, _)| name.clone()) {
                known.remove(&oldest);
            }
        }
        known.insert(name, client);
    }

    /// Waits for the turn to ask a host.
    async fn seats(&self, url: &Url) -> Result<Seats, UnknownClient> {
        let of_host = {
            let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
            // Of the hosts that nobody asks, nothing is kept.
            hosts.retain(|_, seats| Arc::strong_count(seats) > 1);
            let host = url.host_str().unwrap_or_default().to_owned();
            let seats =
                hosts.entry(host).or_insert_with(|| Arc::new(Semaphore::new(FETCHES_OF_A_HOST)));
            Arc::clone(seats)
        };
        let turn = async {
            let of_host = of_host.acquire_owned().await.ok()?;
            Some((of_host, Arc::clone(&self.seats).acquire_owned().await.ok()?))
        };
        let seats = tokio::time::timeout(TURN, turn).await.ok().flatten();
        seats.ok_or_else(|| UnknownClient::Fetch {
            url: url.clone(),
            reason: FetchFailure("too many clients are being fetched".to_owned()),
        })
    }

    async fn fetch_client(&self, id: ClientId) -> Result<Client, UnknownClient> {
        let document = self.get(id.url()).await?;
        let metadata = ClientMetadata::read(id, &document)?;
        let keys = match &metadata.authentication {
            ClientAuthentication::None => None,
            ClientAuthentication::Keys(set) => Some(ClientKeys::read(set)),
            ClientAuthentication::KeysAt(url) => {
                let set = serde_json::from_slice::<Value>(&self.get(url).await?);
                let set = set.map_err(|_| UnknownClient::KeySet(url.clone()))?;
                Some(ClientKeys::read(&set))
            }
        };
        Ok(Client { metadata, keys })
    }

    async fn get(&self, url: &Url) -> Result<bytes::Bytes, UnknownClient> {
        let failed = |reason| UnknownClient::Fetch { url: url.clone(), reason };
        let document = self.fetch.fetch(url, MAX_METADATA_BYTES).await.map_err(failed)?;
        if document.status != http::StatusCode::OK {
            return Err(UnknownClient::Status {
                url: url.clone(),
                status: document.status.as_u16(),
            });
        }
        let content_type = document.content_type.unwrap_or_default();
        let essence = content_type.split(';').next().unwrap_or_default().trim();
        // RFC 7517, section 8.5, gives key sets a type of their own.
        let admitted = ["application/json", "application/jwk-set+json"];
        if !admitted.iter().any(|known| essence.eq_ignore_ascii_case(known)) {
            return Err(UnknownClient::MediaType(url.clone()));
        }
        Ok(document.body)
    }

    fn known(&self) -> std::sync::MutexGuard<'_, HashMap<String, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Clients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clients").field("known", &self.known().len()).finish_non_exhaustive()
    }
}
