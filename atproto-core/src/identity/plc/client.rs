//! A client of a did:plc directory.

mod export;
mod stream;

use std::time::Duration;

use futures::Stream;
use reqwest::header::RETRY_AFTER;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{AuditEntry, SignedOperation, State};
use crate::Classify;
use crate::identity::safe_client::{FetchError, FetchLimits, Fetched, SafeClient};
use crate::identity::{DidDocument, DocumentError};
use crate::syntax::{Datetime, Did, DidMethod};

pub use export::{ExportEntry, ExportOptions};
pub use stream::{ExportStream, ExportStreamError, ExportStreamOptions};

/// Talks to a did:plc directory. Cloning is cheap.
///
/// What the directory says is not verified here: see [`verify_log`](super::verify_log).
#[derive(Debug, Clone)]
pub struct PlcClient {
    url: String,
    client: SafeClient,
}

/// Why a directory gave no usable answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlcClientError {
    /// The answer is not a DID document.
    #[error("the directory's document is unusable")]
    Document(#[source] DocumentError),
    /// The request failed.
    #[error("the directory cannot be reached")]
    Fetch(#[from] FetchError),
    /// The answer does not have the expected form.
    #[error("the directory's answer is not understood")]
    Json(#[from] serde_json::Error),
    /// The DID does not have the form of a did:plc; nothing was asked.
    #[error("not a did:plc: {0}")]
    NotPlc(Did),
    /// The sequence numbers of an export do not rise.
    #[error("entry {seq} came after {after}")]
    Order {
        /// The entry's number.
        seq: u64,
        /// The highest number before.
        after: u64,
    },
    /// The directory refused.
    #[error("the directory answered {status}: {message}")]
    Status {
        /// The HTTP status.
        status: u16,
        /// The directory's explanation, cut to 512 characters.
        message: String,
        /// For how long the directory asks to be left alone, if it does.
        retry_after: Option<Duration>,
    },
}

impl PlcClientError {
    /// Whether the directory says that the identity was ended.
    pub fn is_tombstoned(&self) -> bool {
        match self {
            Self::Status { status: 404, message, .. } => message.starts_with("DID not available"),
            Self::Status { status: 410, .. } => true,
            _ => false,
        }
    }

    /// Whether the directory does not know the identity.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Status { status: 404, .. }) && !self.is_tombstoned()
    }

    /// Whether the same request may succeed later: a failure of the network or the server, a
    /// limit of rates. The others are answers.
    pub fn is_transient(&self) -> bool {
        self.class().is_transient()
    }

    /// For how long the directory asks to be left alone, if it does.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

impl PlcClient {
    /// A client of the directory at this URL. The client's policy decides whether the
    /// directory may be asked: give a private one to
    /// [`SafeClientConfig::trusted_origins`](crate::identity::SafeClientConfig::trusted_origins).
    pub fn new(url: impl Into<String>, client: SafeClient) -> Self {
        let mut url = url.into();
        url.truncate(url.trim_end_matches('/').len());
        Self { url, client }
    }

    /// Submits a genesis, an update, a recovery or a tombstone.
    pub async fn submit(
        &self,
        did: &Did,
        operation: &SignedOperation,
    ) -> Result<(), PlcClientError> {
        let url = self.url_of(did, "")?;
        let json = serde_json::to_vec(operation)?;
        accepted(self.client.post_json(&url, json, &STATE).await?).map(drop)
    }

    /// The DID document.
    pub async fn document(&self, did: &Did) -> Result<DidDocument, PlcClientError> {
        let url = self.url_of(did, "")?;
        let fetched = accepted(self.client.get(&url, &STATE).await?)?;
        DidDocument::from_json(&fetched.body).map_err(PlcClientError::Document)
    }

    /// The current state, with the rotation keys.
    pub async fn data(&self, did: &Did) -> Result<State, PlcClientError> {
        self.get(did, "/data", &STATE).await
    }

    /// The operations in force, oldest first.
    pub async fn log(&self, did: &Did) -> Result<Vec<SignedOperation>, PlcClientError> {
        self.get(did, "/log", &LOG).await
    }

    /// All operations, also displaced ones, oldest first, with the directory's times.
    pub async fn audit_log(&self, did: &Did) -> Result<Vec<AuditEntry>, PlcClientError> {
        self.get(did, "/log/audit", &LOG).await
    }

    /// The newest operation in force.
    pub async fn last_operation(&self, did: &Did) -> Result<SignedOperation, PlcClientError> {
        self.get(did, "/log/last", &STATE).await
    }

    /// One page of the operations of all identities, after a sequence number; 0 begins.
    /// At most [`limits::EXPORT_PAGE`](super::limits::EXPORT_PAGE) entries; an empty page is
    /// the end for now.
    pub async fn export(&self, after: u64, count: u16) -> Result<Vec<ExportEntry>, PlcClientError> {
        self.page(&after.to_string(), count).await
    }

    /// One page of the older form of the export, after a time; `None` begins. It has no
    /// sequence numbers, and says which operations have been nullified by now.
    ///
    /// Operations of the same millisecond that a page ends in are passed over by the next
    /// one: prefer [`export`](Self::export).
    pub async fn export_since(
        &self,
        after: Option<&Datetime>,
        count: u16,
    ) -> Result<Vec<AuditEntry>, PlcClientError> {
        let after = after.map(|time| time.as_str().replace(':', "%3A").replace('+', "%2B"));
        self.page(&after.unwrap_or_default(), count).await
    }

    /// All operations after a sequence number, 0 being the beginning, in order and page by
    /// page: paced, and patient with a directory that is busy or away.
    ///
    /// Ends at the last operation unless [`follow`](ExportOptions::follow) is set, and after
    /// an error.
    pub fn export_all(
        &self,
        after: u64,
        options: ExportOptions,
    ) -> impl Stream<Item = Result<ExportEntry, PlcClientError>> + Send + 'static {
        export::pages(self.clone(), after, options)
    }

    /// Operations as they are accepted, over a WebSocket: those after the cursor, a sequence
    /// number, then new ones; without a cursor only new ones.
    ///
    /// A directory goes back for a limited time only. After
    /// [`OutdatedCursor`](ExportStreamError::OutdatedCursor) read with
    /// [`export_all`](Self::export_all), then listen again.
    pub async fn export_stream(
        &self,
        cursor: Option<u64>,
        options: ExportStreamOptions,
    ) -> Result<ExportStream, ExportStreamError> {
        let query = cursor.map(|cursor| format!("?cursor={cursor}")).unwrap_or_default();
        let url = format!("{}/export/stream{query}", self.url);
        ExportStream::open(&self.client, &url, options).await
    }

    async fn page<T: DeserializeOwned>(
        &self,
        after: &str,
        count: u16,
    ) -> Result<Vec<T>, PlcClientError> {
        let count = export::page_size(count);
        let url = format!("{}/export?after={after}&count={count}", self.url);
        export::lines(&accepted(self.client.get(&url, &EXPORT).await?)?.body)
    }

    async fn get<T: DeserializeOwned>(
        &self,
        did: &Did,
        path: &str,
        limits: &FetchLimits,
    ) -> Result<T, PlcClientError> {
        let url = self.url_of(did, path)?;
        let fetched = accepted(self.client.get(&url, limits).await?)?;
        Ok(serde_json::from_slice(&fetched.body)?)
    }

    fn url_of(&self, did: &Did, path: &str) -> Result<String, PlcClientError> {
        match did.supported() {
            Ok(DidMethod::Plc { .. }) => Ok(format!("{}/{did}{path}", self.url)),
            _ => Err(PlcClientError::NotPlc(did.clone())),
        }
    }
}

const STATE: FetchLimits = FetchLimits::DID_DOCUMENT;

/// The longest logs in the public directory are far below this.
const LOG: FetchLimits = FetchLimits::new(8 << 20, Duration::from_secs(20));

/// A full page of the largest operations, as JSON with escapes.
const EXPORT: FetchLimits = FetchLimits::new(32 << 20, Duration::from_secs(60));

fn accepted(fetched: Fetched) -> Result<Fetched, PlcClientError> {
    if fetched.status.is_success() {
        return Ok(fetched);
    }
    #[derive(Deserialize)]
    struct Body {
        message: String,
    }
    let message = serde_json::from_slice(&fetched.body)
        .map(|Body { message }| message)
        .unwrap_or_default()
        .chars()
        .take(512)
        .collect();
    // The other form, a date, is of no use without the server's clock.
    let retry_after = fetched
        .headers
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.trim().parse().ok())
        .map(Duration::from_secs);
    Err(PlcClientError::Status { status: fetched.status.as_u16(), message, retry_after })
}
