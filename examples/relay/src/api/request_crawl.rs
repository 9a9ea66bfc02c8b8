//! `com.atproto.sync.requestCrawl`

use atproto_core::endpoint::NoBody;
use atproto_lexicons::com::atproto::sync::{RequestCrawl, RequestCrawlError};
use atproto_xrpc::XrpcError;
use atproto_xrpc::server::Context;

use super::Api;
use crate::clock;
use crate::hostname::Hostname;
use crate::hosts;
use crate::store::HostStatus;

const DAY_SECONDS: i64 = 24 * 3_600;

/// A host that is known is tried at once; a new one has to describe itself first.
pub(super) async fn handle(
    api: Api,
    context: Context<()>,
    call: RequestCrawl,
) -> Result<NoBody, XrpcError> {
    let app = &api.app;
    let host = Hostname::parse(&call.hostname, app.hosts.policy())
        .map_err(|error| XrpcError::invalid_request(error.to_string()))?;
    if let Some(address) = context.client_address.filter(|_| !host.is_local()) {
        api.crawls.spend_address(address)?;
    }
    let known = app.store.host(&host).await?;
    if known.as_ref().is_some_and(|known| known.status == HostStatus::Banned) {
        let message = format!("{host} is banned");
        return Err(RequestCrawlError::HostBanned(Some(message)).into());
    }
    if known.is_none() {
        hosts::check(&host, app.hosts.policy())
            .await
            .map_err(|error| XrpcError::bad_request("HostNotFound", error.to_string()))?;
        let today = app.store.hosts_since(clock::now_seconds() - DAY_SECONDS).await?;
        if today.unsigned_abs() >= u64::from(app.args.limits.new_hosts_per_day) {
            return Err(XrpcError::unavailable("no more new hosts today"));
        }
        tracing::info!(%host, "a new host");
    }
    app.hosts.add(&host).await?;
    Ok(NoBody)
}
