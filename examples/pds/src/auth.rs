//! Who is calling: the policies of this server's routes.
//!
//! | policy | admits |
//! |---|---|
//! | [`AccountPolicy`] | accounts, by their access tokens; apps that act for them |
//! | [`RefreshPolicy`] | accounts, by their refresh tokens |
//! | [`ViewerPolicy`] | everybody; tells who may see more |
//! | [`AdminPolicy`] | the operator |
//! | [`IdentityPolicy`] | owners of identities, by service tokens |

use std::{net::SocketAddr, sync::Arc, time::Duration};

use atproto_core::{identity::Resolver, syntax::Did};
use atproto_xrpc::{
    XrpcError,
    auth::{
        service::ServiceVerifier,
        session::{Scope, SessionClaims, SessionTokenError},
    },
    oauth::{Grant, Permission},
    server::{AccountVerifier, Admin, Credentials, OAuth, OAuthAccount, Policy},
};
use axum::extract::ConnectInfo;
use http::{header::AUTHORIZATION, request::Parts};

use crate::{
    access::Access,
    accounts::{Account, Status},
    app::App,
    attempts::Attempts,
    availability::Viewer,
    config::Config,
    counters::{self, Method, Outcome},
    limits::{self, Limits},
    passwords::Passwords,
};

pub use crate::access::Caller;

/// What proving who one is needs of the server.
pub struct Auth {
    /// Hashes and verifies passwords.
    pub passwords: Passwords,
    /// Failed logins of an account from one address.
    pub logins_from: Attempts,
    /// Failed logins of an account from anywhere.
    pub logins: Attempts,
    /// How often things may be done.
    pub limits: Limits,
    service: ServiceVerifier,
    admin: Admin,
    admin_logins: Attempts,
}

impl Auth {
    /// What the options ask for. Blocking.
    pub fn new(
        config: &Config,
        service_did: &Did,
        resolver: Arc<dyn Resolver>,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            passwords: Passwords::new()?,
            logins_from: Attempts::new(5, Duration::from_secs(60)),
            // Its owner must get in although somebody else is guessing.
            logins: Attempts::new(50, Duration::from_secs(4)),
            limits: Limits::new(config.rate_limits_enabled),
            service: ServiceVerifier::new(resolver, [service_did.as_str()]),
            admin: Admin::new(config.admin_password.as_deref().unwrap_or_default()),
            admin_logins: Attempts::new(10, Duration::from_secs(10)),
        })
    }
}

/// Admits accounts by their access tokens, and apps that act for them where that is said.
#[derive(Clone)]
pub struct AccountPolicy {
    app: Arc<App>,
    scopes: &'static [Scope],
    statuses: &'static [Status],
    apps: Option<Permit>,
}

/// Says whether a grant is enough, or what is missing.
type Permit = fn(&Grant) -> Result<(), Permission>;

impl AccountPolicy {
    /// Admits active accounts.
    pub fn active(app: &Arc<App>) -> Self {
        let statuses = &[Status::Active];
        Self { app: Arc::clone(app), scopes: STANDARD, statuses, apps: None }
    }

    /// Admits active and deactivated accounts: an account that moves in is deactivated
    /// until everything has arrived.
    pub fn present(app: &Arc<App>) -> Self {
        Self { statuses: &[Status::Active, Status::Deactivated], ..Self::active(app) }
    }

    /// Admits also accounts that have been taken down, for what their owners may still do:
    /// complain and leave.
    pub fn leaving(app: &Arc<App>) -> Self {
        Self { scopes: LEAVING, statuses: LEFT, ..Self::active(app) }
    }

    /// The same policy without app passwords: for what only the account's own password
    /// may do.
    #[must_use]
    pub fn full(mut self) -> Self {
        let leaving = self.scopes.contains(&Scope::Takendown);
        self.scopes = if leaving { &[Scope::Access, Scope::Takendown] } else { &[Scope::Access] };
        self
    }

