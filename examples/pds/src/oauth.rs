//! Apps that ask for access: the authorization server, and the pages on which users answer.
//!
//! The pages are plain HTML and need no script. A user signs in for each request; what is
//! between the sign-in and the answer is in the page itself, signed, bound to the browser, and
//! good for a quarter of an hour.

mod answer;
mod browser;
mod consent;
mod html;
mod page;
mod sessions;
mod sets;
mod sign_in;
mod ticket;
mod words;

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use atproto_core::{identity::SafeClient, lexicon::Catalog, syntax::Did};
use atproto_xrpc::{
    XrpcError,
    oauth::authorization_server::{
        AccountGate, AuthorizationServer, http, paths,
        store::{SqliteStore, StoreError},
    },
    server::client_address,
};
use axum::{
    Router,
    extract::{Request, State},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use futures::future::BoxFuture;

use crate::{
    accounts::{Accounts, Status},
    app::App,
    config::Config,
    secrets::Secrets,
};

use sets::Sets;

/// How often what has expired is removed.
const EXPIRE: Duration = Duration::from_secs(600);

/// The authorization server that the options ask for. Blocking.
pub(crate) fn server(
    config: &Config,
    service_did: &Did,
    secrets: &Secrets,
    accounts: &Accounts,
    client: &SafeClient,
    catalog: &Arc<Catalog>,
) -> anyhow::Result<Arc<AuthorizationServer>> {
    let store = SqliteStore::open(config.data_directory.join("oauth.sqlite"))?;
    let server = AuthorizationServer::new(
        &config.public_url(),
        service_did,
        Arc::clone(&secrets.oauth_key) as _,
        Arc::new(store),
        Arc::new(client.clone()),
    );
    let server = server.context("the public URL")?;
    let sets = Sets::new(config, Arc::clone(catalog))?;
    let gate = Gate(accounts.clone());
    Ok(Arc::new(server.permission_sets(Arc::new(sets)).account_gate(Arc::new(gate))))
}

/// The routes: what programs ask, and the pages.
pub(crate) fn router(app: &Arc<App>) -> Router {
    let pages = Router::new()
        .route(paths::AUTHORIZE, get(consent::begin))
        .route(sign_in::PATH, post(consent::signed_in))
        .route(answer::PATH, post(answer::handle))
        .route(sessions::PATH, get(sessions::begin).post(sessions::list))
        .route(sessions::END, post(sessions::end))
        .route(page::STYLE, get(page::style))
        .with_state(Arc::clone(app));
    http::routes(Arc::clone(&app.oauth))
        .merge(pages)
        .layer(from_fn_with_state(Arc::clone(app), limited))
}

/// Removes what has expired, from time to time.
pub(crate) async fn expire(app: Arc<App>) {
    let mut ticks = tokio::time::interval(EXPIRE);
    loop {
        ticks.tick().await;
        if let Err(error) = app.oauth.store().expire(now()).await {
            tracing::error!(%error, "expired sessions of apps could not be removed");
        }
    }
}

impl App {
    /// Ends the sessions of all apps with an account.
    pub(crate) async fn end_apps(&self, did: &Did) -> Result<(), XrpcError> {
        self.oauth.store().end_sessions_of(did).await.map(drop).map_err(XrpcError::internal)
    }
}

/// Accounts that have been taken down or deleted get no tokens.
struct Gate(Accounts);

impl AccountGate for Gate {
    fn admits<'a>(&'a self, account: &'a Did) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(async move {
            let found = self.0.by_did(account).await;
            let found = found.map_err(|error| StoreError::Database(Box::new(error)))?;
            let present = [Status::Active, Status::Deactivated];
            Ok(found.is_some_and(|account| present.contains(&account.status)))
        })
    }
}

/// The same limit on the requests of one address as for methods.
async fn limited(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let trusted = &app.config.trusted_proxies;
    let address = client_address(request.headers(), request.extensions(), trusted);
    if let (Some(limiter), Some(address)) = (app.auth.limits.requests(), address)
        && let Err(error) = limiter.spend_address(address)
    {
        return error.into_response();
    }
    next.run(request).await
}

fn now() -> u64 {
    crate::app::now_micros() / 1_000_000
}
