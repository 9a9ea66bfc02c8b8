//! DID documents, as far as the protocol uses them.

mod parsed_key;

use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer, ser::SerializeMap};
use serde_json::{Map, Value};

use self::parsed_key::ParsedKey;
use crate::crypto::{Curve, PublicKey};
use crate::syntax::{Did, Handle};

/// A DID document: who an account is, in the account's own words.
///
/// Reading is lenient: entries of `verificationMethod` and `service` that do not have the
/// expected form are left out, fields that are not known are kept. Only the `id` is required;
/// `@context` may be absent. Of keys and services with the same name the first usable key and
/// the first service of the right type count. Of size and number there are limits
/// ([`from_json`](Self::from_json)).
///
/// A document proves nothing by itself; its claims of a handle must be checked in both
/// directions with [`verified_handle`](super::verified_handle).
///
/// ```
/// use atproto_core::identity::DidDocument;
///
/// let document = DidDocument::from_json(br##"{
///     "id": "did:plc:ewvi7nxzyoun6zhxrhs64oiz",
///     "alsoKnownAs": ["at://atproto.com"],
///     "service": [{
///         "id": "#atproto_pds",
///         "type": "AtprotoPersonalDataServer",
///         "serviceEndpoint": "https://pds.example.com"
///     }]
/// }"##)?;
/// assert_eq!(document.pds_endpoint(), Some("https://pds.example.com"));
/// assert_eq!(document.handle().unwrap().as_str(), "atproto.com");
/// assert!(document.signing_key().is_err());
/// # Ok::<(), atproto_core::identity::DocumentError>(())
/// ```
///
/// See the [DID specification](https://atproto.com/specs/did#did-documents).
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct DidDocument {
    /// The DID that the document describes. A resolver refuses a document with another one.
    pub id: Did,
    /// Other names, most preferred first; handles are written `at://handle`.
    #[serde(default, rename = "alsoKnownAs", deserialize_with = "readable_entries")]
    pub also_known_as: Vec<String>,
    /// Public keys.
    #[serde(default, rename = "verificationMethod", deserialize_with = "readable_entries")]
    pub verification_methods: Vec<VerificationMethod>,
    /// Services.
    #[serde(default, rename = "service", deserialize_with = "readable_entries")]
    pub services: Vec<Service>,
    /// Everything else, for example `@context`.
    #[serde(flatten)]
    pub other: Map<String, Value>,
    #[serde(skip)]
    parsed: ParsedKey,
}

/// A public key in a DID document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VerificationMethod {
    /// `#fragment` or the DID followed by `#fragment`.
    pub id: String,
    /// The form of the key: `Multikey`, or one of two older types.
    #[serde(rename = "type")]
    pub kind: String,
    /// The DID that holds the key; the document's own, or the key is not used.
    #[serde(default)]
    pub controller: String,
    /// The key in multibase, if it is given in that way.
    #[serde(default, rename = "publicKeyMultibase", skip_serializing_if = "Option::is_none")]
    pub public_key_multibase: Option<String>,
    /// Everything else.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// A service in a DID document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Service {
    /// `#fragment` or the DID followed by `#fragment`.
    pub id: String,
    /// The kind of service, for example `AtprotoPersonalDataServer`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Where it is; only a string is of use here, other forms are kept unread.
    #[serde(rename = "serviceEndpoint")]
    pub endpoint: Value,
    /// Everything else.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// Why a DID document, or a key in it, is of no use.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum DocumentError {
    /// The key is held by another DID.
    #[error("key #{fragment} is controlled by {controller:?}, not by the document's DID")]
    ForeignController {
        /// The key's name.
        fragment: String,
        /// The DID that the key names.
        controller: String,
    },
    /// The key's text is not a public key of a supported curve.
    #[error("key #{fragment} is not readable")]
    InvalidKey {
        /// The key's name.
        fragment: String,
        /// What is wrong with the key.
        #[source]
        source: crate::crypto::KeyError,
    },
    /// Not JSON, or without a readable `id`.
    #[error("not a DID document")]
    Malformed(#[source] Arc<serde_json::Error>),
    /// The document has more entries of a kind than are read.
    #[error("the document has more than {limit} entries in {field}")]
    TooMany {
        /// The field.
        field: &'static str,
        /// The limit.
        limit: usize,
    },
    /// The document is longer than any that is read.
    #[error("the document is longer than {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// There is no key of that name.
    #[error("the document has no key #{fragment}")]
    NoKey {
        /// The key's name.
        fragment: String,
    },
    /// There is no service of that name and type.
    #[error("the document has no service #{fragment} of type {kind}")]
    NoService {
        /// The service's name.
        fragment: String,
        /// The type that was looked for.
        kind: String,
    },
    /// The service is there, but its endpoint is not the origin of an HTTP URL.
    #[error("the endpoint of service #{fragment} is not an origin: {endpoint}")]
    UnusableEndpoint {
        /// The service's name.
        fragment: String,
        /// The endpoint as it is written in the document.
        endpoint: Value,
    },
    /// The key has a type that is not supported, or no `publicKeyMultibase`.
    #[error("key #{fragment} has the unsupported form {kind:?}")]
    UnsupportedKey {
        /// The key's name.
        fragment: String,
        /// Its type.
        kind: String,
    },
}