    /// The same policy, which also admits apps by OAuth. What they may do is the handler's to
    /// ask of its [`Caller`].
    #[must_use]
    pub fn apps(self) -> Self {
        self.apps_with(|_| Ok(()))
    }

    /// The same policy, which also admits apps that have such a grant.
    #[must_use]
    pub fn apps_with(mut self, permit: Permit) -> Self {
        self.apps = Some(permit);
        self
    }

    async fn app(&self, token: &str, request: &Parts, nsid: &str) -> Result<Caller, XrpcError> {
        let account = self.app.acting(token, request, nsid).await?;
        let Some(permit) = self.apps else {
            return Err(XrpcError::forbidden("Apps are not admitted to this method"));
        };
        permit(&account.grant).map_err(XrpcError::scope_missing)?;
        let status = self.app.accounts.by_did(&account.did).await?.map(|account| account.status);
        let status = status.unwrap_or(Status::Deleted);
        // Whoever leaves after a takedown does it with the account's own password.
        let is_present = matches!(status, Status::Active | Status::Deactivated);
        if !is_present || !self.statuses.contains(&status) {
            return Err(refusal(status));
        }
        Ok(Caller { did: account.did, access: Access::App(account.grant) })
    }
}

const STANDARD: &[Scope] = &[Scope::Access, Scope::AppPassword, Scope::AppPasswordPrivileged];
const LEAVING: &[Scope] =
    &[Scope::Access, Scope::AppPassword, Scope::AppPasswordPrivileged, Scope::Takendown];
const LEFT: &[Status] =
    &[Status::Active, Status::Deactivated, Status::Suspended, Status::Takendown];

impl Policy for AccountPolicy {
    type Proof = Caller;

    async fn authorize(&self, request: &Parts, nsid: &str) -> Result<Caller, XrpcError> {
        let credentials = Credentials::of(request)?;
        if let Credentials::Dpop(token) = credentials {
            return self.app(token, request, nsid).await;
        }
        let (account, scope) = self.app.session(credentials.bearer()?).await?;
        if !self.scopes.contains(&scope) {
            // Not 401: another token of the same session would be no better.
            return Err(XrpcError::bad_request("InvalidToken", "Bad token scope"));
        }
        if !self.statuses.contains(&account.status) {
            return Err(refusal(account.status));
        }
        Ok(Caller { did: account.did, access: Access::Session(scope) })
    }
}

/// Admits accounts by their refresh tokens, and says what the token claims. Whether its
/// session has ended is for the route to find out.
#[derive(Clone)]
pub struct RefreshPolicy {
    app: Arc<App>,
    expired: bool,
}

impl RefreshPolicy {
    /// Admits tokens that have not expired.
    pub fn new(app: &Arc<App>) -> Self {
        Self { app: Arc::clone(app), expired: false }
    }

    /// Admits expired tokens as well: for ending a session.
    pub fn or_expired(app: &Arc<App>) -> Self {
        Self { app: Arc::clone(app), expired: true }
    }
}

impl Policy for RefreshPolicy {
    type Proof = SessionClaims;

    async fn authorize(&self, request: &Parts, _nsid: &str) -> Result<SessionClaims, XrpcError> {
        let token = Credentials::of(request)?.bearer()?;
        let sessions = &self.app.sessions;
        let claims = if self.expired {
            sessions.verify_expired_refresh(token)
        } else {
            sessions.verify_refresh(token)
        };
        Ok(claims.inspect_err(|error| {
            let outcome = match error {
                SessionTokenError::Expired => Outcome::Expired,
                _ => Outcome::WrongCredentials,
            };
            counters::auth_attempt(Method::Refresh, outcome);
        })?)
    }
}

/// Admits everybody, and finds out who sees more than the public: accounts their own data,
/// the operator all of it. Wrong credentials are refused.
#[derive(Clone)]
pub struct ViewerPolicy {
    app: Arc<App>,
    admin: AdminPolicy,
}

