use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;

use super::{
    ClientId, Scope, ScopeError, Scopes,
    client_id::{LocalhostQuery, has_no_extras, is_loopback},
};

/// The longest client metadata in bytes. Ours: a document has one or two thousand.
pub const MAX_METADATA_BYTES: usize = 64 << 10;

/// What an app says of itself, checked: [OAuth specification, "Client ID Metadata
/// Document"](https://atproto.com/specs/oauth#client-id-metadata-document).
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ClientMetadata {
    /// Who it is.
    pub client_id: ClientId,
    /// In a browser or not.
    pub application_type: ApplicationType,
    /// Where the user is sent back to; at least one.
    pub redirect_uris: Vec<Url>,
    /// What it may ask for.
    pub scopes: Scopes,
    /// Whether it may refresh its tokens.
    pub refreshes: bool,
    /// How it authenticates itself.
    pub authentication: ClientAuthentication,
    /// Its name for people. Nobody has checked that it is not another's.
    pub client_name: Option<String>,
    /// Its home page, on the host of its id.
    pub client_uri: Option<Url>,
}

/// Where an app runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ApplicationType {
    /// In a browser, or on a server.
    #[default]
    Web,
    /// On a device.
    Native,
}

/// How an app authenticates itself.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum ClientAuthentication {
    /// Not at all: a public client.
    None,
    /// By a signature of one of these keys, a JWK set.
    Keys(Value),
    /// By a signature of one of the keys found there.
    KeysAt(Url),
}

