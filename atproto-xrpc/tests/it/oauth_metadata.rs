//! What apps and authorization servers say of themselves.

use atproto_xrpc::oauth::{
    ApplicationType, ClientAuthentication, ClientError, ClientId, ClientMetadata,
    MAX_METADATA_BYTES, MAX_SERVER_METADATA_BYTES, ServerError, ServerMetadata,
};
use serde_json::{Value, json};

use crate::{oauth_network::metadata, shared};

const ID: &str = "https://app.example.com/oauth-client-metadata.json";

/// A document with some fields changed, or taken out where they are null.
fn changed(mut document: Value, changes: &Value) -> Vec<u8> {
    let fields = document.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(fields.remove(name)),
            value => drop(fields.insert(name.clone(), value.clone())),
        }
    }
    serde_json::to_vec(&document).unwrap()
}

fn client(changes: &Value) -> Result<ClientMetadata, ClientError> {
    let document = json!({
        "client_id": ID,
        "grant_types": ["authorization_code", "refresh_token"],
        "scope": "atproto repo:*",
        "response_types": ["code"],
        "redirect_uris": ["https://app.example.com/callback"],
        "dpop_bound_access_tokens": true,
        "token_endpoint_auth_method": "none",
    });
    ClientMetadata::read(ClientId::parse(ID).unwrap(), &changed(document, changes))
}

fn native(redirect: &str) -> Result<ClientMetadata, ClientError> {
    client(&json!({ "application_type": "native", "redirect_uris": [redirect] }))
}

#[test]
fn oc_001_client_ids_are_https_without_a_port() {
    for good in [ID, "https://app.example.com/x", "https://xn--bcher-kva.example/c.json?v=2"] {
        assert_eq!(ClientId::parse(good).expect(good).to_string(), good);
    }
    for bad in [
        "app.example.com/x",
        "http://app.example.com/x",
        "https://app.example.com:8443/x",
        "https://127.0.0.1/x",
        "https://[::1]/x",
        "https://2130706433/x",
        "https://localhost/x",
        "https://user@app.example.com/x",
        "https://app.example.com/x#y",
        "https://app.example.com",
        "https://app.example.com/x/",
        "https://app.example.com/a/../x",
        "https://APP.example.com/x",
        "https://app.example.com:443/x",
        "javascript:alert(1)",
    ] {
        assert!(matches!(ClientId::parse(bad), Err(ClientError::ClientId(_))), "{bad}");
    }
}

#[test]
fn oc_003_the_document_is_that_of_its_address() {
    let other = client(&json!({ "client_id": "https://evil.example.com/x.json" }));
    assert_eq!(other, Err(ClientError::OtherClient("https://evil.example.com/x.json".to_owned())));
}

#[test]
fn oc_004_apps_are_web_or_native() {
    assert_eq!(client(&json!({})).unwrap().application_type, ApplicationType::Web);
    assert_eq!(native("com.example.app:/cb").unwrap().application_type, ApplicationType::Native);
    assert!(matches!(client(&json!({ "application_type": "tv" })), Err(ClientError::Json(_))));
}

#[test]
fn oc_005_and_007_codes_and_refreshing_alone() {
    assert!(client(&json!({})).unwrap().refreshes);
    let once = client(&json!({ "grant_types": ["authorization_code"] })).unwrap();
    assert!(!once.refreshes);
    for grants in [json!([]), json!(["refresh_token"]), json!(["authorization_code", "implicit"])] {
        let found = client(&json!({ "grant_types": grants }));
        assert_eq!(found, Err(ClientError::GrantTypes), "{grants}");
    }
    for responses in [json!([]), json!(["token"]), json!(["code", "token"])] {
        let found = client(&json!({ "response_types": responses }));
        assert_eq!(found, Err(ClientError::ResponseTypes), "{responses}");
    }
}

#[test]
fn oc_006_the_scope_includes_atproto() {
    assert_eq!(client(&json!({ "scope": "repo:*" })), Err(ClientError::NoAtproto));
    assert!(matches!(client(&json!({ "scope": "" })), Err(ClientError::Scope(_))));
    assert!(matches!(client(&json!({ "scope": null })), Err(ClientError::Json(_))));
}