impl ViewerPolicy {
    /// The policy of this server.
    pub fn new(app: &Arc<App>) -> Self {
        Self { app: Arc::clone(app), admin: AdminPolicy::new(app) }
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
            Credentials::Dpop(token) => {
                let account = self.app.acting(token, request, nsid).await?;
                Ok(Viewer::Account(account.did))
            }
            credentials => {
                let (account, _) = self.app.session(credentials.bearer()?).await?;
                Ok(Viewer::Account(account.did))
            }
        }
    }
}

/// Admits the operator.
#[derive(Clone)]
pub struct AdminPolicy {
    app: Arc<App>,
}

impl AdminPolicy {
    /// The policy of this server.
    pub fn new(app: &Arc<App>) -> Self {
        Self { app: Arc::clone(app) }
    }
}

impl Policy for AdminPolicy {
    type Proof = ();

    async fn authorize(&self, request: &Parts, nsid: &str) -> Result<(), XrpcError> {
        let auth = &self.app.auth;
        if !matches!(Credentials::of(request)?, Credentials::Basic(_)) {
            return auth.admin.authorize(request, nsid).await;
        }
        // The peer, not what it says of others: nobody chooses the key that is slowed down.
        let peer = request.extensions.get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip());
        let key = limits::address_key(peer);
        auth.admin_logins.begin(&key).inspect_err(|_| {
            counters::auth_attempt(Method::Admin, Outcome::RateLimited);
        })?;
        match auth.admin.authorize(request, nsid).await {
            Ok(()) => {
                auth.admin_logins.succeeded(&key);
                counters::auth_attempt(Method::Admin, Outcome::Success);
                Ok(())
            }
            Err(error) => {
                counters::auth_attempt(Method::Admin, Outcome::WrongCredentials);
                Err(error)
            }
        }
    }
}

/// Admits everybody, and proves who owns an identity that lives elsewhere: by a service
/// token for this server, signed with that identity's key.
#[derive(Clone)]
pub struct IdentityPolicy {
    app: Arc<App>,
}

impl IdentityPolicy {
    /// The policy of this server.
    pub fn new(app: &Arc<App>) -> Self {
        Self { app: Arc::clone(app) }
    }
}

impl Policy for IdentityPolicy {
    type Proof = Option<Did>;

    async fn authorize(&self, request: &Parts, nsid: &str) -> Result<Option<Did>, XrpcError> {
        if !request.headers.contains_key(AUTHORIZATION) {
            return Ok(None);
        }
        let token = Credentials::of(request)?.bearer()?;
        let verified = self.app.auth.service.verify(token, nsid).await;
        let outcome = if verified.is_ok() { Outcome::Success } else { Outcome::WrongCredentials };
        counters::auth_attempt(Method::ServiceAuth, outcome);
        Ok(Some(verified?.iss))
    }
}

impl App {
    /// The account that an app acts for, by OAuth.
    async fn acting(
        &self,
        token: &str,
        request: &Parts,
        nsid: &str,
    ) -> Result<OAuthAccount, XrpcError> {
        let apps = OAuth::new(Arc::clone(&self.oauth));
        apps.verify(Credentials::Dpop(token), request, nsid).await
    }

    /// The account of an access token, and what the token allows. The token is good for as
    /// long as its session has not ended.
    pub async fn session(&self, token: &str) -> Result<(Account, Scope), XrpcError> {
        let claims = self.sessions.verify_access(token)?;
        let account = self.accounts.by_session(&claims.sub, &claims.jti).await?;
        let account = account.ok_or_else(|| XrpcError::invalid_token("Token has been revoked"))?;
        Ok((account, claims.scope))
    }
}

/// The error that tells why an account may not do anything.
pub(crate) fn refusal(status: Status) -> XrpcError {
    match status {
        Status::Deactivated => {
            XrpcError::unauthorized("AccountDeactivated", "Account is deactivated")
        }
        Status::Deleted => XrpcError::invalid_token("Account not found"),
        _ => XrpcError::unauthorized("AccountTakedown", "Account has been taken down"),
    }
}
