//! The state of an identity after an operation.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::operation::{Operation, Service};
use crate::crypto::{Curve, PublicKey};
use crate::identity::DidDocument;
use crate::syntax::Did;

/// What the directory serves as `/data`: the newest operation's content under its DID.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct State {
    /// The identity.
    pub did: Did,
    /// The keys that appear in the DID document, as `did:key`, by name without `#`.
    pub verification_methods: BTreeMap<String, String>,
    /// The keys that control the identity, as `did:key`, highest authority first.
    pub rotation_keys: Vec<String>,
    /// Other names as URIs, most preferred first.
    pub also_known_as: Vec<String>,
    /// Services by name without `#`.
    pub services: BTreeMap<String, Service>,
}

impl State {
    /// The state that an operation declares.
    pub fn new(did: Did, operation: Operation) -> Self {
        Self {
            did,
            verification_methods: operation.verification_methods,
            rotation_keys: operation.rotation_keys,
            also_known_as: operation.also_known_as,
            services: operation.services,
        }
    }

    /// The DID document, with keys as `Multikey`. Keys of curves that are not supported are
    /// shown too, without a context of their own.
    pub fn to_document(&self) -> DidDocument {
        let mut document = DidDocument::new(self.did.clone());
        document.also_known_as.clone_from(&self.also_known_as);
        let mut contexts = Vec::new();
        for (name, did_key) in &self.verification_methods {
            let multikey = did_key.strip_prefix("did:key:").unwrap_or(did_key);
            document = document.with_multikey(name, multikey.to_owned());
            if let Some(context) = suite(did_key).filter(|suite| !contexts.contains(suite)) {
                contexts.push(context);
            }
        }
        if let Some(Value::Array(list)) = document.other.get_mut("@context") {
            list.extend(contexts.into_iter().map(Value::from));
        }
        for (name, service) in &self.services {
            document = document.with_service(name, &service.kind, &service.endpoint);
        }
        document
    }
}

/// The JSON-LD context of a key's curve.
fn suite(did_key: &str) -> Option<&'static str> {
    Some(match PublicKey::from_did_key(did_key).ok()?.curve() {
        Curve::K256 => "https://w3id.org/security/suites/secp256k1-2019/v1",
        Curve::P256 => "https://w3id.org/security/suites/ecdsa-2019/v1",
    })
}