impl DidDocument {
    /// The longest document in bytes. Ours: did:plc operations end at 7500 bytes, and the
    /// reference implementation reads 512 kB of anything.
    pub const MAX_SIZE: usize = 256 << 10;

    /// A document that only has an id. Add to it with the `with_` methods, for example to
    /// serve the did:web document of a service.
    pub fn new(id: Did) -> Self {
        let context = ["https://www.w3.org/ns/did/v1", "https://w3id.org/security/multikey/v1"]
            .map(Value::from);
        Self {
            id,
            also_known_as: Vec::new(),
            verification_methods: Vec::new(),
            services: Vec::new(),
            other: Map::from_iter([("@context".to_owned(), Value::from(context.to_vec()))]),
            parsed: ParsedKey::default(),
        }
    }

    /// Reads a document of at most [`MAX_SIZE`](Self::MAX_SIZE) bytes, with at most 100 keys
    /// and 100 services. Duplicates of the fields that are read are refused, and so is
    /// nesting deeper than 128.
    pub fn from_json(json: &[u8]) -> Result<Self, DocumentError> {
        if json.len() > Self::MAX_SIZE {
            return Err(DocumentError::TooLarge { limit: Self::MAX_SIZE });
        }
        let document: Self = serde_json::from_slice(json)
            .map_err(|error| DocumentError::Malformed(Arc::new(error)))?;
        for (field, count) in [
            ("verificationMethod", document.verification_methods.len()),
            ("service", document.services.len()),
        ] {
            if count > MAX_ENTRIES {
                return Err(DocumentError::TooMany { field, limit: MAX_ENTRIES });
            }
        }
        Ok(document)
    }

    /// Adds a name.
    #[must_use]
    pub fn with_handle(mut self, handle: &Handle) -> Self {
        self.also_known_as.push(format!("at://{handle}"));
        self
    }

    /// Adds a key as a `Multikey`; `fragment` is without `#`.
    #[must_use]
    pub fn with_key(self, fragment: &str, key: &PublicKey) -> Self {
        self.with_multikey(fragment, key.to_multikey())
    }

    /// Adds a service; `fragment` is without `#`.
    #[must_use]
    pub fn with_service(mut self, fragment: &str, kind: &str, endpoint: &str) -> Self {
        self.services.push(Service {
            id: format!("#{fragment}"),
            kind: kind.to_owned(),
            endpoint: Value::from(endpoint),
            other: Map::new(),
        });
        self
    }

    /// The handle that the account claims: the first entry of `alsoKnownAs` that is `at://`
    /// and a valid handle. Later entries never count, even if this one turns out to be wrong.
    pub fn handle(&self) -> Option<Handle> {
        self.also_known_as
            .iter()
            .filter_map(|name| name.strip_prefix("at://"))
            .find_map(|name| Handle::new(name).ok())
            .filter(|handle| !handle.is_invalid_handle())
    }

    /// The key that signs the account's repository, `#atproto`. It is parsed once: the
    /// document remembers it, because every commit asks.
    pub fn signing_key(&self) -> Result<PublicKey, DocumentError> {
        self.key(SIGNING_KEY)
    }

    /// The first usable key of that name; `fragment` is without `#`. If none is usable, the
    /// error is that of the first.
    pub fn key(&self, fragment: &str) -> Result<PublicKey, DocumentError> {
        let mut failure = None;
        for method in &self.verification_methods {
            if self.is_named(&method.id, fragment) {
                match self.own_key(method, fragment) {
                    Ok(key) => return Ok(key),
                    Err(error) => failure = failure.or(Some(error)),
                }
            }
        }
        Err(failure.unwrap_or_else(|| DocumentError::NoKey { fragment: fragment.to_owned() }))
    }

