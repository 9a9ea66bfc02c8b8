use serde::Deserialize;
use url::{Host, Url};

/// The longest server metadata in bytes. Ours: a document has some two thousand.
pub const MAX_SERVER_METADATA_BYTES: usize = 64 << 10;

/// What an authorization server says of itself, checked: [OAuth specification,
/// "Authorization Servers"](https://atproto.com/specs/oauth#authorization-servers).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerMetadata {
    /// The server's origin, without a slash at the end.
    pub issuer: String,
    /// Where users are sent to.
    pub authorization_endpoint: Url,
    /// Where requests are pushed to before that.
    pub pushed_authorization_request_endpoint: Url,
    /// Where codes become tokens.
    pub token_endpoint: Url,
    /// Where tokens are given back, if there is such a place.
    pub revocation_endpoint: Option<Url>,
    /// What can be asked for; `atproto` is among it.
    pub scopes_supported: Vec<String>,
    /// How clients may sign DPoP proofs; ES256 is among it.
    pub dpop_signing_alg_values_supported: Vec<String>,
}

/// Why server metadata is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// Longer than [`MAX_SERVER_METADATA_BYTES`].
    #[error("the server metadata has more than {MAX_SERVER_METADATA_BYTES} bytes")]
    TooLarge,
    /// It is not JSON, or fields are missing or of another kind.
    #[error("the server metadata is not valid: {0}")]
    Json(String),
    /// The origin asked for is none: `https`, and nothing after the host and port.
    #[error("`{0}` is no origin of an authorization server")]
    Origin(String),
    /// `issuer` is not the origin that the document was found at, letter by letter.
    #[error("the metadata is that of `{0}`")]
    OtherIssuer(String),
    /// An endpoint that is not `https:`, or lies elsewhere than the issuer.
    #[error("`{name}` cannot be `{address}`")]
    Endpoint {
        /// The field.
        name: &'static str,
        /// What stands there.
        address: String,
    },
    /// Something that every server has to support, or to say.
    #[error("`{0}` is not what the profile asks for")]
    Unsupported(&'static str),
}

/// The document as it is written.
#[derive(Debug, Deserialize)]
struct Document {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    pushed_authorization_request_endpoint: String,
    revocation_endpoint: Option<String>,
    response_types_supported: Vec<String>,
    grant_types_supported: Vec<String>,
    code_challenge_methods_supported: Vec<String>,
    token_endpoint_auth_methods_supported: Vec<String>,
    token_endpoint_auth_signing_alg_values_supported: Vec<String>,
    scopes_supported: Vec<String>,
    dpop_signing_alg_values_supported: Vec<String>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
    #[serde(default)]
    require_pushed_authorization_requests: bool,
    #[serde(default)]
    client_id_metadata_document_supported: bool,
}

impl ServerMetadata {
    /// Reads the document that was found under `/.well-known/oauth-authorization-server` of
    /// an origin, for example `https://auth.example.com`.
    ///
    /// The endpoints have to be of that origin: whoever can write the document of one host
    /// is not to send codes and proofs to another.
    pub fn read(origin: &str, json: &[u8]) -> Result<Self, ServerError> {
        Self::read_if(origin, json, |url| url.scheme() == "https")
    }

    /// The same for development, where the origin may also be `http:` and of this machine.
    pub fn read_local(origin: &str, json: &[u8]) -> Result<Self, ServerError> {
        let is_local = |url: &Url| match url.host() {
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            Some(Host::Domain(name)) => name == "localhost",
            None => false,
        };
        Self::read_if(origin, json, |url| match url.scheme() {
            "http" => is_local(url),
            scheme => scheme == "https",
        })
    }

    fn read_if(
        origin: &str,
        json: &[u8],
        admits: impl FnOnce(&Url) -> bool,
    ) -> Result<Self, ServerError> {
        if json.len() > MAX_SERVER_METADATA_BYTES {
            return Err(ServerError::TooLarge);
        }
        let url = Url::parse(origin).ok().filter(admits);
        let is_origin = |url: &Url| url.origin().ascii_serialization() == origin;
        let url = url.filter(is_origin).ok_or_else(|| ServerError::Origin(origin.to_owned()))?;
        let document: Document =
            serde_json::from_slice(json).map_err(|error| ServerError::Json(error.to_string()))?;
        if document.issuer != origin {
            return Err(ServerError::OtherIssuer(document.issuer));
        }
        document.check_support()?;
        document.endpoints(&url)
    }
}

impl Document {
    fn check_support(&self) -> Result<(), ServerError> {
        let has = |list: &[String], wanted: &[&str]| {
            wanted.iter().all(|wanted| list.iter().any(|found| found == wanted))
        };
        let algorithms = &self.token_endpoint_auth_signing_alg_values_supported;
        let checks = [
            ("response_types_supported", has(&self.response_types_supported, &["code"])),
            (
                "grant_types_supported",
                has(&self.grant_types_supported, &["authorization_code", "refresh_token"]),
            ),
            (
                "code_challenge_methods_supported",
                has(&self.code_challenge_methods_supported, &["S256"]),
            ),
            (
                "token_endpoint_auth_methods_supported",
                has(&self.token_endpoint_auth_methods_supported, &["none", "private_key_jwt"]),
            ),
            (
                "token_endpoint_auth_signing_alg_values_supported",
                has(algorithms, &["ES256"]) && !has(algorithms, &["none"]),
            ),
            ("scopes_supported", has(&self.scopes_supported, &["atproto"])),
            (
                "dpop_signing_alg_values_supported",
                has(&self.dpop_signing_alg_values_supported, &["ES256"]),
            ),
            (
                "authorization_response_iss_parameter_supported",
                self.authorization_response_iss_parameter_supported,
            ),
            ("require_pushed_authorization_requests", self.require_pushed_authorization_requests),
            ("client_id_metadata_document_supported", self.client_id_metadata_document_supported),
        ];
        match checks.iter().find(|(_, is_supported)| !is_supported) {
            Some((name, _)) => Err(ServerError::Unsupported(name)),
            None => Ok(()),
        }
    }

    fn endpoints(self, issuer: &Url) -> Result<ServerMetadata, ServerError> {
        let endpoint = |name, address: &String| {
            let url = Url::parse(address).ok().filter(|url| url.origin() == issuer.origin());
            url.ok_or_else(|| ServerError::Endpoint { name, address: address.clone() })
        };
        let revocation = self.revocation_endpoint.as_ref();
        Ok(ServerMetadata {
            authorization_endpoint: endpoint(
                "authorization_endpoint",
                &self.authorization_endpoint,
            )?,
            pushed_authorization_request_endpoint: endpoint(
                "pushed_authorization_request_endpoint",
                &self.pushed_authorization_request_endpoint,
            )?,
            token_endpoint: endpoint("token_endpoint", &self.token_endpoint)?,
            revocation_endpoint: revocation
                .map(|address| endpoint("revocation_endpoint", address))
                .transpose()?,
            issuer: self.issuer,
            scopes_supported: self.scopes_supported,
            dpop_signing_alg_values_supported: self.dpop_signing_alg_values_supported,
        })
    }
}
