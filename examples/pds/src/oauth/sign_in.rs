//! Signing in, by the account's own password.

use atproto_xrpc::{oauth::authorization_server::Form, server::client_address};
use http::StatusCode;

use super::{browser::Posted, html::Html, page::Problem};
use crate::{
    accounts::{Account, Status},
    app::App,
    counters::{self, Method, Outcome},
    server::login,
};

/// Where the form of a request leads.
pub(super) const PATH: &str = "/oauth/authorize/sign-in";

/// The form's visible fields, with what was wrong with them.
pub(super) fn fields(identifier: Option<&str>, is_fixed: bool, wrong: Option<&str>) -> Html {
    let mut html = Html::default();
    if let Some(wrong) = wrong {
        html = html.raw("<p class=\"error\" role=\"alert\">").text(wrong).raw("</p>");
    }
    html = html
        .raw(
            "<label for=\"identifier\">Handle, DID or e-mail address</label>\
             <input type=\"text\" id=\"identifier\" name=\"identifier\" autocomplete=\"username\" \
             autocapitalize=\"none\" spellcheck=\"false\" required value=\"",
        )
        .text(identifier.unwrap_or_default())
        .raw(if is_fixed { "\" readonly>" } else { "\">" });
    html.raw(
        "<label for=\"password\">Password</label>\
         <input type=\"password\" id=\"password\" name=\"password\" \
         autocomplete=\"current-password\" required>\
         <div class=\"buttons\"><button class=\"main\">Sign in</button></div>",
    )
}

/// Who the fields prove it is; else what to tell the user.
pub(super) async fn check(
    app: &App,
    posted: &Posted,
    form: &Form<'_>,
) -> Result<Account, SignInError> {
    let field = |name| form.get(name).unwrap_or_default();
    let address = client_address(&posted.headers, &posted.extensions, &app.config.trusted_proxies);
    let login = login::check(app, field("identifier"), field("password"), address).await;
    let login = login.map_err(|error| match error.status {
        StatusCode::UNAUTHORIZED => SignInError::Wrong("This is not the right password."),
        StatusCode::TOO_MANY_REQUESTS => {
            SignInError::Wrong("That was tried too often. Wait a little, then try again.")
        }
        StatusCode::SERVICE_UNAVAILABLE => SignInError::Wrong("The server is busy. Try again."),
        _ => {
            tracing::error!(%error, "a sign-in failed");
            let failed = Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "The server failed.");
            SignInError::Failed(failed)
        }
    })?;
    if login.app_password.is_some() {
        // It is for one program; with it another would get more than it has itself.
        counters::auth_attempt(Method::AppPassword, Outcome::WrongCredentials);
        return Err(SignInError::Wrong("App passwords cannot be used here."));
    }
    if !matches!(login.account.status, Status::Active | Status::Deactivated) {
        counters::auth_attempt(Method::Password, Outcome::Takendown);
        return Err(SignInError::Wrong("This account has been taken down."));
    }
    counters::auth_attempt(Method::Password, Outcome::Success);
    Ok(login.account)
}

/// Why nobody is signed in.
pub(super) enum SignInError {
    /// The user can try again.
    Wrong(&'static str),
    /// The user cannot.
    Failed(Problem),
}
