//! `com.atproto.sync.getLatestCommit`

use std::sync::Arc;

use atproto_lexicons::com::atproto::sync::{GetLatestCommit, GetLatestCommitOutput};
use atproto_xrpc::{XrpcError, server::Context};

use crate::{app::App, availability::Viewer};

pub(super) async fn handle(
    app: Arc<App>,
    context: Context<Viewer>,
    params: GetLatestCommit,
) -> Result<GetLatestCommitOutput, XrpcError> {
    app.readable(&params.did, &context.proof).await?;
    let head = app.head(&params.did).await?;
    Ok(GetLatestCommitOutput::new(head.commit, head.rev))
}
