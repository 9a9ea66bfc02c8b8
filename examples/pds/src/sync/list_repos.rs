//! `com.atproto.sync.listRepos`

use std::sync::Arc;

use atproto_lexicons::com::atproto::sync::{ListRepos, ListReposOutput, list_repos::Repo};
use atproto_xrpc::{XrpcError, server::Context};
use futures::{StreamExt, TryStreamExt, stream};

use crate::{
    accounts::{Account, Status},
    app::App,
    page,
};

/// The lexicon's largest page.
const MAX_PAGE: i64 = 1000;
/// Stores read at one time.
const PARALLEL: usize = 8;

pub(super) async fn handle(
    app: Arc<App>,
    _context: Context<()>,
    params: ListRepos,
) -> Result<ListReposOutput, XrpcError> {
    let after = match &params.cursor {
        None => 0,
        Some(cursor) => {
            cursor.parse().map_err(|_| XrpcError::invalid_request("Malformed cursor"))?
        }
    };
    let limit = page::limit(params.limit, MAX_PAGE);
    let accounts = app.accounts.page(after, limit).await?;
    let cursor =
        accounts.last().filter(|_| accounts.len() == limit).map(|(place, _)| place.to_string());
    let repos = stream::iter(accounts)
        .map(|(_, account)| describe(&app, account))
        .buffered(PARALLEL)
        .try_filter_map(|repo| async move { Ok(repo) })
        .try_collect()
        .await?;
    let mut output = ListReposOutput::new(repos);
    output.cursor = cursor;
    Ok(output)
}

/// An account as it is listed; `None` while it has no repository.
async fn describe(app: &App, account: Account) -> Result<Option<Repo>, XrpcError> {
    let Some(store) = app.stores.open(&account.did).await? else { return Ok(None) };
    let Some(head) = store.read(|view| view.head()).await? else { return Ok(None) };
    let mut repo = Repo::new(account.did, head.commit, head.rev);
    repo.active = Some(account.status == Status::Active);
    repo.status = account.status.event_status().map(Into::into);
    Ok(Some(repo))
}
