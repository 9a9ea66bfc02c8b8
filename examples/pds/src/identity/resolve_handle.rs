//! `com.atproto.identity.resolveHandle`

use std::sync::Arc;

use atproto_core::syntax::Handle;
use atproto_lexicons::com::atproto::identity::{ResolveHandle, ResolveHandleOutput};
use atproto_xrpc::{XrpcError, server::Context};

use crate::{accounts::Status, app::App, handles};

pub(super) async fn handle(
    app: Arc<App>,
    _context: Context<()>,
    params: ResolveHandle,
) -> Result<ResolveHandleOutput, XrpcError> {
    let handle = params.handle;
    let account = app.accounts.by_handle(&handle).await?;
    let hidden = [Status::Deleted, Status::Takendown, Status::Suspended];
    match account {
        Some(account) if hidden.contains(&account.status) => Err(not_found(&handle)),
        Some(account) => Ok(ResolveHandleOutput::new(account.did)),
        // Nobody else can know more of our own names.
        None if handles::is_ours(&handle, &app.config.handle_domains()) => Err(not_found(&handle)),
        None => elsewhere(&app, &handle).await,
    }
}

async fn elsewhere(app: &App, handle: &Handle) -> Result<ResolveHandleOutput, XrpcError> {
    match app.resolver.handle(handle).await {
        Ok(did) => Ok(ResolveHandleOutput::new(did)),
        Err(error) if error.is_transient() => {
            Err(XrpcError::upstream_failure("the handle could not be resolved at the moment"))
        }
        Err(_) => Err(not_found(handle)),
    }
}

fn not_found(handle: &Handle) -> XrpcError {
    XrpcError::bad_request("HandleNotFound", format!("Unable to resolve handle: {handle}"))
}
