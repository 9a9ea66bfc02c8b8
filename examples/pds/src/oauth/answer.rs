//! The user's answer, and the way back to the app.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use http::{
    HeaderValue, StatusCode,
    header::{CACHE_CONTROL, LOCATION, REFERRER_POLICY},
};

use super::{browser::Posted, now, page::Problem, ticket};
use crate::app::App;

/// Where the form leads.
pub(super) const PATH: &str = "/oauth/authorize/answer";

pub(super) async fn handle(
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<Response, Problem> {
    let posted = Posted::read(&app, request).await?;
    let form = posted.form()?;
    let request_uri = form.require("request_uri")?;
    posted.check(&app, &form, request_uri)?;
    let browser = posted.browser.fingerprint();
    let ticket = form.require("ticket")?;
    let account = ticket::redeem(&app, &posted.browser, ticket, request_uri).await?;
    let back = match form.require("answer")? {
        "allow" => {
            let (did, handle) = (&account.did, account.handle.as_ref());
            let accepted = app.oauth.accept(request_uri, browser, did, handle, now()).await?;
            tracing::info!(%did, "an app was given access");
            accepted
        }
        _ => app.oauth.deny(request_uri, browser, now()).await?,
    };
    let location = HeaderValue::try_from(back.0.as_str())
        .map_err(|_| Problem::refused("The app's address cannot be gone to."))?;
    let mut response = StatusCode::SEE_OTHER.into_response();
    response.headers_mut().insert(LOCATION, location);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.headers_mut().insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    Ok(response)
}