#[test]
fn oc_008_and_016_redirects_belong_to_the_app() {
    assert_eq!(client(&json!({ "redirect_uris": [] })), Err(ClientError::NoRedirect));
    for good in [
        "com.example.app:/cb",
        "https://app.example.com/cb",
        "http://127.0.0.1/cb",
        "http://[::1]:80/",
    ] {
        native(good).expect(good);
    }
    for bad in [
        "evil:/cb",
        "com.example.other:/cb",
        "com.example.app://cb",
        "com.example.app:cb",
        "https://other.example.com/cb",
        "https://app.example.com:8443/cb",
        "http://localhost/cb",
        "http://app.example.com/cb",
        "javascript:alert(1)",
        "not a url",
    ] {
        assert_eq!(native(bad), Err(ClientError::RedirectUri(bad.to_owned())));
    }
    for bad in [
        "http://127.0.0.1/cb",
        "com.example.app:/cb",
        "https://10.0.0.1/cb",
        "https://a@b.example/",
    ] {
        let found = client(&json!({ "redirect_uris": [bad] }));
        assert_eq!(found, Err(ClientError::RedirectUri(bad.to_owned())));
    }
}

#[test]
fn oc_009_tokens_are_bound_by_dpop() {
    for value in [json!(false), json!(null)] {
        assert_eq!(client(&json!({ "dpop_bound_access_tokens": value })), Err(ClientError::Dpop));
    }
}

#[test]
fn oc_010_confidential_clients_have_keys_in_one_place() {
    let keys = json!({ "keys": [{ "kty": "EC" }] });
    let confidential = |mut changes: Value| {
        changes["token_endpoint_auth_method"] = json!("private_key_jwt");
        changes["token_endpoint_auth_signing_alg"] = json!("ES256");
        client(&changes)
    };
    let inline = confidential(json!({ "jwks": keys })).unwrap();
    assert_eq!(inline.authentication, ClientAuthentication::Keys(keys.clone()));
    let address = "https://app.example.com/jwks.json";
    let elsewhere = confidential(json!({ "jwks_uri": address })).unwrap();
    assert!(
        matches!(elsewhere.authentication, ClientAuthentication::KeysAt(url) if url.as_str() == address)
    );

    let both = confidential(json!({ "jwks": keys, "jwks_uri": address }));
    let empty = confidential(json!({ "jwks": { "keys": [] } }));
    for refused in [both, empty, confidential(json!({})), client(&json!({ "jwks": keys }))] {
        assert!(matches!(refused, Err(ClientError::Keys(_))), "{refused:?}");
    }
    assert!(matches!(
        confidential(json!({ "jwks_uri": "http://app.example.com/jwks.json" })),
        Err(ClientError::PageUri(_))
    ));
    for alg in [json!("none"), json!(null)] {
        let found = client(&json!({
            "token_endpoint_auth_method": "private_key_jwt",
            "token_endpoint_auth_signing_alg": alg,
            "jwks": keys,
        }));
        assert!(matches!(found, Err(ClientError::Keys(_))), "{alg}");
    }
    let secret = client(&json!({ "token_endpoint_auth_method": "client_secret_basic" }));
    assert_eq!(secret, Err(ClientError::AuthenticationMethod("client_secret_basic".to_owned())));
}

#[test]
fn oc_011_pages_are_https_and_the_home_page_is_on_the_same_host() {
    let home = client(&json!({ "client_uri": "https://app.example.com/about" })).unwrap();
    assert_eq!(home.client_uri.unwrap().path(), "/about");
    for (name, address) in [
        ("client_uri", "https://other.example.com"),
        ("client_uri", "http://app.example.com"),
        ("logo_uri", "http://app.example.com/logo.png"),
        ("tos_uri", "data:text/html,x"),
        ("policy_uri", "nonsense"),
    ] {
        let found = client(&json!({ name: address }));
        assert_eq!(found, Err(ClientError::PageUri(address.to_owned())), "{name}");
    }
}

