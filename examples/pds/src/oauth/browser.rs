//! The browser in which a page is shown, and whether a form comes from that page.

use std::sync::Arc;

use atproto_xrpc::oauth::authorization_server::{Fingerprint, Form, MAX_FORM_BYTES};
use axum::{
    body::{Body, to_bytes},
    extract::Request,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use data_encoding::BASE64URL_NOPAD;
use hmac::{Hmac, KeyInit, Mac};
use http::{
    HeaderMap, HeaderValue,
    header::{CONTENT_TYPE, COOKIE, ORIGIN, SET_COOKIE},
};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use super::page::Problem;
use crate::app::App;

/// A browser, by a secret in its cookie.
pub(super) struct Browser {
    secret: String,
    is_new: bool,
}

impl Browser {
    /// The browser that asks; one without a cookie gets a secret.
    pub(super) fn of(app: &App, headers: &HeaderMap) -> Result<Self, Problem> {
        match cookie(headers, cookie_name(app)) {
            Some(secret) => Ok(Self { secret, is_new: false }),
            None => {
                let mut bytes = [0; 32];
                getrandom::fill(&mut bytes).map_err(|error| {
                    tracing::error!(%error, "no random bytes");
                    Problem::new(http::StatusCode::INTERNAL_SERVER_ERROR, "The server failed.")
                })?;
                Ok(Self { secret: BASE64URL_NOPAD.encode(&bytes), is_new: true })
            }
        }
    }

    pub(super) fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.secret)
    }

    /// What a form of this browser about something has to hold. Another site cannot know it.
    pub(super) fn token(&self, app: &App, about: &str) -> String {
        let mut code = Hmac::<Sha256>::new_from_slice(&app.secrets.jwt)
            .expect("HMAC takes keys of any length");
        for part in ["oauth form", &self.secret, about] {
            code.update(&(part.len() as u64).to_be_bytes());
            code.update(part.as_bytes());
        }
        BASE64URL_NOPAD.encode(&code.finalize().into_bytes())
    }

    /// Sends a page to it, with its cookie.
    pub(super) fn show(&self, app: &App, page: impl IntoResponse) -> Response {
        let mut response = page.into_response();
        if self.is_new {
            let secure = if is_secure(app) { "; Secure" } else { "" };
            let (name, secret) = (cookie_name(app), &self.secret);
            let cookie = format!("{name}={secret}; Path=/; HttpOnly; SameSite=Lax{secure}");
            if let Ok(cookie) = HeaderValue::try_from(cookie) {
                response.headers_mut().append(SET_COOKIE, cookie);
            }
        }
        response
    }
}

/// A form that was posted, its bytes.
pub(super) struct Posted {
    pub(super) browser: Browser,
    pub(super) headers: HeaderMap,
    pub(super) extensions: http::Extensions,
    bytes: Bytes,
}

impl Posted {
    /// Reads a form that one of our pages has posted; refuses all others.
    pub(super) async fn read(app: &Arc<App>, request: Request) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        check_origin(app, &parts.headers)?;
        let browser = Browser::of(app, &parts.headers)?;
        if browser.is_new {
            return Err(Problem::refused("This page needs a cookie of this server."));
        }
        let bytes = read(&parts.headers, body).await?;
        Ok(Self { browser, headers: parts.headers, extensions: parts.extensions, bytes })
    }

    /// Its fields.
    pub(super) fn form(&self) -> Result<Form<'_>, Problem> {
        Ok(Form::parse(&self.bytes)?)
    }

    /// Checks that the form is of a page that this browser was shown.
    pub(super) fn check(&self, app: &App, form: &Form<'_>, about: &str) -> Result<(), Problem> {
        let token = self.browser.token(app, about);
        let given = form.get("token").unwrap_or_default();
        if token.as_bytes().ct_eq(given.as_bytes()).into() {
            return Ok(());
        }
        Err(forged())
    }
}

/// A page is looked at by a person in a window of its own, as far as the browser says.
pub(super) fn check_navigation(headers: &HeaderMap) -> Result<(), Problem> {
    let is = |name: &str, admitted: &[&str]| match headers.get(name) {
        None => true,
        Some(value) => admitted.iter().any(|known| value == known),
    };
    if is("sec-fetch-mode", &["navigate"]) && is("sec-fetch-dest", &["document"]) {
        return Ok(());
    }
    Err(Problem::refused("This page cannot be embedded in another."))
}

/// Browsers say where a form comes from. One that does not say it is refused as well.
fn check_origin(app: &App, headers: &HeaderMap) -> Result<(), Problem> {
    let origin = headers.get(ORIGIN).map(HeaderValue::as_bytes);
    let site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
    let is_ours = match (origin, site) {
        (Some(origin), site) => {
            origin == app.config.public_url().as_bytes()
                && site.is_none_or(|site| site == b"same-origin")
        }
        (None, Some(site)) => site == b"same-origin",
        (None, None) => false,
    };
    if is_ours { Ok(()) } else { Err(forged()) }
}

async fn read(headers: &HeaderMap, body: Body) -> Result<Bytes, Problem> {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    if content_type.is_none_or(|value| !value.starts_with("application/x-www-form-urlencoded")) {
        return Err(Problem::refused("That was no form."));
    }
    let read = tokio::time::timeout(BODY_TIMEOUT, to_bytes(body, MAX_FORM_BYTES)).await;
    match read {
        Ok(Ok(bytes)) => Ok(bytes),
        _ => Err(Problem::refused("The form did not arrive.")),
    }
}

fn forged() -> Problem {
    Problem::new(http::StatusCode::FORBIDDEN, "That form was not sent by a page of this server.")
}

fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';'));
    let value = pairs.find_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='))?;
    (value.len() == SECRET_LENGTH).then(|| value.to_owned())
}

/// The prefix keeps other hosts of the domain from setting it.
fn cookie_name(app: &App) -> &'static str {
    if is_secure(app) { "__Host-oauth-browser" } else { "oauth-browser" }
}

fn is_secure(app: &App) -> bool {
    app.config.public_url().starts_with("https:")
}

/// 32 bytes as base64url.
const SECRET_LENGTH: usize = 43;
const BODY_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(10);
