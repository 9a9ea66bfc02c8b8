//! `com.atproto.repo.getRecord`

use std::sync::Arc;

use atproto_lexicons::com::atproto::repo::{GetRecord, GetRecordOutput};
use atproto_xrpc::{XrpcError, client::CallError, server::Context};

use super::{uri, value};
use crate::{accounts::Account, app::App, availability::Viewer};

pub(super) async fn handle(
    app: Arc<App>,
    _context: Context<()>,
    params: GetRecord,
) -> Result<GetRecordOutput, XrpcError> {
    if app.accounts.find(&params.repo).await?.is_none() {
        return elsewhere(&app, params).await;
    }
    let account = app.readable_by(&params.repo, &Viewer::Public).await?;
    here(&app, &account, params).await
}

async fn here(
    app: &App,
    account: &Account,
    params: GetRecord,
) -> Result<GetRecordOutput, XrpcError> {
    let GetRecord { collection, rkey, cid, .. } = params;
    let uri = uri(&account.did, &collection, &rkey);
    let store = app.store(&account.did).await?;
    let found = store.read(move |view| view.record(&collection, &rkey)).await?;
    let record = found
        .filter(|record| cid.is_none_or(|wanted| wanted == record.cid))
        .ok_or_else(|| not_found(&uri))?;
    let mut output = GetRecordOutput::new(uri, value(&record.bytes)?);
    output.cid = Some(record.cid);
    Ok(output)
}

/// Records of other servers' accounts are the AppView's business.
async fn elsewhere(app: &App, params: GetRecord) -> Result<GetRecordOutput, XrpcError> {
    let Some(appview) = &app.appview else {
        let message = format!("Could not find repo: {}", params.repo);
        return Err(XrpcError::bad_request("RepoNotFound", message));
    };
    appview.query(params).await.map_err(|error| match error {
        CallError::Declared(error) => error.into(),
        CallError::Other(error) => error,
        other => XrpcError::upstream_failure(other.to_string()),
    })
}

fn not_found(uri: &atproto_core::syntax::AtUri) -> XrpcError {
    XrpcError::bad_request("RecordNotFound", format!("Could not locate record: {uri}"))
}
