//! `com.atproto.sync.listRepos`

use atproto_lexicons::com::atproto::sync::list_repos::Repo;
use atproto_lexicons::com::atproto::sync::{ListRepos, ListReposOutput};
use atproto_xrpc::XrpcError;
use atproto_xrpc::server::Context;

use super::{Api, after};
use crate::store::Account;

pub(super) async fn handle(
    api: Api,
    _context: Context<()>,
    params: ListRepos,
) -> Result<ListReposOutput, XrpcError> {
    let limit = params.limit;
    let accounts = api.app.store.repos(after(params.cursor.as_deref())?, limit).await?;
    let last = accounts.last().map(|account| account.id.to_string());
    let cursor = last.filter(|_| accounts.len() as i64 == limit);
    let repos = accounts.into_iter().filter_map(repo).collect();
    Ok(ListReposOutput { cursor, ..ListReposOutput::new(repos) })
}

fn repo(account: Account) -> Option<Repo> {
    let state = account.repo?;
    let standing = account.public_standing();
    Some(Repo {
        active: Some(standing.active),
        status: standing.status.map(Into::into),
        ..Repo::new(account.did, state.head, state.rev)
    })
}
