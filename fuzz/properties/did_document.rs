//! DID documents: every question can be asked of whatever was read, the answers stand in the
//! document, and writing is stable.

use atproto_core::identity::DidDocument;
use serde_json::Value;

pub(crate) fn check(data: &[u8]) {
    let Ok(document) = DidDocument::from_json(data) else { return };
    answers(&document);
    let json = document.to_json();
    assert_eq!(serde_json::to_value(&document).expect("JSON can be written"), json);
    for written in [serde_json::to_vec(&json), serde_json::to_vec(&document)] {
        let written = written.expect("JSON can be written");
        let again = DidDocument::from_json(&written).expect("what was written can be read");
        // The last digit of a float is not kept, and none that is read here is a float.
        assert!(again == document || has_float(&json));
    }
}

fn answers(document: &DidDocument) {
    if let Some(handle) = document.handle() {
        let claim = format!("at://{handle}");
        assert!(document.also_known_as.iter().any(|name| name.eq_ignore_ascii_case(&claim)));
    }
    if let Ok(key) = document.signing_key() {
        assert_eq!(document.key("atproto").as_ref().ok(), Some(&key));
        let own = |controller: &str| controller == document.id.as_str();
        assert!(document.verification_methods.iter().any(|method| own(&method.controller)));
    }
    for service in &document.services {
        let Some((_, fragment)) = service.id.split_once('#') else { continue };
        let endpoint = document.endpoint(fragment, &service.kind).ok();
        assert_eq!(document.service(fragment, &service.kind), endpoint);
        assert!(endpoint.is_none_or(is_origin), "{endpoint:?}");
    }
    assert!(document.pds_endpoint().is_none_or(is_origin));
}

/// Nothing by which an address could mean another host than it seems to.
fn is_origin(endpoint: &str) -> bool {
    let host = endpoint.strip_prefix("https://").or_else(|| endpoint.strip_prefix("http://"));
    host.is_some_and(|host| {
        !host.is_empty() && !host.contains(['/', '@', '?', '#', '\\', ' ', '%', '\n', '\t'])
    })
}

fn has_float(json: &Value) -> bool {
    match json {
        Value::Number(number) => number.is_f64(),
        Value::Array(items) => items.iter().any(has_float),
        Value::Object(fields) => fields.values().any(has_float),
        _ => false,
    }
}
