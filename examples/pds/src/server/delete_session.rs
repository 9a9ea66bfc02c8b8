//! `com.atproto.server.deleteSession`

use std::sync::Arc;

use atproto_core::endpoint::NoBody;
use atproto_lexicons::com::atproto::server::DeleteSession;
use atproto_xrpc::{XrpcError, auth::session::SessionClaims, server::Context};

use crate::app::App;

pub(super) async fn handle(
    app: Arc<App>,
    context: Context<SessionClaims>,
    _input: DeleteSession,
) -> Result<NoBody, XrpcError> {
    app.accounts.end_session(&context.proof.jti).await?;
    Ok(NoBody)
}
