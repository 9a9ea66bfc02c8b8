//! Lexicons from the network, with proof.
//!
//! A lexicon is published as a record of `com.atproto.lexicon.schema` whose key is its
//! name. From the name to the document there are these steps, each with an error of its
//! own:
//!
//! 1. the DID, from the TXT record of `_lexicon.` and the domain of the name's authority:
//!    of that domain only, not of those above or below it;
//! 2. the DID's document, and in it the account's host and signing key;
//! 3. the record, by `com.atproto.sync.getRecord`: an archive with the commit, the tree
//!    nodes on the way, and the record;
//! 4. the proof: the commit is the account's and signed by its key, the tree leads from the
//!    commit to the record, each block has the hash that names it;
//! 5. the record: its `$type`, its `id`, and that it is a lexicon.
//!
//! The host is not trusted with anything: it can hold back, or show an old version, but
//! not alter. Everything is fetched through the guarded client of the identity resolver,
//! since the account decides where that leads.
//!
//! ```no_run
//! use atproto_core::{
//!     identity::{HttpResolver, HttpResolverConfig},
//!     syntax::Nsid,
//! };
//! use atproto_lexgen::resolve::LexiconResolver;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let resolver = LexiconResolver::new(HttpResolver::new(HttpResolverConfig::default())?);
//! let published = resolver.resolve(&Nsid::new("app.bsky.feed.post")?).await?;
//! println!("{} {}", published.uri, published.cid);
//! # Ok(()) }
//! ```
//!
//! See [lexicon resolution](https://atproto.com/specs/lexicon#lexicon-publication-and-resolution).

mod authorities;
mod error;

use std::{sync::Arc, time::Duration};

use atproto_core::{
    data::{Value, cbor},
    identity::{CacheConfig, CachingResolver, DidDocument, FetchLimits, HttpResolver, Resolver},
    lexicon::Document,
    syntax::{AtUri, Cid, Did, Nsid, RecordKey},
};
use atproto_repo::{RepoPath, repo};
use atproto_xrpc::{XrpcError, query_string};
use bytes::Bytes;

pub use authorities::Authorities;
pub use error::LexiconError;

use crate::record;

/// Finds lexicons by their names. Cloning shares what is remembered of accounts.
#[derive(Clone)]
pub struct LexiconResolver {
    network: HttpResolver,
    accounts: CachingResolver,
}

/// A lexicon as its account publishes it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Published {
    /// The record: it names the account, and with [`cid`](Self::cid) pins the version.
    pub uri: AtUri,
    /// The hash of the record.
    pub cid: Cid,
    /// The record, `$type` included.
    pub record: Value,
    /// The record as a lexicon.
    pub document: Document,
}

impl LexiconResolver {
    /// A resolver that reaches the network by this one.
    pub fn new(network: HttpResolver) -> Self {
        let accounts = CachingResolver::new(Arc::new(network.clone()), CacheConfig::default());
        Self { network, accounts }
    }

    /// The account that publishes the lexicons of a name's authority. Nothing is remembered:
    /// see [`HttpResolver::lexicon_authority`].
    pub async fn authority(&self, nsid: &Nsid) -> Result<Did, LexiconError> {
        let unknown = |error| LexiconError::Authority {
            domain: nsid.authority_domain(),
            source: Box::new(error),
        };
        self.network.lexicon_authority(nsid).await.map_err(unknown)
    }

    /// The lexicon of that name, as the owner of the name's authority publishes it now.
    pub async fn resolve(&self, nsid: &Nsid) -> Result<Published, LexiconError> {
        let did = self.authority(nsid).await?;
        self.fetch(&did, nsid).await
    }

    /// The lexicon of that name as this account publishes it, whoever has the authority.
    pub async fn fetch(&self, did: &Did, nsid: &Nsid) -> Result<Published, LexiconError> {
        let document = self.account(did).await?;
        match self.fetch_from(&document, nsid).await {
            Err(LexiconError::Proof(repo::ProofError::Signature(_))) => {}
            outcome => return outcome,
        }
        // The account may have another key since it was last asked for.
        self.accounts.purge(did);
        self.fetch_from(&*self.account(did).await?, nsid).await
    }

    async fn account(&self, did: &Did) -> Result<Arc<DidDocument>, LexiconError> {
        let unknown = |error| LexiconError::Account { did: did.clone(), source: Box::new(error) };
        self.accounts.did(did).await.map_err(unknown)
    }

    async fn fetch_from(
        &self,
        account: &DidDocument,
        nsid: &Nsid,
    ) -> Result<Published, LexiconError> {
        let did = &account.id;
        let no_host = || LexiconError::NoHost { did: did.clone() };
        let host = account.pds_endpoint().ok_or_else(no_host)?;
        let query =
            [("did", did.as_str()), ("collection", record::COLLECTION), ("rkey", nsid.as_str())];
        let query: std::collections::BTreeMap<_, _> = query.into_iter().collect();
        let query = query_string::to_string(&query).map_err(LexiconError::request)?;
        let url = format!("{host}/xrpc/com.atproto.sync.getRecord?{query}");
        let unreachable = |source| LexiconError::Fetch { host: host.to_owned(), source };
        let fetched = self.network.client().get(&url, &PROOF).await.map_err(unreachable)?;
        if !fetched.status.is_success() {
            let source = XrpcError::from_response(fetched.status, &fetched.headers, &fetched.body);
            return Err(LexiconError::Refused { host: host.to_owned(), source });
        }
        Published::verify(fetched.body, account, nsid)
    }
}

impl Published {
    /// Reads a lexicon from the archive that proves it: steps 4 and 5 of the
    /// [module](self)'s list.
    pub fn verify(
        archive: impl Into<Bytes>,
        account: &DidDocument,
        nsid: &Nsid,
    ) -> Result<Self, LexiconError> {
        let did = &account.id;
        let key = account
            .signing_key()
            .map_err(|source| LexiconError::Key { did: did.clone(), source })?;
        let collection = Nsid::new(record::COLLECTION).expect("a well-known name");
        let rkey = RecordKey::new(nsid).expect("NSIDs are record keys");
        let uri = AtUri::from_parts(did, &collection, &rkey);
        let path = RepoPath::new(collection, rkey);
        let Some((cid, block)) = repo::verify_record_proof(archive, did, &key, &path)? else {
            return Err(LexiconError::Absent { uri });
        };
        let record = cbor::decode(&block).map_err(LexiconError::Record)?;
        let document = record::document(&record, nsid)?;
        Ok(Self { uri, cid, record, document })
    }
}

/// The limits of an archive with a proof. A record has at most 1 MiB, and a node of a tree
/// rarely more than some kilobytes; so 4 MiB, ours, are enough for any that is honest.
const PROOF: FetchLimits = FetchLimits::new(4 << 20, Duration::from_secs(30));
