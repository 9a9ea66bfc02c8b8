//! What the parts of the AppView share.

use std::{sync::Arc, time::Instant};

use anyhow::Context;
use atproto_core::{
    identity::{
        CacheConfig, CachingResolver, HttpResolver, HttpResolverConfig, Resolver, SafeClient,
    },
    syntax::{AtIdentifier, AtUri, Did},
};
use atproto_xrpc::{XrpcError, auth::service::ServiceVerifier};
use metrics::histogram;
use rusqlite::Transaction;
use service_kit::Numbers;
use tokio::sync::Notify;

use crate::{
    config::Config,
    hydrate::{Hydrator, ImageUrls},
    index::report::QUERY_SECONDS,
    query::actor,
    store::Store,
};

/// The name of this service in its DID document.
pub(crate) const SERVICE: &str = "bsky_appview";

/// One AppView.
pub(crate) struct App {
    pub(crate) did: Did,
    pub(crate) public_url: String,
    pub(crate) store: Store,
    pub(crate) images: ImageUrls,
    pub(crate) resolver: Arc<dyn Resolver>,
    /// Fetches blobs from the hosts of their accounts.
    pub(crate) client: SafeClient,
    pub(crate) verifier: Arc<ServiceVerifier>,
    /// Wakes the search for handles.
    pub(crate) identities: Arc<Notify>,
}

impl App {
    pub(crate) fn open(config: &Config) -> anyhow::Result<Arc<Self>> {
        let did = Did::new(&config.did).context("the DID of this service")?;
        let mut resolving = HttpResolverConfig::default()
            .plc_url(&config.plc_url)
            .allow_loopback(config.allow_loopback);
        for (suffix, url) in &config.dev_handle_host {
            resolving = resolving.dev_handle_host(suffix, url);
        }
        let http = HttpResolver::new(resolving)?;
        let client = http.client().clone();
        let cache = CachingResolver::new(Arc::new(http), CacheConfig::default());
        let resolver: Arc<dyn Resolver> = Arc::new(cache.clone());
        Numbers::new("atproto_identity_cache", "the cache of identities")
            .publish(move || (cache.stats().counters(), cache.stats().gauges()));
        let audiences = [did.to_string(), format!("{did}#{SERVICE}")];
        let verifier = Arc::new(ServiceVerifier::new(Arc::clone(&resolver), audiences));
        Ok(Arc::new(Self {
            did,
            public_url: config.public_url.clone(),
            store: Store::open(&config.data)?,
            images: ImageUrls::new(&config.public_url),
            resolver,
            client,
            verifier,
            identities: Arc::new(Notify::new()),
        }))
    }

    /// Answers a request from one snapshot of the store, hydrated for the viewer. `query` names
    /// the question in the metrics.
    pub(crate) async fn view<T, F>(
        self: &Arc<Self>,
        query: &'static str,
        viewer: Option<Did>,
        work: F,
    ) -> Result<T, XrpcError>
    where
        T: Send + 'static,
        F: FnOnce(&Transaction<'_>, &Hydrator<'_>) -> anyhow::Result<T> + Send + 'static,
    {
        let app = Arc::clone(self);
        let start = Instant::now();
        let result = self
            .store
            .read(move |tx| {
                let viewer = viewer.as_ref().map(Did::as_str);
                work(tx, &Hydrator::new(tx, viewer, &app.images))
            })
            .await;
        histogram!(QUERY_SECONDS, "query" => query, "store" => "sqlite").record(start.elapsed());
        result.map_err(XrpcError::internal)
    }
}

/// The URI under which a record is stored: those of requests may begin with a handle.
pub(crate) fn uri_of(tx: &Transaction<'_>, uri: &AtUri) -> rusqlite::Result<String> {
    let authority = uri.authority();
    if authority.as_did().is_some() {
        return Ok(uri.to_string());
    }
    let did = did_of(tx, &authority)?;
    Ok(did
        .map_or_else(|| uri.to_string(), |did| uri.as_str().replacen(authority.as_str(), &did, 1)))
}

/// The DID that a request means, if its handle is known here.
pub(crate) fn did_of(
    tx: &Transaction<'_>,
    identifier: &AtIdentifier,
) -> rusqlite::Result<Option<String>> {
    match identifier {
        AtIdentifier::Did(did) => Ok(Some(did.to_string())),
        AtIdentifier::Handle(handle) => actor::did_of_handle(tx, handle.as_str()),
    }
}
