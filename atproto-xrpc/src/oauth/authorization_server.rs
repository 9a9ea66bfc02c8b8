//! An authorization server, in pieces: what a PDS needs so that apps can ask its users for
//! access.
//!
//! ```text
//!  app                       AuthorizationServer              the server's own pages
//!   │ POST /oauth/par ──────▶ push: client, proof, scopes            │
//!   │ ◀── request_uri                                                │
//!   └ sends the user ─────────────────────────────────▶ GET /oauth/authorize
//!                             authorize ◀──────────────── who asks, for what?
//!                             accept, or deny ◀────────── the user's word
//!   ┌ code, state, iss ◀───────────────────────────────── redirect
//!   │ POST /oauth/token ────▶ token: code, verifier, proof
//!   │ ◀── access and refresh token, sub, scope
//!   │ a request, DPoP ──────▶ introspect: what may it?
//! ```
//!
//! [`AuthorizationServer`] holds the rules, and gets the time as an argument. What it remembers
//! goes through an [`AuthorizationStore`], what clients publish comes
//! through [`FetchDocument`]. [`http`] puts it behind the paths of its metadata; the pages, and
//! finding out who the user is, are the server's that mounts it.
//!
//! What is hard, and where it is held:
//! - of two requests with one code or one refresh token, one wins: the store's verbs are atomic;
//! - a code or a refresh token that comes twice has leaked, and ends the session;
//! - proofs are checked before anything is used up, since a client that has to take a new nonce
//!   sends the very same request again;
//! - a confidential client keeps to the key of its first request; when its metadata lose that
//!   key, the session ends at the next refresh.
//!
//! See the [OAuth specification](https://atproto.com/specs/oauth).

mod access_token;
mod authorize;
mod client_assertion;
mod client_keys;
mod clients;
mod error;
mod fetch;
mod fingerprint;
mod form;
pub mod http;
mod lifetimes;
mod metadata;
mod permission_sets;
mod request;
pub mod store;
mod token;

use std::{fmt, sync::Arc};

use atproto_core::{crypto::Signer, syntax::Did};
use futures::future::BoxFuture;
use serde::Serialize;
use serde_json::Value;
use url::Url;

use super::{DpopNonces, DpopRequest, DpopVerifier, Grant, Scopes};

pub use access_token::{AccessClaims, AccessTokenError, AccessTokens, Confirmation};
pub use authorize::{Consent, Redirect};
pub use client_assertion::{ASSERTION_TYPE, AssertionError, ClientAssertion};
pub use client_keys::{ClientKeys, MAX_CLIENT_KEYS};
pub use clients::{CLIENT_CACHE_CAPACITY, CLIENT_RETRY_SECONDS, Client, Clients, UnknownClient};
pub use error::{OAuthError, OAuthErrorCode};
pub use fetch::{Document, FetchDocument, FetchFailure};
pub use fingerprint::Fingerprint;
pub use form::{Form, MAX_FORM_BYTES, MAX_FORM_FIELDS};
pub use lifetimes::*;
pub use metadata::paths;
pub use permission_sets::{NoSets, PermissionSets};
pub use request::MAX_STATE_BYTES;
pub use token::TokenAnswer;

use permission_sets::Resolved;
use store::{AuthorizationStore, ClientKey, Memory, Session, StoreError};

/// The rules of an authorization server that is also the server its tokens are for.
pub struct AuthorizationServer {
    issuer: String,
    tokens: AccessTokens,
    store: Arc<dyn AuthorizationStore>,
    clients: Clients,
    sets: Arc<dyn PermissionSets>,
    gate: Arc<dyn AccountGate>,
    dpop: Arc<DpopVerifier>,
}

/// Says whether an account may be used at all: not one that has been taken down.
pub trait AccountGate: Send + Sync + 'static {
    /// Whether apps may have tokens for it.
    fn admits<'a>(&'a self, account: &'a Did) -> BoxFuture<'a, Result<bool, StoreError>>;
}

/// Every account.
#[derive(Debug, Clone, Copy, Default)]
pub struct EveryAccount;

impl AccountGate for EveryAccount {
    fn admits<'a>(&'a self, _account: &'a Did) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(std::future::ready(Ok(true)))
    }
}

/// A text that is no origin: a scheme, a host, perhaps a port, and nothing else.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no origin")]
pub struct NoOrigin(pub String);

/// The answer to a pushed request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Pushed {
    /// What the client names the request by. It can be used once.
    pub request_uri: String,
    /// For how many seconds it is there.
    pub expires_in: u64,
}

