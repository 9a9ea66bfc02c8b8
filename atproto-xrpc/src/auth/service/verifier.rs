use std::sync::Arc;

use atproto_core::{
    crypto::PublicKey,
    identity::{ResolveError, Resolver},
    syntax::Did,
};

use super::{
    super::{
        clock::unix_now,
        jwt::{JwtError, Unverified},
        refresh::RefreshGuard,
        replay::{ReplayTable, Use},
    },
    MAX_LIFETIME_SECONDS, ServiceClaims, TYP,
};
use crate::XrpcError;

/// How far clocks may differ. Ours: 30 s.
const LEEWAY_SECONDS: u64 = 30;

/// Tokens remembered against replay. Ours: 262,144, some 40 MB when full.
const REPLAY_CAPACITY: usize = 1 << 18;

/// The longest `jti` that is accepted. Ours: 256 bytes; they are nonces.
const MAX_JTI_BYTES: usize = 256;

/// The key that signs unless the header says otherwise.
const DEFAULT_KEY: &str = "atproto";

/// What a verified service token proves.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServiceProof {
    /// Who calls.
    pub iss: Did,
    /// As whom this service was called: one of its configured audiences.
    pub aud: String,
    /// The method that was called.
    pub lxm: String,
}

/// Why a service token is refused.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ServiceAuthError {
    /// The token is for another service.
    #[error("jwt audience does not match service did")]
    Audience,
    /// The token has expired.
    #[error("jwt expired")]
    Expired,
    /// The issuer could not be resolved, or its document has no such key.
    #[error("could not find the key of the jwt issuer")]
    Issuer(#[source] Option<Arc<ResolveError>>),
    /// The header names a key that is not accepted here.
    #[error("jwt is signed with a key that is not accepted here")]
    KeyId,
    /// The token lives longer than one hour.
    #[error("jwt lifetime is too long")]
    Lifetime,
    /// The token is for another method, or for any.
    #[error("bad jwt lexicon method (\"lxm\")")]
    Method,
    /// Nothing of this kind can be read or verified.
    #[error("{0}")]
    Malformed(#[from] JwtError),
    /// The token's time has not come.
    #[error("jwt is not valid yet")]
    NotYetValid,
    /// The token has been used before.
    #[error("jwt has been used before")]
    Replayed,
    /// Too many tokens are in use to remember this one.
    #[error("too many tokens in use")]
    TooManyTokens,
    /// The token is of another kind, such as an access token.
    #[error("invalid jwt type")]
    Type,
}

/// Verifies service tokens for one service.
pub struct ServiceVerifier {
    resolver: Arc<dyn Resolver>,
    audiences: Vec<String>,
    key_ids: Vec<String>,
    max_lifetime: u64,
    replay: ReplayTable,
    refresh: RefreshGuard,
}

impl ServiceVerifier {
    /// A verifier for a service that goes by these audiences, each a DID or a DID with a
    /// service id. They are compared whole: a bare DID admits no token for `did#service`,
    /// nor the other way round. List both to accept both.
    pub fn new(
        resolver: Arc<dyn Resolver>,
        audiences: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        Self {
            resolver,
            audiences: audiences.into_iter().map(Into::into).collect(),
            key_ids: vec![DEFAULT_KEY.to_owned()],
            max_lifetime: MAX_LIFETIME_SECONDS,
            replay: ReplayTable::new(REPLAY_CAPACITY),
            refresh: RefreshGuard::default(),
        }
    }

    /// The same verifier, accepting a further key of its issuers, such as `#atproto_labeler`.
    #[must_use]
    pub fn accept_key(mut self, key_id: &str) -> Self {
        self.key_ids.push(key_id.trim_start_matches('#').to_owned());
        self
    }

    /// The same verifier with another bound on `exp - iat`, in seconds.
    #[must_use]
    pub fn max_lifetime(mut self, seconds: u64) -> Self {
        self.max_lifetime = seconds;
        self
    }

    /// The same verifier, remembering so many tokens against replay. One issuer may have a
    /// sixteenth of them in use at a time.
    #[must_use]
    pub fn replay_capacity(mut self, tokens: usize) -> Self {
        self.replay = ReplayTable::new(tokens);
        self
    }

    /// Verifies a token for a call of this method. Each token passes once.
    pub async fn verify(
        &self,
        token: &str,
        method: &str,
    ) -> Result<ServiceProof, ServiceAuthError> {
        self.verify_at(token, method, unix_now()).await
    }

    /// As [`verify`](Self::verify), at another time than now (in Unix seconds).
    pub async fn verify_at(
        &self,
        token: &str,
        method: &str,
        now: u64,
    ) -> Result<ServiceProof, ServiceAuthError> {
        let token = Unverified::parse(token)?;
        let key_id = self.key_id(&token)?;
        let claims: ServiceClaims = token.claims()?;
        self.check(&claims, method, now)?;
        let jti = claims.jti.filter(|jti| (1..=MAX_JTI_BYTES).contains(&jti.len()));
        let jti = jti.ok_or(JwtError::Claims)?;
        self.check_signature(&token, &claims.iss, &key_id).await?;
        // Last, so that only the issuer can use a token up.
        let last_second = claims.exp.saturating_add(LEEWAY_SECONDS);
        match self.replay.note(claims.iss.as_str(), &jti, last_second, now) {
            Use::First => {}
            Use::Repeated => return Err(ServiceAuthError::Replayed),
            Use::Full => return Err(ServiceAuthError::TooManyTokens),
        }
        Ok(ServiceProof { iss: claims.iss, aud: claims.aud, lxm: method.to_owned() })
    }

    fn key_id(&self, token: &Unverified<'_>) -> Result<String, ServiceAuthError> {
        if token.header().typ.as_deref() != Some(TYP) {
            return Err(ServiceAuthError::Type);
        }
        let Some(kid) = token.header().kid.as_deref() else { return Ok(DEFAULT_KEY.to_owned()) };
        let known = kid.strip_prefix('#').filter(|kid| self.key_ids.iter().any(|id| id == kid));
        known.map(ToOwned::to_owned).ok_or(ServiceAuthError::KeyId)
    }

    fn check(
        &self,
        claims: &ServiceClaims,
        method: &str,
        now: u64,
    ) -> Result<(), ServiceAuthError> {
        if now >= claims.exp.saturating_add(LEEWAY_SECONDS) {
            return Err(ServiceAuthError::Expired);
        }
        let begins = claims.iat.max(claims.nbf.unwrap_or_default());
        if begins > now.saturating_add(LEEWAY_SECONDS) {
            return Err(ServiceAuthError::NotYetValid);
        }
        if claims.exp.saturating_sub(claims.iat) > self.max_lifetime {
            return Err(ServiceAuthError::Lifetime);
        }
        if !self.audiences.contains(&claims.aud) {
            return Err(ServiceAuthError::Audience);
        }
        if claims.lxm.as_deref() != Some(method) {
            return Err(ServiceAuthError::Method);
        }
        Ok(())
    }

    /// Checks the signature; if it does not match, asks for the issuer's document anew, once:
    /// the key may have been rotated.
    async fn check_signature(
        &self,
        token: &Unverified<'_>,
        issuer: &Did,
        key_id: &str,
    ) -> Result<(), ServiceAuthError> {
        let first = self.key(issuer, key_id).await;
        let refusal = match &first {
            Ok(key) => match token.verify(key) {
                Ok(()) => return Ok(()),
                Err(error) => ServiceAuthError::from(error),
            },
            Err(error @ ServiceAuthError::Issuer(None)) => error.clone(),
            Err(error) => return Err(error.clone()),
        };
        if !self.refresh.may(issuer) {
            return Err(refusal);
        }
        self.resolver.purge(issuer);
        let second = self.key(issuer, key_id).await?;
        if first.is_ok_and(|first| first == second) {
            return Err(refusal);
        }
        Ok(token.verify(&second)?)
    }

    async fn key(&self, issuer: &Did, key_id: &str) -> Result<PublicKey, ServiceAuthError> {
        let document = self.resolver.did(issuer).await;
        let document = document.map_err(|error| ServiceAuthError::Issuer(Some(Arc::new(error))))?;
        document.key(key_id).map_err(|_| ServiceAuthError::Issuer(None))
    }
}

impl std::fmt::Debug for ServiceVerifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServiceVerifier")
            .field("audiences", &self.audiences)
            .field("key_ids", &self.key_ids)
            .finish_non_exhaustive()
    }
}

/// The names are those of the reference implementation, where it has one.
impl From<ServiceAuthError> for XrpcError {
    fn from(error: ServiceAuthError) -> Self {
        use ServiceAuthError as E;
        let name = match &error {
            E::Audience => "BadJwtAudience",
            E::Expired => "ExpiredToken",
            E::Malformed(JwtError::Signature | JwtError::Algorithm) => "BadJwtSignature",
            E::Method => "BadJwtLexiconMethod",
            E::Type => "BadJwtType",
            E::Issuer(Some(cause)) if cause.is_transient() => {
                return Self::upstream_failure("the issuer's DID could not be resolved");
            }
            E::TooManyTokens => return Self::unavailable(error.to_string()),
            _ => "InvalidToken",
        };
        Self::unauthorized(name, error.to_string())
    }
}
