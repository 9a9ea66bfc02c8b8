use std::sync::Arc;

use atproto_core::identity::{FetchError, Resolver, SafeClient, SafeClientConfig, tls};

use super::{Inner, OAuthApp, OAuthClient, nonces::Nonces};
use crate::client::{
    Client, ClientBuilder,
    store::SessionStore,
    transport::{SafeTransport, Transport},
};

/// Options of an [`OAuthClient`].
#[derive(Clone)]
pub struct OAuthClientBuilder {
    app: OAuthApp,
    resolver: Arc<dyn Resolver>,
    store: Arc<dyn SessionStore>,
    transport: Option<Arc<dyn Transport>>,
    options: ClientBuilder,
    allow_loopback: bool,
}

impl OAuthClientBuilder {
    pub(super) fn new(
        app: OAuthApp,
        resolver: Arc<dyn Resolver>,
        store: Arc<dyn SessionStore>,
    ) -> Self {
        let options = Client::builder();
        Self { app, resolver, store, transport: None, options, allow_loopback: false }
    }

    /// Options of the clients of the accounts' hosts. Their transport is this client's.
    #[must_use]
    pub fn options(mut self, options: ClientBuilder) -> Self {
        self.options = options;
        self
    }

    /// Another way to the servers than the network with public addresses alone.
    #[must_use]
    pub fn transport(mut self, transport: impl Transport) -> Self {
        self.transport = Some(Arc::new(transport));
        self
    }

    /// For development: also servers on this machine, and in clear text. Default: no.
    #[must_use]
    pub fn allow_loopback(mut self, allow: bool) -> Self {
        self.allow_loopback = allow;
        self
    }

    /// The client.
    pub fn build(self) -> Result<OAuthClient, FetchError> {
        let transport = match self.transport {
            Some(transport) => transport,
            None => {
                let config = SafeClientConfig::default().allow_loopback(self.allow_loopback);
                Arc::new(SafeTransport::from(SafeClient::new(config)?))
            }
        };
        let options = self.options.tls(Arc::new(tls::client_config()));
        let inner = Inner {
            app: self.app,
            resolver: self.resolver,
            store: self.store,
            options: options.shared_transport(Arc::clone(&transport)),
            transport,
            allow_loopback: self.allow_loopback,
            nonces: Nonces::default(),
        };
        Ok(OAuthClient { inner: Arc::new(inner) })
    }
}

impl std::fmt::Debug for OAuthClientBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OAuthClientBuilder").field("app", &self.app).finish_non_exhaustive()
    }
}
