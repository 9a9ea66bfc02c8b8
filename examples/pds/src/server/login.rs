//! Finding out whether somebody is the owner of an account, by password.

use std::net::IpAddr;

use atproto_core::syntax::AtIdentifier;
use atproto_xrpc::{XrpcError, auth::session::Scope};

use crate::{
    accounts::{Account, Status},
    app::App,
    counters::{self, Method, Outcome},
    database::DatabaseError,
    limits::address_key,
    passwords,
};

/// A login that was right.
pub(crate) struct Login {
    pub(crate) account: Account,
    pub(crate) scope: Scope,
    /// The name of the app password that was used.
    pub(crate) app_password: Option<String>,
}

/// Checks a password of the account with this handle, DID or e-mail address.
///
/// The answer does not tell whether the account exists, neither by what it says nor by the
/// time it takes.
pub(crate) async fn check(
    app: &App,
    identifier: &str,
    password: &str,
    address: Option<IpAddr>,
) -> Result<Login, XrpcError> {
    let identifier = identifier.trim().trim_start_matches('@').to_lowercase();
    let from = format!("{} {identifier}", address_key(address));
    admit(app, &identifier, &from, address).inspect_err(|_| {
        counters::auth_attempt(Method::Password, Outcome::RateLimited);
    })?;
    let account = find(app, &identifier).await?;
    match verify(app, account, password).await? {
        Some(login) => {
            app.auth.logins_from.succeeded(&from);
            app.auth.logins.succeeded(&identifier);
            Ok(login)
        }
        None => {
            counters::auth_attempt(Method::Password, Outcome::WrongCredentials);
            Err(XrpcError::unauthorized("AuthenticationRequired", "Invalid identifier or password"))
        }
    }
}

fn admit(
    app: &App,
    identifier: &str,
    from: &str,
    address: Option<IpAddr>,
) -> Result<(), XrpcError> {
    app.auth.limits.login(address, identifier)?;
    app.auth.logins_from.begin(from)?;
    app.auth.logins.begin(identifier)
}

async fn find(app: &App, identifier: &str) -> Result<Option<Account>, DatabaseError> {
    let found = if identifier.contains('@') {
        app.accounts.by_email(identifier).await?
    } else {
        match AtIdentifier::new(identifier) {
            Ok(who) => app.accounts.find(&who).await?,
            Err(_) => None,
        }
    };
    Ok(found.filter(|account| account.status != Status::Deleted))
}

async fn verify(
    app: &App,
    account: Option<Account>,
    password: &str,
) -> Result<Option<Login>, XrpcError> {
    // What is too long to be a password must not be hashed.
    if password.len() > passwords::MAX_BYTES {
        return Ok(None);
    }
    let hash = account.as_ref().and_then(|account| account.password_hash.as_deref());
    if app.auth.passwords.verify(hash, password).await? {
        let login = |account| Login { account, scope: Scope::Access, app_password: None };
        return Ok(account.map(login));
    }
    // Whoever has been taken down leaves with the password of the account itself.
    let Some(account) = account.filter(|account| account.status != Status::Takendown) else {
        return Ok(None);
    };
    let found = app.accounts.app_password(&account.did, password).await?;
    Ok(found.map(|found| Login {
        account,
        scope: if found.privileged { Scope::AppPasswordPrivileged } else { Scope::AppPassword },
        app_password: Some(found.name),
    }))
}