/// What an access token allows, now.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Introspection {
    /// What the token says.
    pub claims: AccessClaims,
    /// Its session.
    pub session: Session,
    /// What it allows.
    pub grant: Grant,
}

impl AuthorizationServer {
    /// A server at this origin (without a slash at the end), for the service with this DID,
    /// whose tokens are signed by `signer`: with P-256, which all readers know.
    pub fn new(
        issuer: &str,
        service: &Did,
        signer: Arc<dyn Signer>,
        store: Arc<dyn AuthorizationStore>,
        fetch: Arc<dyn FetchDocument>,
    ) -> Result<Self, NoOrigin> {
        let url = Url::parse(issuer).map_err(|_| NoOrigin(issuer.to_owned()))?;
        if url.origin().ascii_serialization() != issuer {
            return Err(NoOrigin(issuer.to_owned()));
        }
        Ok(Self {
            issuer: issuer.to_owned(),
            tokens: AccessTokens::new(signer, issuer, service),
            store,
            clients: Clients::new(fetch),
            sets: Arc::new(NoSets),
            gate: Arc::new(EveryAccount),
            dpop: Arc::new(DpopVerifier::new(DpopNonces::generate())),
        })
    }

    /// The same server, which finds permission sets there.
    #[must_use]
    pub fn permission_sets(mut self, sets: Arc<dyn PermissionSets>) -> Self {
        self.sets = sets;
        self
    }

    /// The same server, which asks there whether an account may be used.
    #[must_use]
    pub fn account_gate(mut self, gate: Arc<dyn AccountGate>) -> Self {
        self.gate = gate;
        self
    }

    /// The same server with another verifier of proofs: for several processes that share the
    /// secret of their nonces.
    #[must_use]
    pub fn dpop(mut self, verifier: Arc<DpopVerifier>) -> Self {
        self.dpop = verifier;
        self
    }

    /// Its origin.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// What it remembers: for listing and ending sessions.
    pub fn store(&self) -> &Arc<dyn AuthorizationStore> {
        &self.store
    }

    /// The clients that it knows.
    pub fn clients(&self) -> &Clients {
        &self.clients
    }

    /// What its answers carry as `DPoP-Nonce`, at a time in Unix seconds.
    pub fn nonce(&self, now: u64) -> String {
        self.dpop.nonces().current(now)
    }

    /// The document at [`paths::SERVER_METADATA`].
    pub fn metadata(&self) -> Value {
        metadata::server(&self.issuer)
    }

    /// The document at [`paths::RESOURCE_METADATA`].
    pub fn resource_metadata(&self) -> Value {
        metadata::resource(&self.issuer)
    }

    /// The document at [`paths::JWKS`].
    pub fn jwks(&self) -> Value {
        self.tokens.jwks()
    }

    /// A request that an app pushes ahead of its user: RFC 9126. `proof` is its `DPoP` header.
    pub async fn push(
        &self,
        form: &Form<'_>,
        proof: Option<&str>,
        now: u64,
    ) -> Result<Pushed, OAuthError> {
        let jkt = self.prove("POST", paths::PAR, proof, now)?;
        let (client, key) = self.authenticate(form, now).await?;
        let request = request::read(form, &client, key, jkt, now)?;
        Resolved::of(&request.scopes, self.sets.as_ref()).await?;
        let state = Fingerprint::of_all(&[&request.client_id, &request.state]);
        if !self.store.remember(Memory::State, state, request.expires, now).await? {
            return Err(OAuthError::request("`state` was used before"));
        }
        let id = fingerprint::secret();
        self.store.add_request(Fingerprint::of(&id), request, now).await?;
        Ok(Pushed { request_uri: format!("{REQUEST_URI}{id}"), expires_in: REQUEST_SECONDS })
    }

    /// Gives a token back, which ends its session: RFC 7009. A token that is none, or another
    /// client's, is passed over in silence.
    pub async fn revoke(
        &self,
        form: &Form<'_>,
        proof: Option<&str>,
        now: u64,
    ) -> Result<(), OAuthError> {
        if proof.is_some() {
            self.prove("POST", paths::REVOKE, proof, now)?;
        }
        let (client, _) = self.authenticate(form, now).await?;
        let token = form.require("token")?;
        let session = match self.tokens.verify_expired(token) {
            Ok(claims) => self.store.session(&claims.sid, now).await?,
            Err(_) => match self.store.present_refresh_token(Fingerprint::of(token), now).await? {
                store::Presented::Current(session) => Some(*session),
                _ => None,
            },
        };
        let client_id = client.metadata.client_id.to_string();
        if let Some(session) = session.filter(|session| session.client_id == client_id) {
            self.store.end_session(&session.id).await?;
        }
        Ok(())
    }

