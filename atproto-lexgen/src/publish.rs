//! Publishes lexicons as records of an account.
//!
//! A publication is planned first and carried out then: the plan says which documents are
//! new, which are changed and whom that breaks, and refuses what should not happen by
//! accident. Each document is written on the condition that what is published is still what
//! the plan was made from.

mod error;

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use atproto_core::{
    data::{Value, cbor, json},
    endpoint::NoParams,
    lexicon::Document,
    syntax::{AtUri, Cid, Nsid},
};
use atproto_repo::repo::MAX_RECORD;
use atproto_xrpc::Session;
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use http::Method;

pub use error::PublishError;

use crate::{
    diff::{self, Change},
    load,
    record::{self, RecordError},
    resolve::LexiconResolver,
};

/// Publishes lexicons in the name of an account.
#[derive(Clone)]
pub struct Publisher {
    session: Arc<dyn Session>,
    authority: Option<LexiconResolver>,
    force: bool,
}

/// What a publication would do.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Plan {
    /// The documents, by name.
    pub steps: Vec<Step>,
}

/// What becomes of one document.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Step {
    /// The document.
    pub nsid: Nsid,
    /// The hash of the record as it will be.
    pub cid: Cid,
    /// What is published now.
    pub published: Option<Cid>,
    /// How it differs from what is published, as far as that is a lexicon.
    pub changes: Vec<Change>,
    record: Value,
}

impl Publisher {
    /// A publisher that asks with this resolver whether the account has the authority over
    /// the names.
    pub fn new(session: impl Session + 'static, authority: LexiconResolver) -> Self {
        Self { session: Arc::new(session), authority: Some(authority), force: false }
    }

    /// A publisher that does not ask for the authority: for lexicons whose DNS is not set up
    /// yet. Nobody will find them until it is.
    pub fn without_authority(session: impl Session + 'static) -> Self {
        Self { session: Arc::new(session), authority: None, force: false }
    }

    /// Whether to publish changes that break somebody.
    #[must_use]
    pub fn force(mut self, force: bool) -> Self {
        self.force = force;
        self
    }

    /// Compares the documents under the paths with what is published.
    pub async fn plan(&self, paths: &[PathBuf]) -> Result<Plan, PublishError> {
        let loaded = load::load_valid(paths)?;
        let mut local = Vec::new();
        for (document, path) in loaded.documents.values().zip(loaded.files.values()) {
            local.push((document, record_of(path, &document.id)?));
        }
        self.check_authority(loaded.documents.values()).await?;
        let published: Vec<_> = stream::iter(&local)
            .map(|(document, _)| self.published(&document.id))
            .buffered(CONCURRENCY)
            .try_collect()
            .await?;
        // What is published under a name need not be a lexicon; then there is nobody who
        // could be broken.
        let old: Vec<Document> =
            published.iter().flatten().filter_map(|(_, document)| document.clone()).collect();
        let mut changes: BTreeMap<Nsid, Vec<Change>> = BTreeMap::new();
        for change in diff::diff(&old, loaded.documents.values()) {
            changes.entry(change.document.clone()).or_default().push(change);
        }
        let steps = local.into_iter().zip(published).map(|((document, record), published)| Step {
            nsid: document.id.clone(),
            cid: record::cid(&record),
            changes: match &published {
                Some(_) => changes.remove(&document.id).unwrap_or_default(),
                None => Vec::new(),
            },
            published: published.map(|(cid, _)| cid),
            record,
        });
        let plan = Plan { steps: steps.collect() };
        if let Some(change) = plan.breaking().next().filter(|_| !self.force) {
            return Err(PublishError::Breaking(Box::new(change.clone())));
        }
        Ok(plan)
    }

    /// Writes what the plan has to write. A failure ends it; what was written stays, and
    /// planning again shows what is left.
    pub async fn publish(&self, plan: &Plan) -> Result<Vec<AtUri>, PublishError> {
        let mut written = Vec::new();
        for step in plan.steps.iter().filter(|step| !step.is_unchanged()) {
            written.push(self.put(step).await?);
        }
        Ok(written)
    }

