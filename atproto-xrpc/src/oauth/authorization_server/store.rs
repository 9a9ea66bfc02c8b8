//! What an authorization server remembers.
//!
//! [`AuthorizationStore`] has a verb for each step, and each verb is atomic: of two tasks that
//! consume one code, one gets it. Secrets never come here, only their [`Fingerprint`]s. Times
//! are Unix seconds and come from the caller; what has expired at `now` is not there.
//!
//! [`contract`] holds what every implementation has to keep, as functions that panic.

pub mod contract;
mod memory;
#[cfg(feature = "sqlite")]
mod sqlite;

use atproto_core::syntax::Did;
use futures::future::BoxFuture;

use super::Fingerprint;
use crate::oauth::Scopes;

pub use memory::{MEMORY_CAPACITY, MemoryStore};
#[cfg(feature = "sqlite")]
pub use sqlite::{SQLITE_CAPACITY, SqliteStore};

/// The answer of a verb.
pub type Stored<'a, T> = BoxFuture<'a, Result<T, StoreError>>;

/// The storage of an authorization server.
pub trait AuthorizationStore: Send + Sync + 'static {
    /// Stores a pushed request until it expires.
    fn add_request(&self, id: Fingerprint, request: StoredRequest, now: u64) -> Stored<'_, ()>;

    /// Reads a pushed request for the browser that it belongs to: the first that asks. Another
    /// browser does not get it.
    fn open_request(
        &self,
        id: Fingerprint,
        browser: Fingerprint,
        now: u64,
    ) -> Stored<'_, Option<StoredRequest>>;

    /// Consumes a pushed request that was denied. Only for the browser that opened it.
    fn take_request(
        &self,
        id: Fingerprint,
        browser: Fingerprint,
        now: u64,
    ) -> Stored<'_, Option<StoredRequest>>;

    /// Consumes a pushed request that was accepted, and stores its code. Only for the browser
    /// that opened it.
    fn approve_request(
        &self,
        id: Fingerprint,
        browser: Fingerprint,
        approval: Approval,
        now: u64,
    ) -> Stored<'_, Option<StoredRequest>>;

    /// Consumes a code. The second time ends the session that was made from it, and keeps one
    /// from being made.
    fn consume_code(&self, code: Fingerprint, now: u64) -> Stored<'_, CodeUse>;

    /// Begins a session from a code that was consumed. `false`, and nothing is stored, when the
    /// code came a second time meanwhile.
    fn begin_session(
        &self,
        code: Fingerprint,
        session: Session,
        refresh: Option<Fingerprint>,
        now: u64,
    ) -> Stored<'_, bool>;

    /// A session, by its id.
    fn session(&self, id: &str, now: u64) -> Stored<'_, Option<Session>>;

    /// Looks a refresh token up. One that was used before ends its session.
    fn present_refresh_token(&self, token: Fingerprint, now: u64) -> Stored<'_, Presented>;

    /// Exchanges a refresh token for the next. A token that was used before ends its session.
    fn rotate_session(
        &self,
        token: Fingerprint,
        renewal: Renewal,
        now: u64,
    ) -> Stored<'_, Rotation>;

    /// Ends a session; whether there was one.
    fn end_session(&self, id: &str) -> Stored<'_, bool>;

    /// The sessions of an account, the oldest first.
    fn sessions_of(&self, account: &Did, now: u64) -> Stored<'_, Vec<Session>>;

    /// Ends all sessions of an account; how many there were. Codes that the account has given
    /// and that no session was made from yet are forgotten: none will be.
    fn end_sessions_of(&self, account: &Did) -> Stored<'_, usize>;

    /// Remembers something until it expires; whether it is new.
    fn remember(&self, kind: Memory, id: Fingerprint, expires: u64, now: u64) -> Stored<'_, bool>;

    /// Removes what has expired; how much it was. Verbs do not depend on it.
    fn expire(&self, now: u64) -> Stored<'_, usize>;
}

/// A request as a client has pushed it, checked.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct StoredRequest {
    /// Who asks.
    pub client_id: String,
    /// The key by which the client has authenticated itself, if it is confidential.
    pub client_key: Option<ClientKey>,
    /// Where the user is sent back to.
    pub redirect_uri: String,
    /// How the answer is put into that address.
    pub response_mode: ResponseMode,
    /// What is asked for.
    pub scopes: Scopes,
    /// What the client finds its own side of the flow by.
    pub state: String,
    /// The challenge of PKCE, method `S256`.
    pub code_challenge: String,
    /// The account that is meant, as a handle or a DID.
    pub login_hint: Option<String>,
    /// The thumbprint of the key that tokens will be bound to.
    pub jkt: String,
    /// From when on it is not there.
    pub expires: u64,
}

/// How an answer is put into the redirect address: OAuth 2.0 Multiple Response Type Encoding
/// Practices, section 2.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum ResponseMode {
    /// After `?`.
    #[default]
    Query,
    /// After `#`: not seen by the client's server.
    Fragment,
}

