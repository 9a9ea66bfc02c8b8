//! The endpoints that programs ask: everything but the pages.

use std::{fmt, sync::Arc};

use axum::{
    Json, Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE, PRAGMA},
};
use serde::Serialize;
use tower_http::cors::{Any, CorsLayer};

use super::{AuthorizationServer, Form, MAX_FORM_BYTES, OAuthError, OAuthErrorCode, paths};
use crate::auth::clock::unix_now;

/// What every answer to a proof carries: RFC 9449, section 8.
pub const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

/// The header of a proof: RFC 9449, section 4.
pub const DPOP: HeaderName = HeaderName::from_static("dpop");

/// The routes: the two metadata documents, the key set, and the endpoints that take pushed
/// requests, give tokens and take them back. Browsers of any origin may ask; nothing here looks
/// at cookies.
pub fn routes(server: Arc<AuthorizationServer>) -> Router {
    Router::new()
        .route(paths::SERVER_METADATA, get(server_metadata))
        .route(paths::RESOURCE_METADATA, get(resource_metadata))
        .route(paths::JWKS, get(jwks))
        .route(paths::PAR, post(par))
        .route(paths::TOKEN, post(token))
        .route(paths::REVOKE, post(revoke))
        .layer(cors())
        .with_state(server)
}

/// The one value of a request's `DPoP` header.
pub fn proof(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(DPOP).iter();
    let only = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(only)
}

async fn server_metadata(State(server): State<Arc<AuthorizationServer>>) -> Response {
    document(server.metadata())
}

async fn resource_metadata(State(server): State<Arc<AuthorizationServer>>) -> Response {
    document(server.resource_metadata())
}

async fn jwks(State(server): State<Arc<AuthorizationServer>>) -> Response {
    document(server.jwks())
}

async fn par(State(server): State<Arc<AuthorizationServer>>, request: Request) -> Response {
    let answer = async |form: &[u8], proof: Option<&str>, now| {
        server.push(&Form::parse(form)?, proof, now).await
    };
    respond(&server, StatusCode::CREATED, request, answer).await
}

async fn token(State(server): State<Arc<AuthorizationServer>>, request: Request) -> Response {
    let answer = async |form: &[u8], proof: Option<&str>, now| {
        server.token(&Form::parse(form)?, proof, now).await
    };
    respond(&server, StatusCode::OK, request, answer).await
}

async fn revoke(State(server): State<Arc<AuthorizationServer>>, request: Request) -> Response {
    let answer = async |form: &[u8], proof: Option<&str>, now| {
        server.revoke(&Form::parse(form)?, proof, now).await
    };
    respond(&server, StatusCode::OK, request, answer).await
}

async fn respond<T: Serialize>(
    server: &AuthorizationServer,
    success: StatusCode,
    request: Request,
    answer: impl AsyncFnOnce(&[u8], Option<&str>, u64) -> Result<T, OAuthError>,
) -> Response {
    let now = unix_now();
    let (parts, body) = request.into_parts();
    let answer = match read(&parts.headers, body).await {
        Ok(form) => answer(&form, proof(&parts.headers), now).await,
        Err(error) => Err(error),
    };
    let mut response = match answer {
        Ok(value) => (success, Json(value)).into_response(),
        Err(error) => error.into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
    if let Ok(nonce) = HeaderValue::try_from(server.nonce(now)) {
        headers.insert(DPOP_NONCE, nonce);
    }
    response
}

async fn read(headers: &HeaderMap, body: Body) -> Result<bytes::Bytes, OAuthError> {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = content_type.and_then(|value| value.split(';').next()).unwrap_or_default();
    if !essence.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Err(OAuthError::request("the body has to be a form"));
    }
    let late = tokio::time::timeout(BODY_TIMEOUT, to_bytes(body, MAX_FORM_BYTES)).await;
    let unread = |what: &dyn fmt::Display| OAuthError::request(format!("the body {what}"));
    late.map_err(|_| unread(&"came too slowly"))?.map_err(|_| unread(&"is too long"))
}

fn document(value: serde_json::Value) -> Response {
    ([(CACHE_CONTROL, "max-age=300")], Json(value)).into_response()
}

impl IntoResponse for OAuthError {
    fn into_response(self) -> Response {
        let mut response = (self.status(), Json(self.to_json())).into_response();
        if self.code == OAuthErrorCode::UseDpopNonce {
            let challenge = HeaderValue::from_static("DPoP error=\"use_dpop_nonce\"");
            response.headers_mut().insert(http::header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

fn cors() -> CorsLayer {
    CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::GET, Method::HEAD, Method::POST])
        .allow_headers([CONTENT_TYPE, DPOP])
        .expose_headers([DPOP_NONCE, http::header::WWW_AUTHENTICATE])
        .max_age(std::time::Duration::from_secs(24 * 60 * 60))
}

/// Ours: the longest form is 64 KiB.
const BODY_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(10);
