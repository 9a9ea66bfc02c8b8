//! `com.atproto.sync.getHostStatus`

use atproto_lexicons::com::atproto::sync::{
    GetHostStatus, GetHostStatusError, GetHostStatusOutput,
};
use atproto_xrpc::XrpcError;
use atproto_xrpc::server::Context;
use http::StatusCode;

use super::{Api, refused};
use crate::hostname::Hostname;

pub(super) async fn handle(
    api: Api,
    _context: Context<()>,
    params: GetHostStatus,
) -> Result<GetHostStatusOutput, XrpcError> {
    let not_found = || {
        let message = format!("{} is not known", params.hostname);
        refused(GetHostStatusError::HostNotFound(Some(message)), StatusCode::NOT_FOUND)
    };
    let name = Hostname::parse(&params.hostname, api.app.hosts.policy());
    let name = name.map_err(|error| XrpcError::invalid_request(error.to_string()))?;
    let row = api.app.store.host(&name).await?.ok_or_else(not_found)?;
    // What is running is newer than what is stored.
    let running = api.app.hosts.get(&name);
    let seq = running.as_ref().map_or(row.cursor, |host| host.cursor());
    let status = running.map_or(row.status, |host| host.status());
    Ok(GetHostStatusOutput {
        seq: Some(seq),
        account_count: Some(row.accounts),
        status: Some(status.to_string().into()),
        ..GetHostStatusOutput::new(row.hostname.as_str())
    })
}