impl ResponseMode {
    /// As requests write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Fragment => "fragment",
        }
    }

    /// Reads what [`as_str`](Self::as_str) writes.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Query, Self::Fragment].into_iter().find(|mode| mode.as_str() == name)
    }
}

/// The key of a confidential client; a session keeps to one for its whole life.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientKey {
    /// Its name in the client's key set.
    pub kid: String,
    /// Its algorithm.
    pub alg: String,
    /// Its thumbprint.
    pub jkt: String,
}

impl ClientKey {
    /// A key.
    pub fn new(kid: impl Into<String>, alg: impl Into<String>, jkt: impl Into<String>) -> Self {
        Self { kid: kid.into(), alg: alg.into(), jkt: jkt.into() }
    }
}

/// The user's word on a request.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Approval {
    /// Whose account it is.
    pub account: Did,
    /// The code that the client gets.
    pub code: Fingerprint,
    /// From when on the code is not there.
    pub code_expires: u64,
}

impl Approval {
    /// A word on a request.
    pub fn new(account: Did, code: Fingerprint, code_expires: u64) -> Self {
        Self { account, code, code_expires }
    }
}

/// What a code is exchanged for.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Authorization {
    /// What was asked for.
    pub request: StoredRequest,
    /// Whose account it is.
    pub account: Did,
}

impl Authorization {
    /// An authorization.
    pub fn new(request: StoredRequest, account: Did) -> Self {
        Self { request, account }
    }
}

/// What consuming a code leads to.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum CodeUse {
    /// It was there, and is used now.
    First(Box<Authorization>),
    /// It was used before. The session that was made from it, if any, has ended now.
    Reused,
    /// There is no such code, or it has expired.
    Unknown,
}

/// What an app may do with an account, for some time.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Session {
    /// Its name: in access tokens, and on the page where the user ends it.
    pub id: String,
    /// Whose account it is.
    pub account: Did,
    /// The app.
    pub client_id: String,
    /// The key by which the app authenticated itself at the beginning.
    pub client_key: Option<ClientKey>,
    /// The thumbprint of the key that tokens are bound to.
    pub jkt: String,
    /// What the user has agreed to, with the names of permission sets.
    pub approved: Scopes,
    /// What the access token allows, permission sets written out.
    pub granted: Scopes,
    /// The `jti` of the access token: of one session one is valid at a time.
    pub token_id: String,
    /// When it began.
    pub began: u64,
    /// When its tokens were made.
    pub renewed: u64,
    /// Until when it can be refreshed, and is there.
    pub expires: u64,
}

impl Session {
    /// A session that begins now.
    pub fn new(
        id: impl Into<String>,
        account: Did,
        request: &StoredRequest,
        granted: Scopes,
        token_id: impl Into<String>,
        now: u64,
        expires: u64,
    ) -> Self {
        Self {
            id: id.into(),
            account,
            client_id: request.client_id.clone(),
            client_key: request.client_key.clone(),
            jkt: request.jkt.clone(),
            approved: request.scopes.clone(),
            granted,
            token_id: token_id.into(),
            began: now,
            renewed: now,
            expires,
        }
    }
}

/// What a refresh changes in a session.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Renewal {
    /// The next refresh token.
    pub refresh: Fingerprint,
    /// The `jti` of the next access token.
    pub token_id: String,
    /// What the next access token allows.
    pub granted: Scopes,
    /// Until when the session can be refreshed again.
    pub expires: u64,
}

impl Renewal {
    /// A change.
    pub fn new(
        refresh: Fingerprint,
        token_id: impl Into<String>,
        granted: Scopes,
        expires: u64,
    ) -> Self {
        Self { refresh, token_id: token_id.into(), granted, expires }
    }
}

/// What a refresh token is.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Presented {
    /// The current one of this session.
    Current(Box<Session>),
    /// One that was used before. Its session has ended now.
    Reused,
    /// There is no such token, or its session is over.
    Unknown,
}

/// What exchanging a refresh token leads to.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Rotation {
    /// The session, renewed.
    Renewed(Box<Session>),
    /// The token was used before. Its session has ended now.
    Reused,
    /// There is no such token, or its session is over.
    Unknown,
}

/// What is remembered so that it does not come twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Memory {
    /// The `jti` of a client assertion.
    ClientAssertion,
    /// A code challenge of PKCE.
    CodeChallenge,
    /// A client's `state`.
    State,
}

impl Memory {
    /// A word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ClientAssertion => "client-assertion",
            Self::CodeChallenge => "code-challenge",
            Self::State => "state",
        }
    }
}

/// Why a verb was not done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// What is stored does not have the form that was stored.
    #[error("the authorization store is corrupt: {0}")]
    Corrupt(String),
    /// So much is stored that this does not fit.
    #[error("the authorization store is full")]
    Full,
    /// The database failed.
    #[error("the authorization store failed")]
    Database(#[source] Box<dyn std::error::Error + Send + Sync>),
}
