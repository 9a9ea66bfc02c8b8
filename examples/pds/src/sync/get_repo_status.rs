//! `com.atproto.sync.getRepoStatus`

use std::sync::Arc;

use atproto_lexicons::com::atproto::sync::{GetRepoStatus, GetRepoStatusOutput};
use atproto_xrpc::{XrpcError, server::Context};

use crate::{accounts::Status, app::App, availability::Viewer};

pub(super) async fn handle(
    app: Arc<App>,
    _context: Context<()>,
    params: GetRepoStatus,
) -> Result<GetRepoStatusOutput, XrpcError> {
    // The state itself is public; only the data behind it is not.
    let account = app.readable(&params.did, &Viewer::Admin).await?;
    let active = account.status == Status::Active;
    let mut output = GetRepoStatusOutput::new(account.did, active);
    output.status = account.status.event_status().map(Into::into);
    if active {
        output.rev = Some(app.head(&params.did).await?.rev);
    }
    Ok(output)
}
