//! The page on which users see which apps have access, and end it.

use std::sync::Arc;

use atproto_core::syntax::{Datetime, Did};
use atproto_xrpc::oauth::authorization_server::store::Session;
use axum::{
    extract::{Request, State},
    response::Response,
};
use http::StatusCode;

use super::{
    browser::{Browser, Posted, check_navigation},
    html::Html,
    now,
    page::{Page, Problem},
    sign_in::{self, SignInError},
    ticket,
};
use crate::{accounts::Account, app::App};

/// The page, and where its sign-in leads.
pub(super) const PATH: &str = "/account";
/// Where the buttons lead.
pub(super) const END: &str = "/account/end";

/// Shows the sign-in.
pub(super) async fn begin(
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<Response, Problem> {
    check_navigation(request.headers())?;
    let browser = Browser::of(&app, request.headers())?;
    let page = sign_in_page(&app, &browser, None);
    Ok(browser.show(&app, page))
}

/// Checks the sign-in and shows the sessions.
pub(super) async fn list(
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<Response, Problem> {
    let posted = Posted::read(&app, request).await?;
    let form = posted.form()?;
    posted.check(&app, &form, PATH)?;
    let page = match sign_in::check(&app, &posted, &form).await {
        Ok(account) => sessions_page(&app, &posted.browser, &account).await?,
        Err(SignInError::Wrong(wrong)) => sign_in_page(&app, &posted.browser, Some(wrong)),
        Err(SignInError::Failed(problem)) => return Err(problem),
    };
    Ok(posted.browser.show(&app, page))
}

/// Ends a session and shows the rest.
pub(super) async fn end(
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<Response, Problem> {
    let posted = Posted::read(&app, request).await?;
    let form = posted.form()?;
    posted.check(&app, &form, PATH)?;
    let ticket = form.require("ticket")?;
    let account = ticket::redeem(&app, &posted.browser, ticket, PATH).await?;
    let id = form.require("session")?;
    let of_account = sessions(&app, &account.did).await?;
    if of_account.iter().any(|session| session.id == id) {
        app.oauth.store().end_session(id).await.map_err(failed)?;
        tracing::info!(did = %account.did, "an app's access was ended");
    }
    let page = sessions_page(&app, &posted.browser, &account).await?;
    Ok(posted.browser.show(&app, page))
}

fn sign_in_page(app: &App, browser: &Browser, wrong: Option<&str>) -> Page {
    let body = Html::new("<h1>Apps with access</h1><p>Sign in to see them.</p>")
        .raw("<form method=\"post\" action=\"/account\">")
        .hidden("token", browser.token(app, PATH))
        .push(&sign_in::fields(None, false, wrong))
        .raw("</form>");
    Page::new("Apps with access", body)
}

async fn sessions_page(app: &App, browser: &Browser, account: &Account) -> Result<Page, Problem> {
    let ticket = ticket::issue(app, browser, account, PATH)?;
    let sessions = sessions(app, &account.did).await?;
    let none = Html::new(if sessions.is_empty() { "<p>There are none.</p>" } else { "" });
    let boxes = sessions.iter().map(|session| {
        Html::new("<div class=\"box\"><p><code>")
            .text(&session.client_id)
            .raw("</code></p><p class=\"quiet\">Since ")
            .text(date(session.began))
            .raw(", last renewed ")
            .text(date(session.renewed))
            .raw("</p><p class=\"quiet\"><code>")
            .text(&session.granted)
            .raw("</code></p><form method=\"post\" action=\"/account/end\">")
            .hidden("token", browser.token(app, PATH))
            .hidden("ticket", &ticket)
            .hidden("session", &session.id)
            .raw("<div class=\"buttons\"><button>End access</button></div></form></div>")
    });
    let body = Html::new("<h1>Apps with access</h1>").push(&none).extend(boxes);
    Ok(Page::new("Apps with access", body))
}

async fn sessions(app: &App, account: &Did) -> Result<Vec<Session>, Problem> {
    app.oauth.store().sessions_of(account, now()).await.map_err(failed)
}

fn date(seconds: u64) -> String {
    let micros = i64::try_from(seconds.saturating_mul(1_000_000)).unwrap_or(i64::MAX);
    let date = Datetime::from_unix_micros(micros);
    date.as_str().get(..10).unwrap_or_default().to_owned()
}

fn failed(error: impl std::fmt::Display) -> Problem {
    tracing::error!(%error, "the sessions of apps could not be read or ended");
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "The server failed.")
}
