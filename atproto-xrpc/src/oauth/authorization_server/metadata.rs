use serde_json::{Value, json};

/// Where the endpoints are, below the issuer.
pub mod paths {
    /// Where users are sent to.
    pub const AUTHORIZE: &str = "/oauth/authorize";
    /// The key set.
    pub const JWKS: &str = "/oauth/jwks";
    /// Where requests are pushed to.
    pub const PAR: &str = "/oauth/par";
    /// Where tokens are given back.
    pub const REVOKE: &str = "/oauth/revoke";
    /// Where codes become tokens.
    pub const TOKEN: &str = "/oauth/token";
    /// The metadata of the authorization server: RFC 8414.
    pub const SERVER_METADATA: &str = "/.well-known/oauth-authorization-server";
    /// The metadata of the server that tokens are for: RFC 9728.
    pub const RESOURCE_METADATA: &str = "/.well-known/oauth-protected-resource";
}

/// The metadata of an authorization server: [OAuth specification, "Server
/// Metadata"](https://atproto.com/specs/oauth#server-metadata).
pub(super) fn server(issuer: &str) -> Value {
    let at = |path: &str| format!("{issuer}{path}");
    json!({
        "issuer": issuer,
        "authorization_endpoint": at(paths::AUTHORIZE),
        "token_endpoint": at(paths::TOKEN),
        "pushed_authorization_request_endpoint": at(paths::PAR),
        "revocation_endpoint": at(paths::REVOKE),
        "jwks_uri": at(paths::JWKS),
        "require_pushed_authorization_requests": true,
        "require_request_uri_registration": true,
        "client_id_metadata_document_supported": true,
        "authorization_response_iss_parameter_supported": true,
        "response_types_supported": ["code"],
        "response_modes_supported": ["query", "fragment"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["none", "private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": ALGORITHMS,
        "dpop_signing_alg_values_supported": ALGORITHMS,
        "prompt_values_supported": ["login", "consent", "select_account"],
        "scopes_supported":
            ["atproto", "transition:email", "transition:generic", "transition:chat.bsky"],
        "subject_types_supported": ["public"],
        "protected_resources": [issuer],
    })
}

/// The metadata of the server that tokens are for.
pub(super) fn resource(issuer: &str) -> Value {
    json!({
        "resource": issuer,
        "authorization_servers": [issuer],
        "scopes_supported": [],
        "bearer_methods_supported": ["header"],
        "resource_documentation": "https://atproto.com",
    })
}

const ALGORITHMS: [&str; 2] = ["ES256", "ES256K"];
