use atproto_core::{
    Classify,
    data::cbor::CborError,
    identity::{DocumentError, FetchError, ResolveError},
    syntax::{AtUri, Did},
};
use atproto_repo::repo::ProofError;
use atproto_xrpc::XrpcError;

use crate::record::RecordError;

/// Why a lexicon could not be had from the network, in the order of the steps to it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LexiconError {
    /// The DNS does not say, or not clearly, who publishes the lexicons of a domain.
    #[error("_lexicon.{domain}: {source}")]
    Authority {
        /// The domain of the name's authority.
        domain: String,
        /// What DNS says.
        source: Box<ResolveError>,
    },
    /// The account's DID does not resolve.
    #[error("{did}: {source}")]
    Account {
        /// The account.
        did: Did,
        /// Why not.
        source: Box<ResolveError>,
    },
    /// The account has no usable signing key.
    #[error("{did}: {source}")]
    Key {
        /// The account.
        did: Did,
        /// What is wrong with its document.
        source: DocumentError,
    },
    /// The account's document names no PDS.
    #[error("{did} names no PDS")]
    NoHost {
        /// The account.
        did: Did,
    },
    /// The request cannot be written down.
    #[error("the request cannot be encoded")]
    Request(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The host cannot be reached, may not be asked, or answers too much.
    #[error("{host}: {source}")]
    Fetch {
        /// The host's origin.
        host: String,
        /// Why not.
        source: FetchError,
    },
    /// The host does not hand out the record; most often it has none.
    #[error("{host}: {source}")]
    Refused {
        /// The host's origin.
        host: String,
        /// What it says.
        source: XrpcError,
    },
    /// The archive proves nothing about the record.
    #[error("the proof: {0}")]
    Proof(#[from] ProofError),
    /// The archive proves that there is no such record.
    #[error("there is no record {uri}")]
    Absent {
        /// The record that was asked for.
        uri: AtUri,
    },
    /// The record's block is no value of the data model.
    #[error("the record: {0}")]
    Record(#[source] CborError),
    /// The record is not the lexicon that it should be.
    #[error("the record: {0}")]
    Lexicon(#[from] RecordError),
}

impl LexiconError {
    pub(super) fn request(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Request(error.into())
    }

    /// Whether asking again later may help without anything having been changed.
    pub fn is_transient(&self) -> bool {
        self.class().is_transient()
    }
}
