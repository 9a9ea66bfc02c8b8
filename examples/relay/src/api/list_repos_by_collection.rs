//! `com.atproto.sync.listReposByCollection`

use atproto_lexicons::com::atproto::sync::list_repos_by_collection::Repo;
use atproto_lexicons::com::atproto::sync::{ListReposByCollection, ListReposByCollectionOutput};
use atproto_xrpc::XrpcError;
use atproto_xrpc::server::Context;

use super::{Api, after};

/// From the operations of commits: what was written before the relay knew an account is not
/// in it.
pub(super) async fn handle(
    api: Api,
    _context: Context<()>,
    params: ListReposByCollection,
) -> Result<ListReposByCollectionOutput, XrpcError> {
    let limit = params.limit;
    let after = after(params.cursor.as_deref())?;
    let rows = api.app.store.repos_of_collection(&params.collection, after, limit).await?;
    let last = rows.last().map(|(place, _)| place.to_string());
    let cursor = last.filter(|_| rows.len() as i64 == limit);
    let repos = rows.into_iter().map(|(_, did)| Repo::new(did)).collect();
    Ok(ListReposByCollectionOutput { cursor, ..ListReposByCollectionOutput::new(repos) })
}
