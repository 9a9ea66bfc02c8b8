//! All endpoints of the server.

use std::{future::Future, sync::Arc};

use atproto_xrpc::server::{Router, RouterConfig, with_dpop_nonces};
use axum::middleware;
use service_kit::Shutdown;

use crate::{admin, app::App, identity, oauth, preferences, proxy, repo, server, sync, well_known};

/// The server's HTTP interface.
pub fn router(app: &Arc<App>, shutdown: &Shutdown) -> axum::Router {
    let mut config = RouterConfig::default()
        .catalog(Arc::clone(&app.catalog))
        .shutdown(shutdown.token())
        .continue_trace(service_kit::extract)
        .trusted_proxies(app.config.trusted_proxies.iter().copied());
    config.rate_limit = app.auth.limits.requests();
    let router = Router::new(config);
    let router = repo::routes(router, app);
    let router = sync::routes(router, app);
    let router = server::routes(router, app);
    let router = identity::routes(router, app);
    let router = admin::routes(router, app);
    let router = preferences::routes(router, app);
    let router = proxy::routes(router, app).into_router();
    let router = with_dpop_nonces(router, Arc::clone(&app.oauth));
    router
        .merge(well_known::router(app))
        .merge(oauth::router(app))
        .layer(middleware::from_fn(service_kit::http::observe))
}

/// Gives a handler the server's state as its first argument.
pub(crate) fn with<C, I, F, Fut>(
    app: &Arc<App>,
    handler: F,
) -> impl Fn(C, I) -> Fut + use<C, I, F, Fut>
where
    F: Fn(Arc<App>, C, I) -> Fut,
    Fut: Future,
{
    let app = Arc::clone(app);
    move |context, input| handler(Arc::clone(&app), context, input)
}