#[test]
fn oc_013_localhost_describes_itself() {
    let of = |id: &str| ClientMetadata::of_localhost(ClientId::parse(id)?);
    let plain = of("http://localhost").unwrap();
    assert_eq!(plain.scopes.to_string(), "atproto");
    assert_eq!(plain.application_type, ApplicationType::Native);
    assert_eq!(plain.authentication, ClientAuthentication::None);
    assert!(plain.admits_redirect("http://127.0.0.1:3456/"));
    assert!(plain.admits_redirect("http://[::1]:3456/"));
    for other in ["http://127.0.0.1:3456/cb", "http://localhost:3456/", "https://127.0.0.1/", "x"] {
        assert!(!plain.admits_redirect(other), "{other}");
    }

    let asks = "http://localhost/?redirect_uri=http%3A%2F%2F127.0.0.1%2Fcb&scope=atproto%20repo:*";
    let asking = of(asks).unwrap();
    assert_eq!(asking.scopes.to_string(), "atproto repo:*");
    assert!(asking.admits_redirect("http://127.0.0.1:1/cb"));
    assert!(!asking.admits_redirect("http://127.0.0.1:1/"));

    for bad in [
        "http://localhost:80/x",
        "http://localhost:8080",
        "http://localhost/x",
        "http://127.0.0.1",
        "http://localhost?scope=atproto&scope=atproto",
        "http://localhost?else=1",
        "http://localhost?redirect_uri=https://evil.example/",
        "http://localhost?redirect_uri=http://localhost/",
        "http://localhost?scope=repo:*",
    ] {
        assert!(of(bad).is_err(), "{bad}");
    }
    assert!(ClientMetadata::of_localhost(ClientId::parse(ID).unwrap()).is_err());
}

#[test]
fn oa_006_redirects_match_what_was_declared() {
    let web = client(&json!({})).unwrap();
    assert!(web.admits_redirect("https://app.example.com/callback"));
    for other in [
        "https://app.example.com/callback/",
        "https://app.example.com/callback?x=1",
        "https://app.example.com:8443/callback",
        "https://evil.example.com/callback",
    ] {
        assert!(!web.admits_redirect(other), "{other}");
    }
}

const ORIGIN: &str = "https://auth.example.com";

