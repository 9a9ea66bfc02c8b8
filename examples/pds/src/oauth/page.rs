//! What all pages have in common.

use axum::response::{IntoResponse, Response};
use http::{
    HeaderName, HeaderValue, StatusCode,
    header::{
        CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY,
        X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
    },
};
use url::Url;

use super::html::Html;

/// Where the style sheet is.
pub(super) const STYLE: &str = "/oauth/style.css";

/// A page, and where its forms may lead.
pub(super) struct Page {
    status: StatusCode,
    title: &'static str,
    body: Html,
    leads_to: Option<Url>,
}

impl Page {
    pub(super) fn new(title: &'static str, body: Html) -> Self {
        Self { status: StatusCode::OK, title, body, leads_to: None }
    }

    pub(super) fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// The answer to a form of the page may send the browser there. Browsers hold redirects
    /// against the page's policy, too.
    pub(super) fn leads_to(mut self, url: Url) -> Self {
        self.leads_to = Some(url);
        self
    }

    fn policy(&self) -> String {
        let target = self.leads_to.as_ref().map_or(String::new(), |url| match url.scheme() {
            "http" | "https" => format!(" {}", url.origin().ascii_serialization()),
            scheme => format!(" {scheme}:"),
        });
        format!(
            "default-src 'none'; style-src 'self'; form-action 'self'{target}; \
             frame-ancestors 'none'; base-uri 'none'"
        )
    }
}

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        let policy = self.policy();
        let html = Html::new(HEAD)
            .text(self.title)
            .raw("</title></head><body><main>")
            .push(&self.body)
            .raw("</main></body></html>\n");
        let mut response = (self.status, html.into_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        for (name, value) in HEADERS {
            headers.insert(name, HeaderValue::from_static(value));
        }
        if let Ok(policy) = HeaderValue::try_from(policy) {
            headers.insert(CONTENT_SECURITY_POLICY, policy);
        }
        response
    }
}

/// A page that says why something was not done. It leads nowhere.
pub(super) struct Problem {
    status: StatusCode,
    text: String,
}

impl Problem {
    pub(super) fn new(status: StatusCode, text: impl Into<String>) -> Self {
        Self { status, text: text.into() }
    }

    pub(super) fn refused(text: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, text)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = Html::new("<h1>That did not work</h1><p>")
            .text(self.text)
            .raw("</p><p>Go back to the app and begin again.</p>");
        Page::new("That did not work", body).with_status(self.status).into_response()
    }
}

impl From<atproto_xrpc::oauth::authorization_server::OAuthError> for Problem {
    fn from(error: atproto_xrpc::oauth::authorization_server::OAuthError) -> Self {
        Self::new(error.status(), format!("The app's request was refused: {}.", error.description))
    }
}

/// The style sheet.
pub(super) async fn style() -> Response {
    let headers = [(CONTENT_TYPE, "text/css; charset=utf-8"), (CACHE_CONTROL, "max-age=3600")];
    (headers, include_str!("style.css")).into_response()
}

const HEAD: &str = "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
    <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
    <link rel=\"stylesheet\" href=\"/oauth/style.css\"><title>";

const HEADERS: [(HeaderName, &str); 5] = [
    (CACHE_CONTROL, "no-store"),
    // Without any referrer browsers hide where a form was posted from.
    (REFERRER_POLICY, "same-origin"),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];
