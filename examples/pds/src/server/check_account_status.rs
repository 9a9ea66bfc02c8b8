//! `com.atproto.server.checkAccountStatus`

use std::sync::Arc;

use atproto_lexicons::com::atproto::server::{CheckAccountStatus, CheckAccountStatusOutput};
use atproto_xrpc::{XrpcError, server::Context};

use crate::{accounts::Status, app::App, auth::Caller, database::DatabaseError};

pub(super) async fn handle(
    app: Arc<App>,
    context: Context<Caller>,
    _params: CheckAccountStatus,
) -> Result<CheckAccountStatusOutput, XrpcError> {
    let did = context.proof.did;
    let account = app.accounts.by_did(&did).await?;
    let head = app.head(&did).await?;
    let census = app.store(&did).await?.read(|view| view.census()).await?;
    let private = app.accounts.preferences(&did).await?.len();
    let private = i64::try_from(private)
        .map_err(|_| XrpcError::from(DatabaseError::Corrupt("too many preferences".to_owned())))?;
    Ok(CheckAccountStatusOutput::new(
        account.is_some_and(|account| account.status == Status::Active),
        app.identity_is_ours(&did).await.is_ok(),
        head.commit,
        head.rev.to_string(),
        census.blocks,
        census.records,
        private,
        census.expected_blobs,
        census.uploaded_blobs,
    ))
}
