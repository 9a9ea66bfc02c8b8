//! From an account or a server to the authorization server.

use atproto_core::{
    identity::{DidDocument, Resolver},
    syntax::{AtIdentifier, Did, Handle},
};
use serde::Deserialize;
use url::Url;

use super::{OAuthError, wire};
use crate::{
    client::{builder, is_loopback, transport::Transport},
    oauth::ServerMetadata,
};

/// Finds authorization servers, and says which one an account has.
pub(super) struct Discovery<'a> {
    pub(super) transport: &'a dyn Transport,
    pub(super) resolver: &'a dyn Resolver,
    pub(super) allow_loopback: bool,
}

/// What a flow begins with.
pub(super) struct Start {
    /// The account, if it is known.
    pub(super) did: Option<Did>,
    pub(super) server: ServerMetadata,
}

/// What a host says of itself: RFC 9728.
#[derive(Deserialize)]
struct ProtectedResource {
    resource: String,
    #[serde(default)]
    authorization_servers: Vec<String>,
}

impl Discovery<'_> {
    /// The authorization server for a handle, a DID, or a server's URL.
    pub(super) async fn start(&self, input: &str) -> Result<Start, OAuthError> {
        if input.starts_with("https://") || input.starts_with("http://") {
            let url = self.origin(input).ok_or_else(|| OAuthError::Input(input.to_owned()))?;
            return Ok(Start { did: None, server: self.server_at(&url).await? });
        }
        let account = AtIdentifier::new(input);
        let account = account.map_err(|_| OAuthError::Input(input.to_owned()))?;
        let document = match &account {
            AtIdentifier::Did(did) => self.resolver.did(did).await?,
            AtIdentifier::Handle(handle) => self.document_of(handle).await?,
        };
        let host = self.host(&document)?;
        let issuer = self.issuer_of(&host).await?;
        Ok(Start { did: Some(document.id.clone()), server: self.server(&issuer).await? })
    }

    /// What an authorization server says of itself.
    pub(super) async fn server(&self, issuer: &str) -> Result<ServerMetadata, OAuthError> {
        let url = self.origin(issuer).ok_or_else(|| OAuthError::Input(issuer.to_owned()))?;
        let json = wire::document(self.transport, &at(&url, SERVER_METADATA)).await?;
        let read = if self.allow_loopback {
            ServerMetadata::read_local(issuer, &json)
        } else {
            ServerMetadata::read(issuer, &json)
        };
        Ok(read?)
    }

    /// The account's host, if this authorization server is the one that may speak for the
    /// account. What is remembered of an identity may be out of date, so that a refusal is
    /// given after asking anew.
    pub(super) async fn host_under(&self, did: &Did, issuer: &str) -> Result<Url, OAuthError> {
        match self.host_now(did, issuer).await {
            Err(OAuthError::NotAuthoritative { .. } | OAuthError::NoHost(_)) => {
                self.resolver.purge(did);
                self.host_now(did, issuer).await
            }
            answer => answer,
        }
    }

    async fn host_now(&self, did: &Did, issuer: &str) -> Result<Url, OAuthError> {
        let document = self.resolver.did(did).await?;
        let host = self.host(&document)?;
        if self.issuer_of(&host).await? != issuer {
            return Err(OAuthError::NotAuthoritative {
                did: did.clone(),
                issuer: issuer.to_owned(),
            });
        }
        Ok(host)
    }

    /// A server that a user names is a host or an authorization server.
    async fn server_at(&self, url: &Url) -> Result<ServerMetadata, OAuthError> {
        match self.issuer_of(url).await {
            Ok(issuer) => self.server(&issuer).await,
            Err(OAuthError::Document { .. }) => {
                self.server(&url.origin().ascii_serialization()).await
            }
            Err(error) => Err(error),
        }
    }

    async fn document_of(
        &self,
        handle: &Handle,
    ) -> Result<std::sync::Arc<DidDocument>, OAuthError> {
        let did = self.resolver.handle(handle).await?;
        let document = self.resolver.did(&did).await?;
        match document.handle() {
            Some(claimed) if claimed == *handle => Ok(document),
            _ => Err(OAuthError::Handle { handle: handle.clone(), did }),
        }
    }

    fn host(&self, document: &DidDocument) -> Result<Url, OAuthError> {
        let host = document.pds_endpoint().and_then(|host| self.origin(host));
        host.ok_or_else(|| OAuthError::NoHost(document.id.clone()))
    }

    /// The one authorization server that a host names.
    async fn issuer_of(&self, host: &Url) -> Result<String, OAuthError> {
        let url = at(host, PROTECTED_RESOURCE);
        let wrong = |reason| OAuthError::Document { url: url.to_string(), reason };
        let json = wire::document(self.transport, &url).await?;
        let document: ProtectedResource =
            serde_json::from_slice(&json).map_err(|_| wrong("it does not describe a resource"))?;
        let resource = self.origin(&document.resource);
        if resource.is_none_or(|resource| resource != *host) {
            return Err(wrong("it describes another resource"));
        }
        let [issuer] = &document.authorization_servers[..] else {
            return Err(wrong("it does not name one authorization server"));
        };
        let is_origin = |url: &Url| url.origin().ascii_serialization() == *issuer;
        match self.origin(issuer).filter(is_origin) {
            Some(_) => Ok(issuer.clone()),
            None => Err(wrong("its authorization server is no origin")),
        }
    }

    /// The URL of a server: `https`, or in development of this machine.
    fn origin(&self, text: &str) -> Option<Url> {
        let is_safe =
            |url: &Url| url.scheme() == "https" || self.allow_loopback && is_loopback(url);
        builder::service_url(text).filter(is_safe)
    }
}

fn at(origin: &Url, path: &str) -> Url {
    let mut url = origin.clone();
    url.set_path(path);
    url
}

const PROTECTED_RESOURCE: &str = "/.well-known/oauth-protected-resource";
const SERVER_METADATA: &str = "/.well-known/oauth-authorization-server";
