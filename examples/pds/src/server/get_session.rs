//! `com.atproto.server.getSession`

use std::sync::Arc;

use atproto_lexicons::com::atproto::server::{GetSession, GetSessionOutput};
use atproto_xrpc::{XrpcError, server::Context};

use super::session::{Profile, describe};
use crate::{
    accounts::Status,
    app::App,
    auth::{Caller, refusal},
};

pub(super) async fn handle(
    app: Arc<App>,
    context: Context<Caller>,
    _params: GetSession,
) -> Result<GetSessionOutput, XrpcError> {
    let caller = context.proof;
    let account = app.accounts.by_did(&caller.did).await?;
    let account = account.ok_or_else(|| refusal(Status::Deleted))?;
    let profile = Profile::of(&app, account, caller.sees_email()).await;
    let mut output = GetSessionOutput::new(profile.handle, profile.did);
    describe!(output, profile);
    Ok(output)
}
