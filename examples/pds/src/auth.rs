//! Who is calling: the policies of this server's routes.

use std::sync::Arc;

use atproto_core::syntax::Did;
use atproto_xrpc::{
    XrpcError,
    auth::session::Scope,
    server::{Admin, Credentials, Policy},
};
use http::{header::AUTHORIZATION, request::Parts};

use crate::{
    accounts::{Account, Status},
    app::App,
    availability::Viewer,
};

/// An account that has proven itself.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Who it is.
    pub did: Did,
    /// What its token allows.
    pub scope: Scope,
}

/// Admits accounts by their access tokens.
#[derive(Clone)]
pub struct AccountPolicy {
    app: Arc<App>,
    admits: fn(Status) -> bool,
}

impl AccountPolicy {
    /// Admits active accounts.
    pub fn active(app: &Arc<App>) -> Self {
        Self { app: Arc::clone(app), admits: |status| status == Status::Active }
    }

    /// Admits active and deactivated accounts: an account that moves in is deactivated
    /// until everything has arrived.
    pub fn present(app: &Arc<App>) -> Self {
        let admits = |status| matches!(status, Status::Active | Status::Deactivated);
        Self { app: Arc::clone(app), admits }
    }
}

impl Policy for AccountPolicy {
    type Proof = Caller;

    async fn authorize(&self, request: &Parts, _nsid: &str) -> Result<Caller, XrpcError> {
        let token = Credentials::of(request)?.bearer()?;
        let (account, scope) = self.app.session(token).await?;
        if !matches!(scope, Scope::Access | Scope::AppPassword | Scope::AppPasswordPrivileged) {
            return Err(XrpcError::invalid_token("Bad token scope"));
        }
        if !(self.admits)(account.status) {
            return Err(refusal(account.status));
        }
        Ok(Caller { did: account.did, scope })
    }
}

/// Admits everybody, and finds out who sees more than the public: accounts their own data,
/// the operator all of it. Wrong credentials are refused.
#[derive(Clone)]
pub struct ViewerPolicy {
    app: Arc<App>,
    admin: Admin,
}

impl ViewerPolicy {
    /// The policy of this server.
    pub fn new(app: &Arc<App>) -> Self {
        let admin = Admin::new(app.config.admin_password.as_deref().unwrap_or_default());
        Self { app: Arc::clone(app), admin }
    }
}

impl Policy for ViewerPolicy {
    type Proof = Viewer;

    async fn authorize(&self, request: &Parts, nsid: &str) -> Result<Viewer, XrpcError> {
        if !request.headers.contains_key(AUTHORIZATION) {
            return Ok(Viewer::Public);
        }
        match Credentials::of(request)? {
            Credentials::Basic(_) => {
                self.admin.authorize(request, nsid).await?;
                Ok(Viewer::Admin)
            }
            credentials => {
                let (account, _) = self.app.session(credentials.bearer()?).await?;
                Ok(Viewer::Account(account.did))
            }
        }
    }
}

impl App {
    /// The account of an access token, and what the token allows.
    pub async fn session(&self, token: &str) -> Result<(Account, Scope), XrpcError> {
        let claims = self.sessions.verify_access(token)?;
        let account = self.accounts.by_did(&claims.sub).await?;
        let account = account.ok_or_else(|| XrpcError::invalid_token("Account not found"))?;
        Ok((account, claims.scope))
    }
}

fn refusal(status: Status) -> XrpcError {
    match status {
        Status::Deactivated => {
            XrpcError::unauthorized("AccountDeactivated", "Account is deactivated")
        }
        Status::Deleted => XrpcError::invalid_token("Account not found"),
        _ => XrpcError::unauthorized("AccountTakedown", "Account has been taken down"),
    }
}
