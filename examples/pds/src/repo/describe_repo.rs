//! `com.atproto.repo.describeRepo`

use std::sync::Arc;

use atproto_core::{data::json, identity::verified_handle, syntax::Handle};
use atproto_lexicons::com::atproto::repo::{DescribeRepo, DescribeRepoOutput};
use atproto_xrpc::{XrpcError, server::Context};

use crate::{app::App, availability::Viewer};

pub(super) async fn handle(
    app: Arc<App>,
    _context: Context<()>,
    params: DescribeRepo,
) -> Result<DescribeRepoOutput, XrpcError> {
    let account = app.readable_by(&params.repo, &Viewer::Public).await?;
    let store = app.store(&account.did).await?;
    let collections = store.read(|view| view.collections()).await?;
    let document = app.resolver.did(&account.did).await.map_err(|error| {
        XrpcError::invalid_request(format!("Could not resolve DID: {}", account.did))
            .with_message(format!("Could not resolve DID: {error}"))
    })?;
    let verified = verified_handle(app.resolver.as_ref(), &document).await;
    let correct = verified.is_some() && verified == account.handle;
    let document = json::from_json(document.to_json()).map_err(XrpcError::internal)?;
    let handle = account.handle.unwrap_or_else(Handle::invalid);
    Ok(DescribeRepoOutput::new(handle, account.did, document, collections, correct))
}
