//! `com.atproto.identity`

use std::sync::Arc;

use atproto_lexicons::com::atproto::identity::{ResolveHandle, ResolveHandleOutput};
use atproto_xrpc::{XrpcError, server::Context};

use crate::{app::App, query::actor};

/// Handles that the index has proven are answered from it, others are looked up.
pub(super) async fn resolve_handle(
    app: Arc<App>,
    _context: Context<()>,
    params: ResolveHandle,
) -> Result<ResolveHandleOutput, XrpcError> {
    let handle = params.handle.clone();
    let known = app
        .view("resolve_handle", None, move |tx, _| Ok(actor::did_of_handle(tx, handle.as_str())?))
        .await?;
    let did =
        match known {
            Some(did) => did.parse().map_err(XrpcError::internal)?,
            None => app.resolver.handle(&params.handle).await.map_err(|_| {
                XrpcError::bad_request("HandleNotFound", "Unable to resolve handle")
            })?,
        };
    Ok(ResolveHandleOutput::new(did))
}