    /// The origin of the account's host, for example `https://pds.example.com`.
    ///
    /// Only a scheme (`https`, or `http` for development), a host and a port are accepted;
    /// an address with user, path or query is no host. That the address may be connected to
    /// is for the `SafeClient` to decide.
    pub fn pds_endpoint(&self) -> Option<&str> {
        self.service(PDS.0, PDS.1)
    }

    /// The origin of the first service of that name and type; `fragment` is without `#`.
    pub fn service(&self, fragment: &str, kind: &str) -> Option<&str> {
        origin(self.find_service(fragment, kind)?.endpoint.as_str()?)
    }

    /// The same as [`service`](Self::service), but tells a service that is not there from
    /// one whose endpoint is of no use.
    pub fn endpoint(&self, fragment: &str, kind: &str) -> Result<&str, DocumentError> {
        let service = self.find_service(fragment, kind).ok_or_else(|| {
            DocumentError::NoService { fragment: fragment.to_owned(), kind: kind.to_owned() }
        })?;
        service.endpoint.as_str().and_then(origin).ok_or_else(|| DocumentError::UnusableEndpoint {
            fragment: fragment.to_owned(),
            endpoint: service.endpoint.clone(),
        })
    }

    /// The document as JSON.
    pub fn to_json(&self) -> Value {
        let entries = |value: Result<Value, serde_json::Error>| value.unwrap_or(Value::Null);
        let mut json = self.other.clone();
        json.insert("id".into(), Value::from(self.id.as_str()));
        json.insert("alsoKnownAs".into(), Value::from(self.also_known_as.clone()));
        json.insert(
            "verificationMethod".into(),
            entries(serde_json::to_value(&self.verification_methods)),
        );
        json.insert("service".into(), entries(serde_json::to_value(&self.services)));
        Value::Object(json)
    }

    pub(super) fn with_multikey(mut self, fragment: &str, multikey: String) -> Self {
        self.verification_methods.push(VerificationMethod {
            id: format!("{}#{fragment}", self.id),
            kind: "Multikey".to_owned(),
            controller: self.id.as_str().to_owned(),
            public_key_multibase: Some(multikey),
            other: Map::new(),
        });
        self
    }

    fn own_key(
        &self,
        method: &VerificationMethod,
        fragment: &str,
    ) -> Result<PublicKey, DocumentError> {
        if method.controller != self.id.as_str() {
            return Err(DocumentError::ForeignController {
                fragment: fragment.to_owned(),
                controller: method.controller.clone(),
            });
        }
        match fragment {
            SIGNING_KEY => self.parsed.get_or_parse(method, || method.key(fragment)),
            _ => method.key(fragment),
        }
    }

    fn find_service(&self, fragment: &str, kind: &str) -> Option<&Service> {
        self.services
            .iter()
            .find(|service| service.kind == kind && self.is_named(&service.id, fragment))
    }

    /// Both `#fragment` and `did:…#fragment` are in use.
    fn is_named(&self, id: &str, fragment: &str) -> bool {
        id.strip_prefix(self.id.as_str()).unwrap_or(id).strip_prefix('#') == Some(fragment)
    }
}

impl Serialize for DidDocument {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.other.len() + 4))?;
        for (key, value) in &self.other {
            map.serialize_entry(key, value)?;
        }
        map.serialize_entry("id", &self.id)?;
        map.serialize_entry("alsoKnownAs", &self.also_known_as)?;
        map.serialize_entry("verificationMethod", &self.verification_methods)?;
        map.serialize_entry("service", &self.services)?;
        map.end()
    }
}

impl VerificationMethod {
    fn key(&self, fragment: &str) -> Result<PublicKey, DocumentError> {
        let invalid = |source| DocumentError::InvalidKey { fragment: fragment.to_owned(), source };
        match (self.kind.as_str(), self.public_key_multibase.as_deref()) {
            ("Multikey", Some(key)) => PublicKey::from_multikey(key).map_err(invalid),
            ("EcdsaSecp256k1VerificationKey2019", Some(key)) => {
                PublicKey::from_legacy(Curve::K256, key).map_err(invalid)
            }
            ("EcdsaSecp256r1VerificationKey2019", Some(key)) => {
                PublicKey::from_legacy(Curve::P256, key).map_err(invalid)
            }
            _ => Err(DocumentError::UnsupportedKey {
                fragment: fragment.to_owned(),
                kind: self.kind.clone(),
            }),
        }
    }
}