fn server(changes: &Value) -> Result<ServerMetadata, ServerError> {
    let document = json!({
        "issuer": ORIGIN,
        "authorization_endpoint": "https://auth.example.com/oauth/authorize",
        "token_endpoint": "https://auth.example.com/oauth/token",
        "pushed_authorization_request_endpoint": "https://auth.example.com/oauth/par",
        "response_types_supported": ["code"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["none", "private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": ["ES256"],
        "scopes_supported": ["atproto"],
        "dpop_signing_alg_values_supported": ["ES256"],
        "authorization_response_iss_parameter_supported": true,
        "require_pushed_authorization_requests": true,
        "client_id_metadata_document_supported": true,
    });
    ServerMetadata::read(ORIGIN, &changed(document, changes))
}

#[test]
fn oa_027_the_issuer_is_the_origin_and_all_is_supported() {
    let sound = server(&json!({ "revocation_endpoint": "https://auth.example.com/oauth/revoke" }));
    assert_eq!(sound.unwrap().revocation_endpoint.unwrap().path(), "/oauth/revoke");
    for issuer in
        ["https://evil.example.com", "https://auth.example.com/", "https://auth.example.com/x"]
    {
        let found = server(&json!({ "issuer": issuer }));
        assert_eq!(found, Err(ServerError::OtherIssuer(issuer.to_owned())));
    }
    for origin in ["https://auth.example.com/", "http://auth.example.com", "auth.example.com", ""] {
        let found = ServerMetadata::read(origin, b"{}");
        assert_eq!(found, Err(ServerError::Origin(origin.to_owned())));
    }
    for (name, value) in [
        ("response_types_supported", json!(["token"])),
        ("grant_types_supported", json!(["authorization_code"])),
        ("code_challenge_methods_supported", json!(["plain"])),
        ("token_endpoint_auth_methods_supported", json!(["none"])),
        ("token_endpoint_auth_signing_alg_values_supported", json!(["ES256", "none"])),
        ("scopes_supported", json!(["openid"])),
        ("dpop_signing_alg_values_supported", json!(["RS256"])),
        ("authorization_response_iss_parameter_supported", json!(false)),
        ("require_pushed_authorization_requests", json!(null)),
        ("client_id_metadata_document_supported", json!(null)),
    ] {
        assert_eq!(server(&json!({ name: value })), Err(ServerError::Unsupported(name)));
    }
    for address in ["http://auth.example.com/t", "https://evil.example.com/t", "/t"] {
        let found = server(&json!({ "token_endpoint": address }));
        let expected =
            ServerError::Endpoint { name: "token_endpoint", address: address.to_owned() };
        assert_eq!(found, Err(expected));
    }
}

#[test]
fn clear_text_is_for_development_on_this_machine() {
    for origin in ["http://localhost:2583", "http://127.0.0.1:2583", "http://[::1]:2583"] {
        let document = metadata(origin).to_string();
        assert!(ServerMetadata::read_local(origin, document.as_bytes()).is_ok(), "{origin}");
        let found = ServerMetadata::read(origin, document.as_bytes());
        assert_eq!(found, Err(ServerError::Origin(origin.to_owned())));
    }
    for origin in ["http://auth.example.com", "http://192.0.2.1", "ftp://localhost"] {
        let document = metadata(origin).to_string();
        let found = ServerMetadata::read_local(origin, document.as_bytes());
        assert_eq!(found, Err(ServerError::Origin(origin.to_owned())));
    }
}

#[test]
fn documents_are_bounded() {
    let id = || ClientId::parse(ID).unwrap();
    let long = vec![b' '; MAX_METADATA_BYTES + 1];
    assert_eq!(ClientMetadata::read(id(), &long), Err(ClientError::TooLarge));
    assert!(matches!(ClientMetadata::read(id(), b"[]"), Err(ClientError::Json(_))));
    let long = vec![b' '; MAX_SERVER_METADATA_BYTES + 1];
    assert_eq!(ServerMetadata::read(ORIGIN, &long), Err(ServerError::TooLarge));
    assert!(matches!(ServerMetadata::read(ORIGIN, b"{"), Err(ServerError::Json(_))));
}

/// The cases of a file of bad input: each with its address and document, and what to expect.
fn cases(file: &str, accepts: impl Fn(&str, &[u8]) -> bool) {
    let Some(path) = shared::path(file) else { return };
    let cases: Vec<Value> = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    assert!(cases.len() > 5, "{file}");
    for case in cases {
        let (name, expected) = (&case["name"], case["expect"].as_str().unwrap());
        let document = serde_json::to_vec(&case["metadata"]).unwrap();
        let accepted = accepts(case["url"].as_str().unwrap(), &document);
        match expected {
            "accept" => assert!(accepted, "{name}"),
            "reject" | "reject (policy)" => assert!(!accepted, "{name}"),
            // A web client may be redirected to any host that its own document names.
            "reject for web clients where hosts must match (policy)" => assert!(accepted, "{name}"),
            "policy" => assert!(!accepted, "{name}"),
            other => panic!("{name}: {other}"),
        }
    }
}

#[test]
fn client_metadata_made_to_break_servers() {
    cases("bad-input/oauth/control-client-metadata.json", |url, document| {
        ClientId::parse(url).and_then(|id| ClientMetadata::read(id, document)).is_ok()
    });
}

#[test]
fn server_metadata_made_to_break_clients() {
    cases("bad-input/oauth/control-server-metadata.json", |url, document| {
        let origin = url.strip_suffix("/.well-known/oauth-authorization-server").unwrap();
        ServerMetadata::read(origin, document).is_ok()
    });
}
