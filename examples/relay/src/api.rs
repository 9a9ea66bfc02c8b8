//! HTTP: the stream, what is known of hosts and accounts, and the operator's paths.

mod admin;
mod get_host_status;
mod get_latest_commit;
mod get_repo;
mod get_repo_status;
mod list_hosts;
mod list_repos;
mod list_repos_by_collection;
mod pages;
mod request_crawl;
mod subscribe_repos;

use std::sync::Arc;
use std::time::Duration;

use atproto_core::lexicon::Catalog;
use atproto_lexicons::com::atproto::sync;
use atproto_xrpc::XrpcError;
use atproto_xrpc::server::{
    Context, Limits, Public, RateLimit, RateLimiter, Router, RouterConfig, SubscriptionLimits,
};
use http::StatusCode;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::change::Standing;
use crate::sequencer::Ended;
use crate::store::{Account, StoreError};

/// What every handler has.
#[derive(Clone)]
struct Api {
    app: Arc<App>,
    /// Requests to be crawled, by client address.
    crawls: Arc<RateLimiter>,
}

/// The routes of a relay. `end` ends the subscriptions.
pub fn router(app: &Arc<App>, end: CancellationToken) -> axum::Router {
    let limits = &app.args.limits;
    let hourly = RateLimit::new(limits.crawl_requests, Duration::from_secs(3_600));
    let api = Api { app: Arc::clone(app), crawls: Arc::new(RateLimiter::new(hourly)) };
    let mut subscription = SubscriptionLimits::default();
    subscription.connections = limits.subscribers;
    let mut server_limits = Limits::default();
    server_limits.subscription = subscription;
    let config = RouterConfig::default()
        .limits(server_limits)
        .catalog(catalog())
        .shutdown(end)
        .continue_trace(service_kit::extract);
    Router::new(config)
        .query::<sync::GetHostStatus, _>(Public, api.with(get_host_status::handle))
        .query::<sync::GetLatestCommit, _>(Public, api.with(get_latest_commit::handle))
        .raw_query::<sync::GetRepo, _>(Public, api.with(get_repo::handle))
        .query::<sync::GetRepoStatus, _>(Public, api.with(get_repo_status::handle))
        .query::<sync::ListHosts, _>(Public, api.with(list_hosts::handle))
        .query::<sync::ListRepos, _>(Public, api.with(list_repos::handle))
        .query::<sync::ListReposByCollection, _>(Public, api.with(list_repos_by_collection::handle))
        .procedure::<sync::RequestCrawl, _>(Public, api.with(request_crawl::handle))
        .subscription::<sync::SubscribeRepos, _>(Public, api.with(subscribe_repos::handle))
        .into_router()
        .merge(pages::router(Arc::clone(app)))
        .merge(admin::router(app))
        .layer(axum::middleware::from_fn(service_kit::http::observe))
}

impl Api {
    /// A handler as the router takes it.
    fn with<P, I, F, Fut>(&self, handler: F) -> impl Fn(Context<P>, I) -> Fut + use<P, I, F, Fut>
    where
        F: Fn(Api, Context<P>, I) -> Fut,
        Fut: Future,
    {
        let api = self.clone();
        move |context, input| handler(api.clone(), context, input)
    }
}

/// An error with the status that relays answer it with.
fn refused(error: impl Into<XrpcError>, status: StatusCode) -> XrpcError {
    error.into().with_status(status)
}

/// The place in a list after which a page begins.
fn after(cursor: Option<&str>) -> Result<i64, XrpcError> {
    let place = cursor.map_or(Ok(0), str::parse);
    place.map_err(|_| XrpcError::invalid_request("malformed cursor"))
}

/// Why the content of an account is not served: the word that errors are chosen by.
fn withheld(account: &Account) -> Option<String> {
    let Standing { active, status } = account.public_standing();
    (!active).then(|| status.unwrap_or_else(|| "inactive".to_owned()))
}

/// The schemas of the routes.
fn catalog() -> Arc<Catalog> {
    Arc::new(Catalog::new().with_generated(atproto_lexicons::SCHEMAS))
}

impl From<StoreError> for XrpcError {
    fn from(error: StoreError) -> Self {
        Self::internal(error)
    }
}

impl From<Ended> for XrpcError {
    fn from(error: Ended) -> Self {
        Self::unavailable(error.to_string())
    }
}
