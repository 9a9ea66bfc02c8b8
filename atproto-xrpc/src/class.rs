//! The classes of this crate's errors.

#[cfg(feature = "server")]
mod authorization_server;
#[cfg(feature = "client")]
mod client;
#[cfg(feature = "server")]
mod server;
#[cfg(any(feature = "client", feature = "server"))]
mod shared;

use atproto_core::{Class, Classify, classify};

use crate::{
    XrpcError,
    auth::{
        jwt::JwtError,
        service::ServiceAuthError,
        session::{SessionTokenError, ShortSecret},
    },
    query_string::QueryError,
};

classify!(Auth: JwtError, SessionTokenError);
classify!(Client: QueryError, ShortSecret);

impl Classify for XrpcError {
    fn class(&self) -> Class {
        match &*self.error {
            "AuthMissing" | "ExpiredToken" | "InvalidToken" => Class::Auth,
            "InvalidSwap" => Class::Conflict,
            _ => Class::of_status(self.status.as_u16(), self.retry_after()),
        }
    }
}

impl Classify for ServiceAuthError {
    fn class(&self) -> Class {
        match self {
            // Nobody knows yet whether the token is good.
            Self::Issuer(Some(error)) if error.is_transient() => error.class(),
            Self::TooManyTokens => Class::RateLimited { retry_after: None },
            _ => Class::Auth,
        }
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;

    #[test]
    fn what_a_server_says_decides_before_its_status() {
        let class =
            |status: u16, name| XrpcError::new(StatusCode::from_u16(status).unwrap(), name).class();
        assert_eq!(class(400, "ExpiredToken"), Class::Auth);
        assert_eq!(class(400, "InvalidSwap"), Class::Conflict);
        assert_eq!(class(400, "InvalidRequest"), Class::Client);
        assert_eq!(class(502, "UpstreamFailure"), Class::UpstreamUnavailable);
        let retry_after = Some(std::time::Duration::from_secs(7));
        let limited = XrpcError::rate_limited(std::time::Duration::from_secs(7));
        assert_eq!(limited.class(), Class::RateLimited { retry_after });
    }
}
