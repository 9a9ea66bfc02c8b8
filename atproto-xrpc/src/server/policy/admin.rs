use data_encoding::BASE64;
use http::request::Parts;

use super::{Credentials, Policy};
use crate::{XrpcError, auth::Secret};

/// The operator, by HTTP Basic with the user `admin`, and by a bearer token where one is set.
///
/// See [Admin token](https://atproto.com/specs/xrpc#admin-token).
#[derive(Debug, Clone)]
pub struct Admin {
    password: Secret,
    token: Option<Secret>,
}

impl Admin {
    /// Admits whoever knows the password. An empty one admits nobody.
    pub fn new(password: &str) -> Self {
        Self { password: Secret::new(password), token: None }
    }

    /// Admits whoever bears this token as well. It may be the password.
    #[must_use]
    pub fn bearer(mut self, token: &str) -> Self {
        self.token = Some(Secret::new(token));
        self
    }

    fn admits(&self, credentials: Credentials<'_>) -> bool {
        match credentials {
            Credentials::Basic(encoded) => {
                let decoded = BASE64.decode(encoded.as_bytes()).ok();
                let text = decoded.and_then(|bytes| String::from_utf8(bytes).ok());
                let pair = text.as_deref().and_then(|text| text.split_once(':'));
                pair.is_some_and(|(user, password)| user == USER && self.password.is(password))
            }
            Credentials::Bearer(given) => self.token.as_ref().is_some_and(|token| token.is(given)),
            Credentials::Dpop(_) => false,
        }
    }
}

impl Policy for Admin {
    type Proof = ();

    async fn authorize(&self, request: &Parts, _nsid: &str) -> Result<(), XrpcError> {
        if self.admits(Credentials::of(request)?) {
            return Ok(());
        }
        Err(XrpcError::unauthorized("AuthenticationRequired", "Invalid credentials"))
    }
}

const USER: &str = "admin";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ls_006_admin_is_basic_with_the_user_admin() {
        let basic = |admin: &Admin, text: &str| {
            admin.admits(Credentials::Basic(&BASE64.encode(text.as_bytes())))
        };
        let admin = Admin::new("secret");
        assert!(basic(&admin, "admin:secret"));
        for wrong in ["admin:secre", "root:secret", "admin", "admin:", ""] {
            assert!(!basic(&admin, wrong), "{wrong}");
        }
        assert!(!admin.admits(Credentials::Basic("%%%")));
        assert!(!basic(&Admin::new(""), "admin:"));
    }

    #[test]
    fn a_bearer_is_admitted_where_a_token_is_set() {
        let (plain, admin) = (Admin::new("secret"), Admin::new("secret").bearer("token"));
        assert!(admin.admits(Credentials::Bearer("token")));
        assert!(!admin.admits(Credentials::Bearer("secret")));
        assert!(!admin.admits(Credentials::Dpop("token")));
        assert!(!plain.admits(Credentials::Bearer("secret")));
        assert!(!Admin::new("secret").bearer("").admits(Credentials::Bearer("")));
    }
}
