//! `com.atproto.sync.getLatestCommit`

use atproto_lexicons::com::atproto::sync::{
    GetLatestCommit, GetLatestCommitError, GetLatestCommitOutput,
};
use atproto_xrpc::XrpcError;
use atproto_xrpc::server::Context;
use http::StatusCode;

use super::{Api, refused, withheld};

pub(super) async fn handle(
    api: Api,
    _context: Context<()>,
    params: GetLatestCommit,
) -> Result<GetLatestCommitOutput, XrpcError> {
    let not_found = || {
        let message = format!("Could not find repo: {}", params.did);
        refused(GetLatestCommitError::RepoNotFound(Some(message)), StatusCode::NOT_FOUND)
    };
    let account = api.app.store.account(&params.did).await?.ok_or_else(not_found)?;
    if let Some(status) = withheld(&account) {
        let text = format!("{} is {status}", params.did);
        let message = Some(text.clone());
        let forbidden = |error: GetLatestCommitError| refused(error, StatusCode::FORBIDDEN);
        return Err(match status.as_str() {
            "takendown" => forbidden(GetLatestCommitError::RepoTakendown(message)),
            "suspended" => forbidden(GetLatestCommitError::RepoSuspended(message)),
            "deactivated" => forbidden(GetLatestCommitError::RepoDeactivated(message)),
            "deleted" => not_found(),
            _ => XrpcError::new(StatusCode::FORBIDDEN, "RepoInactive").with_message(text),
        });
    }
    let repo = account.repo.ok_or_else(not_found)?;
    Ok(GetLatestCommitOutput::new(repo.head, repo.rev))
}
