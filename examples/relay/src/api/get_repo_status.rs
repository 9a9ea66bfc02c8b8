//! `com.atproto.sync.getRepoStatus`

use atproto_lexicons::com::atproto::sync::{
    GetRepoStatus, GetRepoStatusError, GetRepoStatusOutput,
};
use atproto_xrpc::XrpcError;
use atproto_xrpc::server::Context;
use http::StatusCode;

use super::{Api, refused};

pub(super) async fn handle(
    api: Api,
    _context: Context<()>,
    params: GetRepoStatus,
) -> Result<GetRepoStatusOutput, XrpcError> {
    let not_found = || {
        let message = format!("Could not find repo: {}", params.did);
        refused(GetRepoStatusError::RepoNotFound(Some(message)), StatusCode::NOT_FOUND)
    };
    let account = api.app.store.account(&params.did).await?.ok_or_else(not_found)?;
    let standing = account.public_standing();
    let rev = account.repo.filter(|_| standing.active).map(|repo| repo.rev);
    Ok(GetRepoStatusOutput {
        status: standing.status.map(Into::into),
        rev,
        ..GetRepoStatusOutput::new(account.did, standing.active)
    })
}
