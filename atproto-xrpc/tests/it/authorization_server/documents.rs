//! What the server says of itself.

use atproto_xrpc::oauth::ServerMetadata;
use atproto_xrpc::oauth::authorization_server::{
    ACCESS_TOKEN_SECONDS, CONFIDENTIAL_REFRESH_SECONDS, Form, MAX_FORM_BYTES, MAX_FORM_FIELDS,
    OAuthErrorCode, PUBLIC_REFRESH_SECONDS, PUBLIC_SESSION_SECONDS,
};
use url::Url;

use super::{ISSUER, World, code_of};

#[test]
fn oa_001_and_024_and_027_the_metadata_are_those_of_the_profile() {
    let world = World::new();
    let metadata = world.server.metadata();
    let read = ServerMetadata::read(ISSUER, metadata.to_string().as_bytes()).unwrap();
    assert_eq!(read.issuer, ISSUER);
    assert_eq!(metadata["require_pushed_authorization_requests"], true);
    let algorithms = &metadata["token_endpoint_auth_signing_alg_values_supported"];
    assert!(algorithms.as_array().unwrap().iter().any(|name| name == "ES256"));
    for (name, address) in metadata.as_object().unwrap() {
        if name.ends_with("_endpoint") || name.ends_with("_uri") {
            let url = Url::parse(address.as_str().unwrap()).unwrap();
            assert_eq!(url.origin().ascii_serialization(), ISSUER, "{name}");
        }
    }
}

#[test]
fn oa_026_the_resource_names_one_authorization_server() {
    let metadata = World::new().server.resource_metadata();
    assert_eq!(metadata["authorization_servers"], serde_json::json!([ISSUER]));
    assert_eq!(metadata["resource"], ISSUER);
}

#[test]
fn the_key_set_has_no_private_part() {
    let keys = World::new().server.jwks();
    let key = keys["keys"][0].as_object().unwrap();
    let mut names: Vec<_> = key.keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["crv", "kid", "kty", "use", "x", "y"]);
}

#[test]
fn oa_013_and_015_and_016_and_t71_lifetimes_are_within_the_profile() {
    const { assert!(ACCESS_TOKEN_SECONDS <= 15 * 60) };
    const { assert!(PUBLIC_SESSION_SECONDS <= 14 * 24 * 3600) };
    const { assert!(PUBLIC_REFRESH_SECONDS <= 14 * 24 * 3600) };
    const { assert!(CONFIDENTIAL_REFRESH_SECONDS <= 180 * 24 * 3600) };
}

#[test]
fn t23_forms_are_bounded_and_say_everything_once() {
    assert_eq!(Form::parse(b"a=1&b=+x%20").unwrap().get("b"), Some(" x "));
    assert_eq!(Form::parse(b"a=").unwrap().get("a"), None);
    let long = format!("a={}", "x".repeat(MAX_FORM_BYTES));
    let many: String = (0..=MAX_FORM_FIELDS).map(|number| format!("{number}=x&")).collect();
    for bad in [long.as_str(), &many, "a=1&a=1"] {
        assert_eq!(code_of(Form::parse(bad.as_bytes())), OAuthErrorCode::InvalidRequest);
    }
}