/// Reads an array and keeps the entries that have the expected form.
fn readable_entries<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: for<'a> Deserialize<'a>,
{
    Ok(match Value::deserialize(deserializer)? {
        Value::Array(entries) => {
            entries.into_iter().filter_map(|entry| T::deserialize(entry).ok()).collect()
        }
        _ => Vec::new(),
    })
}

/// The URL, if it consists of scheme, host and perhaps a port; one final slash is dropped.
fn origin(url: &str) -> Option<&str> {
    let url = url.strip_suffix('/').unwrap_or(url);
    let authority = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"))?;
    let (host, port) = match authority.strip_prefix('[') {
        Some(literal) => literal.split_once(']')?,
        None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    };
    let host_ok = !host.is_empty()
        && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_:".contains(&byte));
    let port_ok = port.is_empty()
        || port.strip_prefix(':').is_some_and(|digits| {
            digits.bytes().all(|byte| byte.is_ascii_digit())
                && digits.parse::<u16>().is_ok_and(|number| number > 0)
        });
    (host_ok && port_ok).then_some(url)
}

/// The fragment of the key that signs a repository.
const SIGNING_KEY: &str = "atproto";

/// The fragment and type of the service that hosts a repository.
const PDS: (&str, &str) = ("atproto_pds", "AtprotoPersonalDataServer");

/// The most keys and the most services. Ours: ten times what did:plc admits.
const MAX_ENTRIES: usize = 100;

#[cfg(test)]
mod tests {
    use super::{DidDocument, DocumentError, SIGNING_KEY, origin};
    use crate::crypto::{Curve, SecretKey};
    use crate::syntax::Did;

    #[test]
    fn a_remembered_key_is_forgotten_when_the_document_changes() {
        let keys = [Curve::K256, Curve::P256].map(|curve| SecretKey::generate(curve).public_key());
        let bare = DidDocument::new(Did::new("did:web:a.example").unwrap());
        let mut document = bare.clone().with_key(SIGNING_KEY, &keys[0]);
        let untouched = document.clone();
        assert_eq!(document.signing_key().unwrap(), keys[0]);
        assert_eq!(document.signing_key().unwrap(), keys[0]);
        assert_eq!(document, untouched);

        document.verification_methods = bare.with_key(SIGNING_KEY, &keys[1]).verification_methods;
        assert_eq!(document.signing_key().unwrap(), keys[1]);
        document.verification_methods[0].controller = "did:web:b.example".to_owned();
        assert!(matches!(document.signing_key(), Err(DocumentError::ForeignController { .. })));
    }

    #[test]
    fn an_unusable_endpoint_is_not_an_absent_one() {
        let document = DidDocument::new(Did::new("did:web:a.example").unwrap())
            .with_service("good", "T", "https://a.example")
            .with_service("path", "T", "https://a.example/path");
        assert_eq!(document.endpoint("good", "T").unwrap(), "https://a.example");
        let unusable = document.endpoint("path", "T").unwrap_err();
        assert!(matches!(unusable, DocumentError::UnusableEndpoint { .. }));
        assert_eq!(document.service("path", "T"), None);
        for (fragment, kind) in [("good", "U"), ("other", "T")] {
            let absent = document.endpoint(fragment, kind).unwrap_err();
            assert!(matches!(absent, DocumentError::NoService { .. }));
        }
    }

    #[test]
    fn did_018_an_endpoint_is_an_origin() {
        for good in [
            "https://pds.example.com",
            "https://pds.example.com:8443",
            "http://localhost:2583",
            "http://[::1]:2583",
        ] {
            assert_eq!(origin(good), Some(good));
        }
        assert_eq!(origin("https://pds.example.com/"), Some("https://pds.example.com"));
        for bad in [
            "",
            "https://",
            "ftp://pds.example.com",
            "https://pds.example.com/xrpc",
            "https://pds.example.com//",
            "https://user@pds.example.com",
            "https://user:word@pds.example.com",
            "https://pds.example.com?x",
            "https://pds.example.com#x",
            "https://pds.example.com:",
            "https://pds.example.com:0",
            "https://pds.example.com:70000",
            "https://pds.example.com:+443",
            "https://pds.example.com\\@evil.example",
            "file:///etc/passwd",
            "pds.example.com",
        ] {
            assert_eq!(origin(bad), None, "{bad}");
        }
    }
}
