//! `com.atproto.sync.getRepo`

use atproto_core::endpoint::Query;
use atproto_lexicons::com::atproto::sync::{GetRepo, GetRepoError};
use atproto_xrpc::XrpcError;
use atproto_xrpc::query_string;
use atproto_xrpc::server::Context;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::LOCATION;

use super::{Api, refused, withheld};

/// A relay has no repositories; it says where they are.
pub(super) async fn handle(
    api: Api,
    _context: Context<()>,
    params: GetRepo,
) -> Result<Response, XrpcError> {
    let not_found = || {
        let message = format!("Could not find repo: {}", params.did);
        refused(GetRepoError::RepoNotFound(Some(message)), StatusCode::NOT_FOUND)
    };
    let account = api.app.store.account(&params.did).await?.ok_or_else(not_found)?;
    if let Some(status) = withheld(&account) {
        let message = Some(format!("{} is {status}", params.did));
        let error = match status.as_str() {
            "deleted" => return Err(not_found()),
            "suspended" => GetRepoError::RepoSuspended(message),
            "deactivated" => GetRepoError::RepoDeactivated(message),
            _ => GetRepoError::RepoTakendown(message),
        };
        return Err(refused(error, StatusCode::FORBIDDEN));
    }
    let query = query_string::to_string(&params).map_err(XrpcError::internal)?;
    let location = format!("{}/xrpc/{}?{query}", account.host.url(), GetRepo::NSID);
    Ok((StatusCode::FOUND, [(LOCATION, location)]).into_response())
}
