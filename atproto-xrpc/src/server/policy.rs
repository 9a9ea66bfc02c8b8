//! Who may call a route.

use std::{future::Future, sync::Arc};

use http::{header::AUTHORIZATION, request::Parts};

use crate::{
    XrpcError,
    auth::service::{ServiceProof, ServiceVerifier},
};

mod admin;
mod oauth;
mod session;

pub use admin::Admin;
pub use oauth::{OAuth, OAuthAccount, with_dpop_nonces};
pub use session::{AccessToken, RefreshToken};

/// Decides whether a request may pass, and what it proves about its caller.
///
/// Policies see the head of a request, never its body: nothing is read from callers that
/// have not been admitted.
pub trait Policy: Send + Sync + 'static {
    /// What a handler may rely on, as `Context::proof`.
    type Proof: Send + Sync + 'static;

    /// Admits the request or says why not.
    fn authorize(
        &self,
        request: &Parts,
        nsid: &str,
    ) -> impl Future<Output = Result<Self::Proof, XrpcError>> + Send;
}

impl<P: Policy> Policy for Arc<P> {
    type Proof = P::Proof;

    async fn authorize(&self, request: &Parts, nsid: &str) -> Result<P::Proof, XrpcError> {
        P::authorize(self, request, nsid).await
    }
}

/// Anybody. Credentials are not looked at.
#[derive(Debug, Clone, Copy, Default)]
pub struct Public;

impl Policy for Public {
    type Proof = ();

    async fn authorize(&self, _request: &Parts, _nsid: &str) -> Result<(), XrpcError> {
        Ok(())
    }
}

/// What an `Authorization` header holds.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Credentials<'a> {
    /// `Bearer TOKEN`
    Bearer(&'a str),
    /// `DPoP TOKEN`; the proof is in the header `DPoP`.
    Dpop(&'a str),
    /// `Basic …`, still encoded.
    Basic(&'a str),
}

impl<'a> Credentials<'a> {
    /// The request's credentials. None is 401 `AuthMissing`; a header that is repeated or
    /// of an unknown scheme is 401 `InvalidToken`.
    pub fn of(request: &'a Parts) -> Result<Self, XrpcError> {
        let mut lines = request.headers.get_all(AUTHORIZATION).iter();
        let line = lines.next().ok_or_else(XrpcError::auth_missing)?;
        let malformed = || XrpcError::invalid_token("Malformed authorization header");
        if lines.next().is_some() {
            return Err(malformed());
        }
        let (scheme, value) =
            line.to_str().ok().and_then(|line| line.split_once(' ')).ok_or_else(malformed)?;
        let value = value.trim();
        match scheme.to_ascii_lowercase().as_str() {
            _ if value.is_empty() => Err(malformed()),
            "bearer" => Ok(Self::Bearer(value)),
            "dpop" => Ok(Self::Dpop(value)),
            "basic" => Ok(Self::Basic(value)),
            _ => Err(XrpcError::invalid_token("Unexpected authorization type")),
        }
    }

    /// The token of a bearer; any other scheme is refused.
    pub fn bearer(self) -> Result<&'a str, XrpcError> {
        match self {
            Self::Bearer(token) => Ok(token),
            Self::Dpop(_) | Self::Basic(_) => {
                Err(XrpcError::invalid_token("Unexpected authorization type"))
            }
        }
    }
}

/// Checks the credentials of accounts; a server that has accounts implements it.
pub trait AccountVerifier: Send + Sync + 'static {
    /// What is proven of the account.
    type Account: Send + Sync + 'static;

    /// Accepts the credentials for this method or says why not.
    fn verify(
        &self,
        credentials: Credentials<'_>,
        request: &Parts,
        nsid: &str,
    ) -> impl Future<Output = Result<Self::Account, XrpcError>> + Send;
}

impl<V: AccountVerifier> AccountVerifier for Arc<V> {
    type Account = V::Account;

    async fn verify(
        &self,
        credentials: Credentials<'_>,
        request: &Parts,
        nsid: &str,
    ) -> Result<V::Account, XrpcError> {
        V::verify(self, credentials, request, nsid).await
    }
}

/// An account's owner, or a program that acts for them, as the verifier decides.
#[derive(Debug, Clone, Default)]
pub struct Account<V>(pub V);

impl<V: AccountVerifier> Policy for Account<V> {
    type Proof = V::Account;

    async fn authorize(&self, request: &Parts, nsid: &str) -> Result<V::Account, XrpcError> {
        self.0.verify(Credentials::of(request)?, request, nsid).await
    }
}

/// Another service, or an account through its PDS, by a service-auth token.
#[derive(Debug, Clone)]
pub struct Service(pub Arc<ServiceVerifier>);

impl Policy for Service {
    type Proof = ServiceProof;

    async fn authorize(&self, request: &Parts, nsid: &str) -> Result<ServiceProof, XrpcError> {
        let token = Credentials::of(request)?.bearer()?;
        Ok(self.0.verify(token, nsid).await?)
    }
}

/// Whoever the inner policy admits, and callers without credentials. Wrong credentials are
/// refused all the same.
#[derive(Debug, Clone, Default)]
pub struct Optional<P>(pub P);

impl<P: Policy> Policy for Optional<P> {
    type Proof = Option<P::Proof>;

    async fn authorize(&self, request: &Parts, nsid: &str) -> Result<Self::Proof, XrpcError> {
        if !request.headers.contains_key(AUTHORIZATION) {
            return Ok(None);
        }
        self.0.authorize(request, nsid).await.map(Some)
    }
}

/// Whoever one of two policies admits; the first is asked first.
///
/// The second is asked only when the first does not accept the credentials (401). What
/// the first refuses for another reason, such as a suspended account, stays refused.
#[derive(Debug, Clone, Default)]
pub struct Either<A, B>(pub A, pub B);

/// Which of two policies admitted a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OneOf<A, B> {
    /// The first did, with this proof.
    First(A),
    /// The second did, with this proof.
    Second(B),
}

impl<A: Policy, B: Policy> Policy for Either<A, B> {
    type Proof = OneOf<A::Proof, B::Proof>;

    async fn authorize(&self, request: &Parts, nsid: &str) -> Result<Self::Proof, XrpcError> {
        let refusal = match self.0.authorize(request, nsid).await {
            Ok(proof) => return Ok(OneOf::First(proof)),
            Err(error) if error.status == http::StatusCode::UNAUTHORIZED => error,
            Err(error) => return Err(error),
        };
        match self.1.authorize(request, nsid).await {
            Ok(proof) => Ok(OneOf::Second(proof)),
            // Two refusals: the one that recognised the token says more.
            Err(error) if refusal.error == "InvalidToken" => Err(error),
            Err(_) => Err(refusal),
        }
    }
}
