use atproto_core::identity::DidDocument;
use axum::{
    body::Bytes,
    response::{IntoResponse, Response},
    routing::get,
};
use http::header::CONTENT_TYPE;

use super::cors;

/// The route by which a service with a did:web of its own makes its document known: its keys,
/// and where it is to be called.
///
/// ```
/// use atproto_core::{identity::DidDocument, syntax::Did};
/// use atproto_xrpc::server::{Router, RouterConfig, did_web};
///
/// let document = DidDocument::new(Did::new("did:web:api.example")?)
///     .with_service("bsky_appview", "BskyAppView", "https://api.example");
/// let app = Router::new(RouterConfig::default()).into_router().merge(did_web(&document));
/// # Ok::<_, atproto_core::syntax::SyntaxError>(())
/// ```
///
/// See [did:web in AT Protocol](https://atproto.com/specs/did).
pub fn did_web(document: &DidDocument) -> axum::Router {
    let json = Bytes::from(document.to_json().to_string());
    axum::Router::new().route(
        PATH,
        get(move || async move {
            let mut response = ([(CONTENT_TYPE, "application/json")], json).into_response();
            cors::open(Response::headers_mut(&mut response));
            response
        }),
    )
}

const PATH: &str = "/.well-known/did.json";