    /// The domain of each name has to name the account.
    async fn check_authority(
        &self,
        documents: impl Iterator<Item = &Document>,
    ) -> Result<(), PublishError> {
        let Some(resolver) = &self.authority else { return Ok(()) };
        let account = self.session.did();
        let domains: BTreeMap<String, &Nsid> =
            documents.map(|document| (document.id.authority_domain(), &document.id)).collect();
        for (domain, nsid) in domains {
            let found = resolver.authority(nsid).await?;
            if found != account {
                return Err(PublishError::Authority { domain, found, account });
            }
        }
        Ok(())
    }

    /// What the account publishes under a name.
    async fn published(
        &self,
        nsid: &Nsid,
    ) -> Result<Option<(Cid, Option<Document>)>, PublishError> {
        let method = Nsid::new("com.atproto.repo.getRecord").expect("a well-known name");
        let did = self.session.did();
        let params: BTreeMap<_, _> =
            [("repo", did.as_str()), ("collection", record::COLLECTION), ("rkey", nsid.as_str())]
                .into();
        match self.session.client().raw(Method::GET, &method, &params, None).await {
            Ok(response) => {
                let answer = json::decode(&response.body).map_err(answer)?;
                let record = answer.get("value").ok_or(PublishError::Answer(None))?;
                let document = record::document(record, nsid).ok();
                Ok(Some((record::cid(record), document)))
            }
            Err(error) if error.name() == Some("RecordNotFound") => Ok(None),
            Err(error) => Err(PublishError::call(nsid, error)),
        }
    }

    async fn put(&self, step: &Step) -> Result<AtUri, PublishError> {
        let method = Nsid::new("com.atproto.repo.putRecord").expect("a well-known name");
        let input = serde_json::json!({
            "repo": self.session.did(),
            "collection": record::COLLECTION,
            "rkey": step.nsid,
            "record": json::to_json(&step.record),
            "swapRecord": step.published,
        });
        let body = Some(("application/json", Bytes::from(input.to_string())));
        let response = self.session.raw(Method::POST, &method, &NoParams {}, body).await;
        let response = response.map_err(|error| PublishError::call(&step.nsid, error))?;
        let written: Written = serde_json::from_slice(&response.body).map_err(answer)?;
        match written.cid == step.cid {
            true => Ok(written.uri),
            false => Err(PublishError::Altered {
                nsid: step.nsid.clone(),
                sent: step.cid,
                written: written.cid,
            }),
        }
    }
}

impl Plan {
    /// The changes that break somebody.
    pub fn breaking(&self) -> impl Iterator<Item = &Change> {
        self.steps.iter().flat_map(|step| &step.changes).filter(|change| change.is_breaking())
    }
}

impl Step {
    /// Whether the document is published already as it is.
    pub fn is_unchanged(&self) -> bool {
        self.published == Some(self.cid)
    }
}

#[derive(serde::Deserialize)]
struct Written {
    uri: AtUri,
    cid: Cid,
}

/// The record that a file stands for.
fn record_of(path: &PathBuf, nsid: &Nsid) -> Result<Value, PublishError> {
    let invalid = |source: RecordError| PublishError::Record { path: path.clone(), source };
    let failed = |source| crate::Error::Io { path: path.clone(), source };
    let text = std::fs::read(path).map_err(failed)?;
    let record = record::of_file(&text).map_err(invalid)?;
    record::document(&record, nsid).map_err(invalid)?;
    let bytes = cbor::encode(&record).len();
    match bytes > MAX_RECORD {
        true => Err(PublishError::TooLarge { path: path.clone(), bytes, limit: MAX_RECORD }),
        false => Ok(record),
    }
}

fn answer(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> PublishError {
    PublishError::Answer(Some(error.into()))
}

/// How many documents are asked for at the same time, of one host. Ours.
const CONCURRENCY: usize = 4;
