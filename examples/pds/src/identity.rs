//! Finding out who is who, and `com.atproto.identity.*`.
//!
//! `signPlcOperation` needs a letter to the account's owner and is not here.

mod get_recommended_did_credentials;
mod resolve_handle;
mod update_handle;

use std::sync::Arc;

use anyhow::Context as _;
use atproto_core::{
    identity::{
        CacheConfig, CachingResolver, HttpResolver, HttpResolverConfig, Resolver, SafeClient,
        SafeClientConfig,
    },
    syntax::Did,
};
use atproto_lexicons::com::atproto::identity::{
    GetRecommendedDidCredentials, ResolveHandle, UpdateHandle,
};
use atproto_xrpc::{
    XrpcError,
    oauth::{Grant, IdentityAttribute, Permission},
    server::{Public, Router},
};

use service_kit::Numbers;

use crate::{api::with, app::App, auth::AccountPolicy, config::Config};

/// Adds the namespace's endpoints.
pub(crate) fn routes(router: Router, app: &Arc<App>) -> Router {
    let present = || AccountPolicy::present(app);
    let handle = |grant: &Grant| match grant.allows_identity(IdentityAttribute::Handle) {
        true => Ok(()),
        false => Err(Permission::Identity(IdentityAttribute::Handle)),
    };
    router
        .query::<ResolveHandle, _>(Public, with(app, resolve_handle::handle))
        .procedure::<UpdateHandle, _>(
            present().full().apps_with(handle),
            with(app, update_handle::handle),
        )
        .query::<GetRecommendedDidCredentials, _>(
            present().apps(),
            with(app, get_recommended_did_credentials::handle),
        )
}

/// The resolver that the options ask for, with a cache in front whose numbers are metrics.
pub fn resolver(config: &Config) -> anyhow::Result<Arc<dyn Resolver>> {
    let http = HttpResolver::new(resolver_config(config)).context("the resolver")?;
    let cache = CachingResolver::new(Arc::new(http), CacheConfig::default());
    let shared = cache.clone();
    Numbers::new("atproto_identity_cache", "the cache of identities")
        .publish(move || (shared.stats().counters(), shared.stats().gauges()));
    Ok(Arc::new(cache))
}

/// How identities, and the lexicons that they publish, are reached.
pub(crate) fn resolver_config(config: &Config) -> HttpResolverConfig {
    let mut options =
        HttpResolverConfig::default().plc_url(&config.plc_url).allow_loopback(config.dev_mode);
    if config.dev_mode {
        for domain in config.handle_domains() {
            options = options.dev_handle_host(domain, config.public_url());
        }
    }
    options
}

/// The client for requests to other services. What the operator configured is trusted to be
/// where it is; everything else must be public.
pub fn client(config: &Config) -> anyhow::Result<SafeClient> {
    let agent = concat!("atproto-pds/", env!("CARGO_PKG_VERSION"));
    let mut options = SafeClientConfig::default().allow_loopback(config.dev_mode).user_agent(agent);
    let services = [&config.appview_url, &config.report_url, &config.mod_url];
    let configured = services.into_iter().flatten().chain(&config.crawlers);
    for url in configured.chain([&config.plc_url]).filter(|url| !url.is_empty()) {
        options = options.trust_origin(url);
    }
    SafeClient::new(options).context("the client of other services")
}

impl App {
    /// Whether an identity says that it lives here: that it has the key that signs for it
    /// here, and that this is its server.
    pub(crate) async fn identity_is_ours(&self, did: &Did) -> Result<(), XrpcError> {
        let document = self.resolver.did(did).await;
        let document = document.map_err(|_| XrpcError::invalid_request("Could not resolve DID"))?;
        let key = self.signing_key(did).await?.public_key();
        if document.pds_endpoint() != Some(self.config.public_url().as_str()) {
            return Err(XrpcError::invalid_request(
                "DID document atproto_pds service endpoint does not match PDS public url",
            ));
        }
        if document.signing_key().ok() != Some(key) {
            return Err(XrpcError::invalid_request(
                "DID document verification method does not match expected signing key",
            ));
        }
        Ok(())
    }
}
