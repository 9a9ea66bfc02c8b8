//! `com.atproto.admin.getAccountInfo` and `getAccountInfos`

use std::sync::Arc;

use atproto_core::syntax::Handle;
use atproto_lexicons::com::atproto::admin::{
    GetAccountInfo, GetAccountInfoOutput, GetAccountInfos, GetAccountInfosOutput, defs::AccountView,
};
use atproto_xrpc::{XrpcError, server::Context};

use crate::{accounts::Account, app::App};

/// Accounts of one request. Ours.
const MAX_ACCOUNTS: usize = 100;

pub(super) async fn one(
    app: Arc<App>,
    _context: Context<()>,
    params: GetAccountInfo,
) -> Result<GetAccountInfoOutput, XrpcError> {
    let account = app.accounts.by_did(&params.did).await?;
    account.map(view).ok_or_else(|| XrpcError::bad_request("NotFound", "Account not found"))
}

pub(super) async fn several(
    app: Arc<App>,
    _context: Context<()>,
    params: GetAccountInfos,
) -> Result<GetAccountInfosOutput, XrpcError> {
    if params.dids.len() > MAX_ACCOUNTS {
        return Err(XrpcError::invalid_request(format!("at most {MAX_ACCOUNTS} dids")));
    }
    let mut infos = Vec::with_capacity(params.dids.len());
    for did in &params.dids {
        infos.extend(app.accounts.by_did(did).await?.map(view));
    }
    Ok(GetAccountInfosOutput::new(infos))
}

fn view(account: Account) -> AccountView {
    let handle = account.handle.unwrap_or_else(Handle::invalid);
    let mut view = AccountView::new(account.did, handle, account.created_at);
    view.email = account.email;
    view
}
