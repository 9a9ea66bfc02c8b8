//! What a page holds between a sign-in and the user's answer.

use atproto_core::syntax::Did;
use atproto_xrpc::{
    auth::jwt::{self, Unverified},
    oauth::authorization_server::Fingerprint,
};
use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Serialize};

use super::{browser::Browser, now, page::Problem};
use crate::{accounts::Account, app::App};

/// How long a user may take: 15 minutes, as at the reference implementation.
const LIFETIME_SECONDS: u64 = 15 * 60;
const TYP: &str = "oauth-sign-in+jwt";

#[derive(Serialize, Deserialize)]
struct Claims {
    sub: Did,
    browser: String,
    about: String,
    /// The fingerprint of the password's hash: a sign-in is over when the password changes.
    password: String,
    exp: u64,
}

/// Notes that the owner of an account has signed in, in this browser, for something.
pub(super) fn issue(
    app: &App,
    browser: &Browser,
    account: &Account,
    about: &str,
) -> Result<String, Problem> {
    let claims = Claims {
        sub: account.did.clone(),
        browser: print(browser.fingerprint()),
        about: print(Fingerprint::of(about)),
        password: password(account),
        exp: now() + LIFETIME_SECONDS,
    };
    jwt::sign_hs256(&app.secrets.jwt, TYP, &claims).map_err(|error| {
        tracing::error!(%error, "a sign-in could not be noted");
        failed()
    })
}

/// Who has signed in, in this browser, for that, with the password that the account has now.
pub(super) async fn redeem(
    app: &App,
    browser: &Browser,
    ticket: &str,
    about: &str,
) -> Result<Account, Problem> {
    let over = || Problem::refused("The sign-in is over.");
    let token = Unverified::parse(ticket).map_err(|_| over())?;
    token.verify_hs256(&app.secrets.jwt).map_err(|_| over())?;
    let claims: Claims = token.claims().map_err(|_| over())?;
    let is_good = token.header().typ.as_deref() == Some(TYP)
        && claims.browser == print(browser.fingerprint())
        && claims.about == print(Fingerprint::of(about))
        && now() < claims.exp;
    if !is_good {
        return Err(over());
    }
    let account = app.accounts.by_did(&claims.sub).await.map_err(|error| {
        tracing::error!(%error, "an account could not be looked up");
        failed()
    })?;
    account.filter(|account| password(account) == claims.password).ok_or_else(over)
}

fn password(account: &Account) -> String {
    print(Fingerprint::of(account.password_hash.as_deref().unwrap_or_default()))
}

fn failed() -> Problem {
    Problem::new(http::StatusCode::INTERNAL_SERVER_ERROR, "The server failed.")
}

fn print(fingerprint: Fingerprint) -> String {
    BASE64URL_NOPAD.encode(fingerprint.as_bytes())
}
