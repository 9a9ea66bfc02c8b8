//! The second port: `/healthz`, `/readyz`, `/metrics`.

use axum::{
    Json, Router,
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
    routing::get,
};
use serde_json::{Map, Value, json};

use crate::{Health, Service, metrics::Metrics};

#[derive(Clone)]
struct Admin {
    service: Service,
    health: Health,
    metrics: Metrics,
}

pub(crate) fn router(service: &Service, health: Health, metrics: Metrics) -> Router {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(scrape))
        .with_state(Admin { service: service.clone(), health, metrics })
}

/// Alive: the process answers. Says nothing of what it depends on.
async fn healthz(State(admin): State<Admin>) -> Json<Value> {
    Json(json!({ "service": admin.service.name, "version": admin.service.version }))
}

/// Ready: every condition holds; 503 names those that do not.
async fn readyz(State(admin): State<Admin>) -> impl IntoResponse {
    let report = admin.health.report();
    let ready = report.values().all(Result::is_ok);
    let conditions: Map<_, _> = report
        .into_iter()
        .map(|(name, state)| (name.to_owned(), state.map_or_else(Value::from, |()| "ok".into())))
        .collect();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({ "ready": ready, "conditions": conditions })))
}

async fn scrape(State(admin): State<Admin>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], admin.metrics.render())
}
