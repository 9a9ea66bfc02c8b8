//! All endpoints of the server.

use std::{future::Future, sync::Arc};

use atproto_xrpc::server::{Router, RouterConfig};
use axum::middleware;
use service_kit::Shutdown;

use crate::{app::App, repo, sync};

/// The server's HTTP interface.
pub fn router(app: &Arc<App>, shutdown: &Shutdown) -> axum::Router {
    let config = RouterConfig::default()
        .catalog(Arc::clone(&app.catalog))
        .shutdown(shutdown.token());
    let router = Router::new(config);
    let router = repo::routes(router, app);
    let router = sync::routes(router, app);
    router.into_router().layer(middleware::from_fn(service_kit::http::observe))
}

/// Gives a handler the server's state as its first argument.
pub(crate) fn with<C, I, F, Fut>(app: &Arc<App>, handler: F) -> impl Fn(C, I) -> Fut + use<C, I, F, Fut>
where
    F: Fn(Arc<App>, C, I) -> Fut,
    Fut: Future,
{
    let app = Arc::clone(app);
    move |context, input| handler(Arc::clone(&app), context, input)
}
