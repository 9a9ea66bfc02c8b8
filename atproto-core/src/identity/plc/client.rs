//! A client of a did:plc directory.

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{AuditEntry, SignedOperation, State, limits};
use crate::identity::safe_client::{FetchError, FetchLimits, Fetched, SafeClient};
use crate::identity::{DidDocument, DocumentError};
use crate::syntax::{Cid, Datetime, Did, DidMethod};

/// Talks to a did:plc directory. Cloning is cheap.
///
/// What the directory says is not verified here: see [`verify_log`](super::verify_log).
#[derive(Debug, Clone)]
pub struct PlcClient {
    url: String,
    client: SafeClient,
}

/// A line of the export with sequence numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExportEntry {
    /// The position in the directory's log, to continue after.
    pub seq: u64,
    /// The identity.
    pub did: Did,
    /// The operation.
    pub operation: SignedOperation,
    /// Its CID.
    pub cid: Cid,
    /// When the directory accepted it.
    pub created_at: Datetime,
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
    /// The directory refused.
    #[error("the directory answered {status}: {message}")]
    Status {
        /// The HTTP status.
        status: u16,
        /// The directory's explanation, cut to 512 characters.
        message: String,
    },
}

impl PlcClientError {
    /// Whether the directory says that the identity was ended.
    pub fn is_tombstoned(&self) -> bool {
        match self {
            Self::Status { status: 404, message } => message.starts_with("DID not available"),
            Self::Status { status: 410, .. } => true,
            _ => false,
        }
    }

    /// Whether the directory does not know the identity.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Status { status: 404, .. }) && !self.is_tombstoned()
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
    /// At most [`limits::EXPORT_PAGE`] entries; an empty page is the end for now.
    pub async fn export(&self, after: u64, count: u16) -> Result<Vec<ExportEntry>, PlcClientError> {
        let count = usize::from(count).clamp(1, limits::EXPORT_PAGE);
        let url = format!("{}/export?after={after}&count={count}", self.url);
        let fetched = accepted(self.client.get(&url, &EXPORT).await?)?;
        fetched
            .body
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.trim_ascii().is_empty())
            .map(|line| Ok(serde_json::from_slice(line)?))
            .collect()
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
    Err(PlcClientError::Status { status: fetched.status.as_u16(), message })
}