/// Why client metadata is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The client id is none.
    #[error("the client id is not valid: {0}")]
    ClientId(&'static str),
    /// Longer than [`MAX_METADATA_BYTES`].
    #[error("the client metadata has more than {MAX_METADATA_BYTES} bytes")]
    TooLarge,
    /// It is not JSON, or fields are missing or of another kind.
    #[error("the client metadata is not valid: {0}")]
    Json(String),
    /// `client_id` is not the address of the document.
    #[error("the metadata is that of `{0}`")]
    OtherClient(String),
    /// `grant_types` without `authorization_code`, or with others than that and
    /// `refresh_token`.
    #[error("the grant types have to be `authorization_code`, and may be `refresh_token`")]
    GrantTypes,
    /// `response_types` without `code`, or with others.
    #[error("the response type has to be `code`")]
    ResponseTypes,
    /// `dpop_bound_access_tokens` is not true.
    #[error("access tokens have to be bound by DPoP")]
    Dpop,
    /// `scope` is none, or without `atproto`.
    #[error("the scope is not valid: {0}")]
    Scope(ScopeError),
    /// `scope` is without `atproto`.
    #[error("the scope has to include `atproto`")]
    NoAtproto,
    /// There is no redirect address.
    #[error("there is no redirect address")]
    NoRedirect,
    /// A redirect address that the app may not have.
    #[error("`{0}` cannot be redirected to")]
    RedirectUri(String),
    /// The method is neither `none` nor `private_key_jwt`.
    #[error("a client cannot authenticate itself by `{0}`")]
    AuthenticationMethod(String),
    /// `private_key_jwt` without keys, with two places of keys, or by no signature; or keys
    /// without it.
    #[error("the client's keys are not valid: {0}")]
    Keys(&'static str),
    /// An address for people that is not `https:`, or a home page on another host.
    #[error("`{0}` cannot be shown to people")]
    PageUri(String),
}

/// The document as it is written.
#[derive(Debug, Deserialize)]
struct Document {
    client_id: String,
    #[serde(default)]
    application_type: ApplicationType,
    grant_types: Vec<String>,
    scope: String,
    response_types: Vec<String>,
    redirect_uris: Vec<String>,
    token_endpoint_auth_method: Option<String>,
    token_endpoint_auth_signing_alg: Option<String>,
    #[serde(default)]
    dpop_bound_access_tokens: bool,
    jwks: Option<Value>,
    jwks_uri: Option<String>,
    client_name: Option<String>,
    client_uri: Option<String>,
    logo_uri: Option<String>,
    tos_uri: Option<String>,
    policy_uri: Option<String>,
}

impl ClientMetadata {
    /// Reads the document that was found at the address of a client id.
    pub fn read(client_id: ClientId, json: &[u8]) -> Result<Self, ClientError> {
        if json.len() > MAX_METADATA_BYTES {
            return Err(ClientError::TooLarge);
        }
        let document: Document =
            serde_json::from_slice(json).map_err(|error| ClientError::Json(error.to_string()))?;
        if document.client_id != client_id.url().as_str() {
            return Err(ClientError::OtherClient(document.client_id));
        }
        document.check(client_id)
    }

    /// The metadata of an app on the developer's own machine.
    pub fn of_localhost(client_id: ClientId) -> Result<Self, ClientError> {
        let ClientId::Localhost(url) = &client_id else {
            return Err(ClientError::ClientId("not `http://localhost`"));
        };
        let LocalhostQuery { scopes, redirect_uris } = LocalhostQuery::read(url)?;
        Ok(Self {
            scopes: with_atproto(scopes)?,
            redirect_uris,
            client_id,
            application_type: ApplicationType::Native,
            refreshes: true,
            authentication: ClientAuthentication::None,
            client_name: None,
            client_uri: None,
        })
    }

    /// Whether the user may be sent back to an address. The port of one on the user's own
    /// machine is chosen when the app starts, so that it may be any.
    pub fn admits_redirect(&self, address: &str) -> bool {
        let Ok(asked) = Url::parse(address) else { return false };
        let without_port = |url: &Url| {
            let mut url = url.clone();
            url.set_port(None).ok().map(|()| url)
        };
        self.redirect_uris.iter().any(|declared| {
            let is_same_but_port = || without_port(declared) == without_port(&asked);
            declared.as_str() == address
                || is_loopback(declared) && is_loopback(&asked) && is_same_but_port()
        })
    }
}

impl Document {
    fn check(self, client_id: ClientId) -> Result<ClientMetadata, ClientError> {
        let admitted = |grant: &String| GRANT_TYPES.contains(&grant.as_str());
        let has = |grant: &str| self.grant_types.iter().any(|found| found == grant);
        if !has(GRANT_TYPES[0]) || !self.grant_types.iter().all(admitted) {
            return Err(ClientError::GrantTypes);
        }
        if self.response_types != ["code"] {
            return Err(ClientError::ResponseTypes);
        }
        if !self.dpop_bound_access_tokens {
            return Err(ClientError::Dpop);
        }
        Ok(ClientMetadata {
            application_type: self.application_type,
            redirect_uris: self.redirects(&client_id)?,
            scopes: with_atproto(self.scope.parse().map_err(ClientError::Scope)?)?,
            refreshes: has(GRANT_TYPES[1]),
            authentication: self.authentication()?,
            client_uri: self.pages(&client_id)?,
            client_name: self.client_name,
            client_id,
        })
    }

    fn redirects(&self, client_id: &ClientId) -> Result<Vec<Url>, ClientError> {
        if self.redirect_uris.is_empty() {
            return Err(ClientError::NoRedirect);
        }
        let read = |text: &String| {
            let url = Url::parse(text).ok().filter(|url| self.admits(url, text, client_id));
            url.ok_or_else(|| ClientError::RedirectUri(text.clone()))
        };
        self.redirect_uris.iter().map(read).collect()
    }

    /// Web clients name any host: their own document says so. Native ones have the origin of
    /// their id, and a scheme that is its host backwards.
    fn admits(&self, url: &Url, text: &str, client_id: &ClientId) -> bool {
        match (url.scheme(), self.application_type) {
            ("https", ApplicationType::Web) => url.domain().is_some() && has_no_extras(url),
            ("https", ApplicationType::Native) => {
                url.origin() == client_id.url().origin() && has_no_extras(url)
            }
            ("http", ApplicationType::Native) => is_loopback(url),
            (scheme, ApplicationType::Native) => {
                let reversed: Vec<_> = client_id.host().rsplit('.').collect();
                let path = text.strip_prefix(scheme).and_then(|rest| rest.strip_prefix(":/"));
                scheme == reversed.join(".") && path.is_some_and(|path| !path.starts_with('/'))
            }
            _ => false,
        }
    }

    fn authentication(&self) -> Result<ClientAuthentication, ClientError> {
        let has_keys = self.jwks.is_some() || self.jwks_uri.is_some();
        match self.token_endpoint_auth_method.as_deref() {
            None | Some("none") if has_keys => Err(ClientError::Keys("they are not used")),
            None | Some("none") => Ok(ClientAuthentication::None),
            Some("private_key_jwt") => self.keys(),
            Some(other) => Err(ClientError::AuthenticationMethod(other.to_owned())),
        }
    }

    fn keys(&self) -> Result<ClientAuthentication, ClientError> {
        if self.token_endpoint_auth_signing_alg.as_deref().is_none_or(|alg| alg == "none") {
            return Err(ClientError::Keys("no signature algorithm is named"));
        }
        match (&self.jwks, &self.jwks_uri) {
            (Some(keys), None) => {
                let has_any =
                    keys.get("keys").and_then(Value::as_array).is_some_and(|keys| !keys.is_empty());
                match has_any {
                    true => Ok(ClientAuthentication::Keys(keys.clone())),
                    false => Err(ClientError::Keys("the set has none")),
                }
            }
            (None, Some(address)) => page(address).map(ClientAuthentication::KeysAt),
            (None, None) => Err(ClientError::Keys("there are none")),
            (Some(_), Some(_)) => Err(ClientError::Keys("they are in two places")),
        }
    }

    /// The home page; the other pages are checked and left.
    fn pages(&self, client_id: &ClientId) -> Result<Option<Url>, ClientError> {
        for address in [&self.logo_uri, &self.tos_uri, &self.policy_uri].into_iter().flatten() {
            page(address)?;
        }
        let Some(address) = &self.client_uri else { return Ok(None) };
        match page(address)? {
            url if url.host_str() == Some(client_id.host()) => Ok(Some(url)),
            _ => Err(ClientError::PageUri(address.clone())),
        }
    }
}

fn page(address: &str) -> Result<Url, ClientError> {
    let url = Url::parse(address).ok().filter(|url| url.scheme() == "https");
    url.ok_or_else(|| ClientError::PageUri(address.to_owned()))
}

fn with_atproto(scopes: Scopes) -> Result<Scopes, ClientError> {
    if scopes.contains(&Scope::Atproto) { Ok(scopes) } else { Err(ClientError::NoAtproto) }
}

const GRANT_TYPES: [&str; 2] = ["authorization_code", "refresh_token"];
