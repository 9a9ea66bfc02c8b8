//! The HTTP API.

mod actor;
mod feed;
mod graph;
mod identity;
mod image;
mod notification;
mod service;

use std::{future::Future, sync::Arc};

use atproto_core::syntax::Did;
use atproto_lexicons::{
    app::bsky::{
        actor::{GetProfile, GetProfiles, SearchActorsTypeahead},
        feed::{GetAuthorFeed, GetLikes, GetPostThread, GetPosts, GetTimeline},
        graph::{GetFollowers, GetFollows},
        notification::{GetUnreadCount, ListNotifications, UpdateSeen},
    },
    com::atproto::identity::ResolveHandle,
};
use atproto_xrpc::{
    XrpcError,
    auth::service::ServiceProof,
    server::{Context, Optional, Public, Router, RouterConfig, Service},
};
use axum::routing::get;

use crate::{
    app::App,
    query::{Cursor, Page},
};

/// Everything that the AppView serves on its public port.
pub(crate) fn router(app: &Arc<App>, config: RouterConfig) -> axum::Router {
    let account = Service(Arc::clone(&app.verifier));
    let anyone = Optional(account.clone());
    let xrpc = Router::new(config)
        .query::<GetProfile, _>(anyone.clone(), bind(app, actor::get_profile))
        .query::<GetProfiles, _>(anyone.clone(), bind(app, actor::get_profiles))
        .query::<SearchActorsTypeahead, _>(anyone.clone(), bind(app, actor::typeahead))
        .query::<GetTimeline, _>(account.clone(), bind(app, feed::get_timeline))
        .query::<GetAuthorFeed, _>(anyone.clone(), bind(app, feed::get_author_feed))
        .query::<GetPostThread, _>(anyone.clone(), bind(app, feed::get_post_thread))
        .query::<GetPosts, _>(anyone.clone(), bind(app, feed::get_posts))
        .query::<GetLikes, _>(anyone.clone(), bind(app, feed::get_likes))
        .query::<GetFollows, _>(anyone.clone(), bind(app, graph::get_follows))
        .query::<GetFollowers, _>(anyone, bind(app, graph::get_followers))
        .query::<GetUnreadCount, _>(account.clone(), bind(app, notification::get_unread_count))
        .query::<ListNotifications, _>(account.clone(), bind(app, notification::list))
        .procedure::<UpdateSeen, _>(account, bind(app, notification::update_seen))
        .query::<ResolveHandle, _>(Public, bind(app, identity::resolve_handle))
        .into_router();
    let plain = axum::Router::new()
        .route("/", get(service::banner))
        .route("/xrpc/_health", get(service::health))
        .route("/.well-known/did.json", get(service::did_document))
        .route("/img/{did}/{cid}", get(image::show))
        .with_state(Arc::clone(app));
    plain.merge(xrpc)
}

/// Gives a handler the application.
fn bind<C, I, Fut: Future>(
    app: &Arc<App>,
    handler: impl Fn(Arc<App>, C, I) -> Fut + Send + Sync + 'static,
) -> impl Fn(C, I) -> Fut + Send + Sync + 'static {
    let app = Arc::clone(app);
    move |context, input| handler(Arc::clone(&app), context, input)
}

/// A request that may be anonymous.
type Anyone = Context<Option<ServiceProof>>;
/// A request of an account, passed on by its PDS.
type Account = Context<ServiceProof>;

fn viewer(context: &Anyone) -> Option<Did> {
    context.proof.as_ref().map(|proof| proof.iss.clone())
}

/// The page that a request asks for. The lexicon bounds `limit`.
fn page(limit: i64, cursor: Option<&str>) -> Result<Page, XrpcError> {
    let cursor: Option<Cursor> = cursor
        .map(str::parse)
        .transpose()
        .map_err(|_| XrpcError::invalid_request("Malformed cursor"))?;
    Ok(Page::new(usize::try_from(limit.clamp(1, 100)).unwrap_or(1), cursor))
}
