//! `com.atproto.sync.listHosts`

use atproto_lexicons::com::atproto::sync::list_hosts::Host;
use atproto_lexicons::com::atproto::sync::{ListHosts, ListHostsOutput};
use atproto_xrpc::XrpcError;
use atproto_xrpc::server::Context;

use super::{Api, after};

pub(super) async fn handle(
    api: Api,
    _context: Context<()>,
    params: ListHosts,
) -> Result<ListHostsOutput, XrpcError> {
    let limit = params.limit;
    let rows = api.app.store.hosts(after(params.cursor.as_deref())?, limit).await?;
    let cursor = (rows.len() as i64 == limit).then(|| rows.last().map(|row| row.id.to_string()));
    let hosts = rows.into_iter().map(|row| Host {
        seq: Some(row.cursor),
        account_count: Some(row.accounts),
        status: Some(row.status.to_string().into()),
        ..Host::new(row.hostname.as_str())
    });
    Ok(ListHostsOutput { cursor: cursor.flatten(), ..ListHostsOutput::new(hosts.collect()) })
}
