//! Logging in by OAuth: the user agrees at their own server, and no password is seen.
//!
//! ```no_run
//! # use std::sync::Arc;
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! use atproto_core::identity::{HttpResolver, HttpResolverConfig};
//! use atproto_xrpc::{
//!     Session,
//!     client::{oauth::{LoopbackListener, OAuthApp, OAuthClient}, store::FileStore},
//! };
//!
//! let listener = LoopbackListener::bind().await?;
//! let scopes = "atproto repo:com.example.note".parse()?;
//! let app = OAuthApp::localhost(listener.redirect_uri().clone(), scopes)?;
//! let resolver = Arc::new(HttpResolver::new(HttpResolverConfig::default())?);
//! let oauth = OAuthClient::builder(app, resolver, Arc::new(FileStore::new("sessions.json"))).build()?;
//!
//! let flow = oauth.authorize("alice.example").await?;
//! println!("open {}", flow.url);
//! let login = oauth.callback(&listener.callback().await?).await?;
//! println!("{} granted {}", login.session.did(), login.session.state().scope);
//! # Ok(()) }
//! ```
//!
//! A flow begins with an account or a server; [discovery](OAuthClient::authorize) leads to the
//! authorization server. Whatever comes back is checked against what was asked: the server
//! that the callback is from, the account, and that the server is the one that the account's
//! own identity names. Addresses that strangers choose are asked by a
//! [`SafeTransport`](super::transport::SafeTransport); redirects are not followed.
//!
//! See the [OAuth specification](https://atproto.com/specs/oauth).

mod abandoned;
mod app;
mod assertion;
mod authorize;
mod builder;
mod callback;
mod discovery;
mod error;
mod loopback;
mod nonces;
mod session;
mod state;
mod token;
mod wire;

use std::sync::Arc;

use atproto_core::{crypto::Signer, identity::Resolver, syntax::Did};
use url::Url;

use super::{
    ClientBuilder,
    store::{SavedSession, SessionStore},
    transport::Transport,
};
use crate::oauth::ServerMetadata;
use discovery::Discovery;
use nonces::Nonces;

pub use app::OAuthApp;
pub use authorize::{AuthorizeOptions, Flow};
pub use builder::OAuthClientBuilder;
pub use callback::Login;
pub use error::{OAuthError, Refusal};
pub use loopback::{LoopbackError, LoopbackListener};
pub use session::OAuthSession;
pub use state::OAuthState;

/// Begins, completes and takes up logins of an app. Cloning is cheap.
#[derive(Clone)]
pub struct OAuthClient {
    inner: Arc<Inner>,
}

struct Inner {
    app: OAuthApp,
    resolver: Arc<dyn Resolver>,
    store: Arc<dyn SessionStore>,
    transport: Arc<dyn Transport>,
    options: ClientBuilder,
    allow_loopback: bool,
    nonces: Nonces,
}

impl OAuthClient {
    /// Options for a client of this app. Identities come from the resolver, flows and
    /// sessions are kept in the store.
    pub fn builder(
        app: OAuthApp,
        resolver: Arc<dyn Resolver>,
        store: Arc<dyn SessionStore>,
    ) -> OAuthClientBuilder {
        OAuthClientBuilder::new(app, resolver, store)
    }

    /// The app.
    pub fn app(&self) -> &OAuthApp {
        &self.inner.app
    }

    /// Takes up the session of an account, if the store has one by OAuth. Nothing is sent
    /// until the first call.
    pub async fn restore(&self, did: &Did) -> Result<Option<OAuthSession>, OAuthError> {
        match SavedSession::load(&*self.inner.store, did).await? {
            Some(SavedSession::OAuth(state)) => Ok(Some(OAuthSession::new(&self.inner, state)?)),
            _ => Ok(None),
        }
    }
}

impl Inner {
    fn discovery(&self) -> Discovery<'_> {
        Discovery {
            transport: &*self.transport,
            resolver: &*self.resolver,
            allow_loopback: self.allow_loopback,
        }
    }

    /// Sends a form in the app's name, once more if the server wants another nonce.
    async fn post(
        &self,
        server: &ServerMetadata,
        endpoint: &Url,
        client_id: &str,
        fields: &[(&str, &str)],
        key: &dyn Signer,
    ) -> Result<Vec<u8>, OAuthError> {
        match self.post_once(server, endpoint, client_id, fields, key).await {
            Err(error) if error.name() == Some(USE_NONCE) => {
                self.post_once(server, endpoint, client_id, fields, key).await
            }
            answer => answer,
        }
    }

    async fn post_once(
        &self,
        server: &ServerMetadata,
        endpoint: &Url,
        client_id: &str,
        fields: &[(&str, &str)],
        key: &dyn Signer,
    ) -> Result<Vec<u8>, OAuthError> {
        let mut form = fields.to_vec();
        form.push(("client_id", client_id));
        let assertion = match &self.app.key {
            Some(key) => Some(assertion::sign(key, client_id, &server.issuer)?),
            None => None,
        };
        if let Some(assertion) = &assertion {
            form.push(("client_assertion_type", assertion::TYPE));
            form.push(("client_assertion", assertion));
        }
        wire::post_form(&*self.transport, &self.nonces, endpoint, &form, key).await
    }
}

impl std::fmt::Debug for OAuthClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OAuthClient").field("app", &self.inner.app).finish_non_exhaustive()
    }
}

/// The error that asks for a proof with the nonce that came along: RFC 9449, section 8.
const USE_NONCE: &str = "use_dpop_nonce";
