//! The operator's paths, behind HTTP Basic with the user `admin`.
//!
//! | Request | Body | Effect |
//! |---|---|---|
//! | `GET /admin/hosts?cursor` | | hosts with their faults |
//! | `POST /admin/hosts/add` | `{hostname}` | subscribes without asking the host |
//! | `POST /admin/hosts/ban` | `{hostname}` | ends the subscription for good |
//! | `POST /admin/hosts/unban` | `{hostname}` | takes the ban back |
//! | `POST /admin/hosts/reset` | `{hostname, cursor?}` | reads the host from another place |
//! | `GET /admin/takedowns` | | accounts that are taken down |
//! | `POST /admin/takedown` | `{did}` | withholds an account, also in replays |
//! | `POST /admin/restore` | `{did}` | takes a takedown back |

use std::sync::Arc;

use atproto_core::syntax::Did;
use atproto_xrpc::XrpcError;
use atproto_xrpc::server::{Admin, Policy};
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Query, Request, State};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::app::App;
use crate::hostname::Hostname;

/// Hosts in one page.
const PAGE: i64 = 500;

type Answer = Result<Json<Value>, XrpcError>;

pub(super) fn router(app: &Arc<App>) -> Router {
    // An empty password admits nobody.
    let admin = Admin::new(app.args.admin_password.as_deref().unwrap_or_default());
    let guard = move |request: Request, next: Next| {
        let admin = admin.clone();
        async move { authorize(admin, request, next).await }
    };
    Router::new()
        .route("/admin/hosts", get(hosts))
        .route("/admin/hosts/add", post(add))
        .route("/admin/hosts/ban", post(ban))
        .route("/admin/hosts/unban", post(unban))
        .route("/admin/hosts/reset", post(reset))
        .route("/admin/takedowns", get(takedowns))
        .route("/admin/takedown", post(take_down))
        .route("/admin/restore", post(restore))
        .route_layer(middleware::from_fn(guard))
        .with_state(Arc::clone(app))
}

async fn authorize(admin: Admin, request: Request, next: Next) -> Result<Response, XrpcError> {
    let (parts, body) = request.into_parts();
    admin.authorize(&parts, parts.uri.path()).await?;
    Ok(next.run(Request::from_parts(parts, body)).await)
}

#[derive(Deserialize)]
struct Page {
    cursor: Option<i64>,
}

#[derive(Deserialize)]
struct HostBody {
    hostname: String,
    cursor: Option<i64>,
}

#[derive(Deserialize)]
struct AccountBody {
    did: Did,
}

async fn hosts(State(app): State<Arc<App>>, page: Result<Query<Page>, QueryRejection>) -> Answer {
    let Query(page) = page.map_err(|error| XrpcError::invalid_request(error.body_text()))?;
    let rows = app.store.hosts(page.cursor.unwrap_or(0), PAGE).await?;
    let cursor = rows.last().map(|row| row.id);
    let hosts = rows.into_iter().map(|row| {
        let running = app.hosts.get(&row.hostname);
        json!({
            "hostname": row.hostname.as_str(),
            "status": running.as_ref().map_or(row.status, |host| host.status()).as_str(),
            "connected": running.as_ref().is_some_and(|host| host.is_connected()),
            "seq": running.as_ref().map_or(row.cursor, |host| host.cursor()),
            "accounts": row.accounts,
            "fault": row.fault,
        })
    });
    Ok(Json(json!({ "hosts": hosts.collect::<Vec<_>>(), "cursor": cursor })))
}

async fn add(State(app): State<Arc<App>>, body: Result<Json<HostBody>, JsonRejection>) -> Answer {
    let (host, _) = host(&app, body)?;
    app.hosts.add(&host).await?;
    Ok(Json(json!({})))
}

async fn ban(State(app): State<Arc<App>>, body: Result<Json<HostBody>, JsonRejection>) -> Answer {
    let (host, _) = host(&app, body)?;
    app.hosts.ban(&host).await?;
    tracing::warn!(%host, "banned");
    Ok(Json(json!({})))
}

async fn unban(State(app): State<Arc<App>>, body: Result<Json<HostBody>, JsonRejection>) -> Answer {
    let (host, _) = host(&app, body)?;
    app.hosts.unban(&host).await?;
    tracing::warn!(%host, "no longer banned");
    Ok(Json(json!({})))
}

async fn reset(State(app): State<Arc<App>>, body: Result<Json<HostBody>, JsonRejection>) -> Answer {
    let (host, cursor) = host(&app, body)?;
    let cursor = cursor.unwrap_or(0).max(0);
    app.hosts.reset(&host, cursor).await?;
    tracing::warn!(%host, cursor, "reset");
    Ok(Json(json!({})))
}

async fn takedowns(State(app): State<Arc<App>>) -> Answer {
    let dids = app.store.taken_down().await?;
    let dids: Vec<&str> = dids.iter().map(Did::as_str).collect();
    Ok(Json(json!({ "dids": dids })))
}

async fn take_down(
    State(app): State<Arc<App>>,
    body: Result<Json<AccountBody>, JsonRejection>,
) -> Answer {
    set_takedown(&app, body, true).await
}

async fn restore(
    State(app): State<Arc<App>>,
    body: Result<Json<AccountBody>, JsonRejection>,
) -> Answer {
    set_takedown(&app, body, false).await
}

async fn set_takedown(
    app: &App,
    body: Result<Json<AccountBody>, JsonRejection>,
    on: bool,
) -> Answer {
    let Json(AccountBody { did }) = body.map_err(|error| malformed(&error))?;
    if !app.take_down(&did, on).await? {
        return Err(XrpcError::not_found("RepoNotFound", format!("Could not find repo: {did}")));
    }
    tracing::warn!(%did, on, "takedown");
    Ok(Json(json!({})))
}

fn host(
    app: &App,
    body: Result<Json<HostBody>, JsonRejection>,
) -> Result<(Hostname, Option<i64>), XrpcError> {
    let Json(body) = body.map_err(|error| malformed(&error))?;
    let host = Hostname::parse(&body.hostname, app.hosts.policy())
        .map_err(|error| XrpcError::invalid_request(error.to_string()))?;
    Ok((host, body.cursor))
}

fn malformed(error: &JsonRejection) -> XrpcError {
    XrpcError::invalid_request(error.body_text())
}
