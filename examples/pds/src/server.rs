//! `com.atproto.server.*`: accounts, sessions and passwords, one endpoint a file.

mod activate_account;
mod app_passwords;
mod check_account_status;
mod create_account;
mod create_session;
mod deactivate_account;
mod delete_session;
mod describe_server;
mod get_service_auth;
mod get_session;
mod invite_codes;
pub(crate) mod login;
mod refresh_session;
mod session;

use std::sync::Arc;

use atproto_lexicons::com::atproto::server::{
    ActivateAccount, CheckAccountStatus, CreateAccount, CreateAppPassword, CreateInviteCode,
    CreateInviteCodes, CreateSession, DeactivateAccount, DeleteSession, DescribeServer,
    GetAccountInviteCodes, GetServiceAuth, GetSession, ListAppPasswords, RefreshSession,
    RevokeAppPassword,
};
use atproto_xrpc::{
    oauth::{AccountAction, AccountAttribute, Grant, Permission},
    server::{Public, Router},
};

use crate::{
    api::with,
    app::App,
    auth::{AccountPolicy, AdminPolicy, IdentityPolicy, RefreshPolicy},
};

/// Adds the namespace's endpoints.
///
/// What needs a letter to the account's owner is not here: confirming and changing e-mail
/// addresses, resetting a forgotten password, and `deleteAccount` by its owner.
pub(crate) fn routes(router: Router, app: &Arc<App>) -> Router {
    let present = || AccountPolicy::present(app);
    // What an app password must not decide.
    let full = || AccountPolicy::present(app).full();
    let leaving = || AccountPolicy::leaving(app);
    let admin = || AdminPolicy::new(app);
    let status = |grant: &Grant| {
        let (attribute, action) = (AccountAttribute::Status, AccountAction::Manage);
        match grant.allows_account(attribute, action) {
            true => Ok(()),
            false => Err(Permission::Account { attribute, action }),
        }
    };
    router
        .query::<DescribeServer, _>(Public, with(app, describe_server::handle))
        .procedure::<CreateAccount, _>(IdentityPolicy::new(app), with(app, create_account::handle))
        .procedure::<CreateSession, _>(Public, with(app, create_session::handle))
        .procedure::<RefreshSession, _>(RefreshPolicy::new(app), with(app, refresh_session::handle))
        .procedure::<DeleteSession, _>(
            RefreshPolicy::or_expired(app),
            with(app, delete_session::handle),
        )
        .query::<GetSession, _>(present().apps(), with(app, get_session::handle))
        .query::<GetServiceAuth, _>(leaving().apps(), with(app, get_service_auth::handle))
        .procedure::<CreateAppPassword, _>(full(), with(app, app_passwords::create))
        .query::<ListAppPasswords, _>(present(), with(app, app_passwords::list))
        .procedure::<RevokeAppPassword, _>(full(), with(app, app_passwords::revoke))
        .procedure::<CreateInviteCode, _>(admin(), with(app, invite_codes::create_one))
        .procedure::<CreateInviteCodes, _>(admin(), with(app, invite_codes::create))
        .query::<GetAccountInviteCodes, _>(full(), with(app, invite_codes::of_account))
        .query::<CheckAccountStatus, _>(present().apps(), with(app, check_account_status::handle))
        .procedure::<ActivateAccount, _>(full(), with(app, activate_account::handle))
        .procedure::<DeactivateAccount, _>(
            leaving().full().apps_with(status),
            with(app, deactivate_account::handle),
        )
}