    /// What an access token allows: it is valid, its session is there, and it is the session's
    /// current one. Whether the app's key is at hand is for [`introspect`](Self::introspect)'s
    /// caller to have seen proven: `jkt` is the thumbprint of that key.
    pub async fn introspect(
        &self,
        token: &str,
        jkt: &str,
        now: u64,
    ) -> Result<Introspection, OAuthError> {
        let refused =
            |why: &dyn fmt::Display| OAuthError::new(OAuthErrorCode::InvalidToken, why.to_string());
        let claims = self.tokens.verify(token, now).map_err(|error| refused(&error))?;
        if claims.cnf.jkt != jkt {
            return Err(refused(&"the access token is bound to another key"));
        }
        let session = self.store.session(&claims.sid, now).await?;
        let session = session.filter(|session| {
            session.token_id == claims.jti && session.account == claims.sub && session.jkt == jkt
        });
        let session = session.ok_or_else(|| refused(&"the access token has been revoked"))?;
        let grant = Grant::new(session.granted.clone());
        Ok(Introspection { claims, session, grant })
    }

    /// Verifies the proof of a request to the server that the tokens are for.
    pub(crate) fn prove_use(
        &self,
        method: &str,
        path: &str,
        proof: Option<&str>,
        token: &str,
        now: u64,
    ) -> Result<String, OAuthError> {
        self.verify_proof(method, path, proof, Some(token), now)
    }

    fn prove(
        &self,
        method: &str,
        path: &str,
        proof: Option<&str>,
        now: u64,
    ) -> Result<String, OAuthError> {
        self.verify_proof(method, path, proof, None, now)
    }

    fn verify_proof(
        &self,
        method: &str,
        path: &str,
        proof: Option<&str>,
        access_token: Option<&str>,
        now: u64,
    ) -> Result<String, OAuthError> {
        let missing = || {
            OAuthError::new(OAuthErrorCode::InvalidDpopProof, "one `DPoP` header has to be there")
        };
        let proof = proof.ok_or_else(missing)?;
        let url = Url::parse(&format!("{}{path}", self.issuer)).map_err(OAuthError::fault)?;
        let request = DpopRequest { method, url: &url, access_token };
        Ok(self.dpop.verify(proof, &request, now)?.jkt)
    }

    /// Finds out which client asks, and with which key if it is confidential.
    async fn authenticate(
        &self,
        form: &Form<'_>,
        now: u64,
    ) -> Result<(Arc<Client>, Option<ClientKey>), OAuthError> {
        let client = self.client(form.require("client_id")?, now).await?;
        let Some(keys) = &client.keys else {
            if form.get("client_assertion").is_some() {
                return Err(OAuthError::client("a public client does not authenticate itself"));
            }
            return Ok((client, None));
        };
        let assertion = form.get("client_assertion").filter(|_| {
            form.get("client_assertion_type").is_some_and(|name| name == ASSERTION_TYPE)
        });
        let assertion =
            assertion.ok_or_else(|| OAuthError::client("a client assertion is missing"))?;
        let id = client.metadata.client_id.to_string();
        let verified = ClientAssertion::verify(assertion, &id, keys, &self.issuer, now)
            .map_err(|error| OAuthError::client(error.to_string()))?;
        let jti = Fingerprint::of_all(&[&id, &verified.jti]);
        let is_new =
            self.store.remember(Memory::ClientAssertion, jti, verified.expires, now).await?;
        if !is_new {
            return Err(OAuthError::client("the client assertion was used before"));
        }
        Ok((client, Some(verified.key)))
    }

    async fn client(&self, id: &str, now: u64) -> Result<Arc<Client>, OAuthError> {
        let found = self.clients.find(id, now).await;
        found.map_err(|error| OAuthError::client(error.to_string()))
    }

    /// What scopes allow now, permission sets written out.
    async fn grant(&self, scopes: &Scopes) -> Result<Grant, OAuthError> {
        Ok(Resolved::of(scopes, self.sets.as_ref()).await?.grant(scopes)?)
    }

    async fn require_account(&self, account: &Did) -> Result<(), OAuthError> {
        if self.gate.admits(account).await? {
            return Ok(());
        }
        Err(OAuthError::grant("the account cannot be used"))
    }
}

impl fmt::Debug for AuthorizationServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorizationServer").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

/// What precedes the id of a pushed request: RFC 9126, section 2.2.
const REQUEST_URI: &str = "urn:ietf:params:oauth:request_uri:";
