//! `com.atproto.server.getServiceAuth`

use std::sync::Arc;

use atproto_core::syntax::{Did, Nsid};
use atproto_lexicons::com::atproto::server::{
    GetServiceAuth, GetServiceAuthError, GetServiceAuthOutput,
};
use atproto_xrpc::{
    XrpcError,
    auth::service::{DEFAULT_LIFETIME_SECONDS, MAX_LIFETIME_SECONDS, ServiceClaims},
    proxy::ProxyTarget,
    server::Context,
};

use crate::{
    app::App,
    auth::Caller,
    proxy::{is_privileged, is_protected},
};

/// The longest audience. Source: the lexicon of the method.
const MAX_AUDIENCE: usize = 2048;
/// What an account that has been taken down may still have a token for: moving away.
const LEAVE: &str = "com.atproto.server.createAccount";

pub(super) async fn handle(
    app: Arc<App>,
    context: Context<Caller>,
    params: GetServiceAuth,
) -> Result<GetServiceAuthOutput, XrpcError> {
    let caller = context.proof;
    check_audience(&params.aud)?;
    caller.may_call(params.lxm.as_ref(), &params.aud)?;
    check_method(&caller, &params)?;
    let method = params.lxm.as_ref().map(Nsid::as_str);
    let claims = ServiceClaims::new(caller.did.clone(), params.aud, method.unwrap_or_default());
    let lifetime = lifetime(params.exp, claims.iat, method.is_some())?;
    let claims = claims.with_lifetime(lifetime);
    let claims = if method.is_some() { claims } else { claims.for_any_method() };
    let token = app.sign_service_claims(&caller.did, &claims).await?;
    Ok(GetServiceAuthOutput::new(token))
}

fn check_audience(audience: &str) -> Result<(), XrpcError> {
    let well_formed = match audience.split_once('#') {
        None => Did::new(audience).is_ok(),
        Some(_) => ProxyTarget::parse(audience).is_ok(),
    };
    if audience.len() > MAX_AUDIENCE || !well_formed {
        return Err(XrpcError::invalid_request("aud must be a DID, or a DID with a service id"));
    }
    Ok(())
}

fn check_method(caller: &Caller, params: &GetServiceAuth) -> Result<(), XrpcError> {
    let Some(method) = &params.lxm else {
        return if caller.is_leaving() { Err(bad_scope()) } else { Ok(()) };
    };
    if is_protected(method) {
        return Err(XrpcError::invalid_request(format!(
            "cannot request a service auth token for the following protected method: {method}"
        )));
    }
    if caller.is_leaving() {
        return if method.as_str() == LEAVE { Ok(()) } else { Err(bad_scope()) };
    }
    if is_privileged(method) && !caller.is_privileged() {
        return Err(XrpcError::invalid_request(format!(
            "insufficient access to request a service auth token for the following method: {method}"
        )));
    }
    Ok(())
}

fn bad_scope() -> XrpcError {
    XrpcError::bad_request("InvalidToken", "Bad token scope")
}

/// How long the token lives: up to an hour for one method, up to a minute for any.
fn lifetime(exp: Option<i64>, now: u64, one_method: bool) -> Result<u64, GetServiceAuthError> {
    let Some(exp) = exp else { return Ok(DEFAULT_LIFETIME_SECONDS) };
    let bad = |message: &str| Err(GetServiceAuthError::BadExpiration(Some(message.to_owned())));
    let Some(seconds) = u64::try_from(exp).ok().and_then(|exp| exp.checked_sub(now)) else {
        return bad("expiration is in past");
    };
    if seconds > MAX_LIFETIME_SECONDS {
        return bad("cannot request a token with an expiration more than an hour in the future");
    }
    if !one_method && seconds > DEFAULT_LIFETIME_SECONDS {
        return bad(
            "cannot request a method-less token with an expiration more than a minute in the future",
        );
    }
    Ok(seconds)
}

#[cfg(test)]
mod tests {
    use super::{check_audience, lifetime};

    #[test]
    fn sa_012_the_expiry_is_bounded() {
        assert_eq!(lifetime(None, 1_000, false), Ok(60));
        assert_eq!(lifetime(Some(1_060), 1_000, false), Ok(60));
        assert!(lifetime(Some(1_061), 1_000, false).is_err());
        assert_eq!(lifetime(Some(4_600), 1_000, true), Ok(3_600));
        for late in [4_601, i64::MAX, 999, -1] {
            assert!(lifetime(Some(late), 1_000, true).is_err());
        }
    }

    #[test]
    fn sa_013_the_audience_is_a_did_with_or_without_a_service() {
        for good in ["did:web:a.example", "did:web:a.example#x"] {
            assert!(check_audience(good).is_ok());
        }
        let long = format!("did:web:a.example#{}", "x".repeat(2048));
        for bad in [
            "",
            "a.example",
            "did:web:a.example#",
            "did:web:a.example#x#y",
            "did:web:a.example#x y",
            long.as_str(),
        ] {
            assert!(check_audience(bad).is_err(), "{bad}");
        }
    }
}
