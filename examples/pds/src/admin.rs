//! `com.atproto.admin.*`: what the operator does to accounts.
//!
//! Takedowns of single records and blobs are not here.

mod account_info;
mod subject_status;

use std::sync::Arc;

use atproto_core::endpoint::NoBody;
use atproto_lexicons::com::atproto::admin::{
    DeleteAccount, GetAccountInfo, GetAccountInfos, GetSubjectStatus, UpdateAccountPassword,
    UpdateSubjectStatus,
};
use atproto_xrpc::{
    XrpcError,
    server::{Context, Router},
};

use crate::{api::with, app::App, auth::AdminPolicy, passwords};

/// Adds the namespace's endpoints.
pub(crate) fn routes(router: Router, app: &Arc<App>) -> Router {
    let admin = || AdminPolicy::new(app);
    router
        .query::<GetAccountInfo, _>(admin(), with(app, account_info::one))
        .query::<GetAccountInfos, _>(admin(), with(app, account_info::several))
        .query::<GetSubjectStatus, _>(admin(), with(app, subject_status::get))
        .procedure::<UpdateSubjectStatus, _>(admin(), with(app, subject_status::update))
        .procedure::<UpdateAccountPassword, _>(admin(), with(app, update_password))
        .procedure::<DeleteAccount, _>(admin(), with(app, delete))
}

async fn update_password(
    app: Arc<App>,
    _context: Context<()>,
    input: UpdateAccountPassword,
) -> Result<NoBody, XrpcError> {
    passwords::check(&input.password)?;
    let hash = app.auth.passwords.hash(&input.password).await?;
    app.accounts.set_password(&input.did, hash).await?;
    app.end_apps(&input.did).await?;
    tracing::info!(did = %input.did, "password replaced by the operator");
    Ok(NoBody)
}

async fn delete(
    app: Arc<App>,
    _context: Context<()>,
    input: DeleteAccount,
) -> Result<NoBody, XrpcError> {
    app.delete_account(&input.did).await?;
    Ok(NoBody)
}
