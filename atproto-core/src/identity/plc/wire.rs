//! Operations as JSON and DAG-CBOR. Both have the same fields; a CID is text in both.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer, ser::SerializeMap};

use super::operation::{Content, LegacyCreate, Operation, Service, SignedOperation, Tombstone};
use crate::syntax::Cid;

/// The bytes to sign (no `sig` field at all) or to hash.
pub(super) fn to_cbor(content: &Content, signature: Option<&str>) -> Vec<u8> {
    serde_ipld_dagcbor::to_vec(&Fields { content, signature })
        .expect("strings, lists and maps have a DAG-CBOR form")
}

struct Fields<'a> {
    content: &'a Content,
    signature: Option<&'a str>,
}

impl Serialize for Fields<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let unsigned = match self.content {
            Content::Tombstone(_) => 2,
            Content::Operation(_) | Content::LegacyCreate(_) => 6,
        };
        let mut map =
            serializer.serialize_map(Some(unsigned + usize::from(self.signature.is_some())))?;
        match self.content {
            Content::Operation(operation) => {
                map.serialize_entry("type", "plc_operation")?;
                map.serialize_entry("rotationKeys", &operation.rotation_keys)?;
                map.serialize_entry("verificationMethods", &operation.verification_methods)?;
                map.serialize_entry("alsoKnownAs", &operation.also_known_as)?;
                map.serialize_entry("services", &operation.services)?;
                map.serialize_entry("prev", &operation.prev)?;
            }
            Content::Tombstone(tombstone) => {
                map.serialize_entry("type", "plc_tombstone")?;
                map.serialize_entry("prev", &tombstone.prev)?;
            }
            Content::LegacyCreate(create) => {
                map.serialize_entry("type", "create")?;
                map.serialize_entry("signingKey", &create.signing_key)?;
                map.serialize_entry("recoveryKey", &create.recovery_key)?;
                map.serialize_entry("handle", &create.handle)?;
                map.serialize_entry("service", &create.service)?;
                map.serialize_entry("prev", &None::<Cid>)?;
            }
        }
        if let Some(signature) = self.signature {
            map.serialize_entry("sig", signature)?;
        }
        map.end()
    }
}

impl Serialize for SignedOperation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Fields { content: &self.content, signature: Some(&self.signature) }.serialize(serializer)
    }
}

#[derive(Deserialize)]
#[serde(tag = "type")]
enum Received {
    #[serde(rename = "plc_operation")]
    Operation(ReceivedOperation),
    #[serde(rename = "plc_tombstone")]
    Tombstone(ReceivedTombstone),
    #[serde(rename = "create")]
    LegacyCreate(ReceivedCreate),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ReceivedOperation {
    rotation_keys: Vec<String>,
    verification_methods: BTreeMap<String, String>,
    also_known_as: Vec<String>,
    services: BTreeMap<String, Service>,
    #[serde(deserialize_with = "present")]
    prev: Option<Cid>,
    sig: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReceivedTombstone {
    prev: Cid,
    sig: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ReceivedCreate {
    signing_key: String,
    recovery_key: String,
    handle: String,
    service: String,
    #[serde(rename = "prev", deserialize_with = "present")]
    _prev: (),
    sig: String,
}

/// Makes serde ask for a field that may be null: an absent `prev` is another operation.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    T::deserialize(deserializer)
}

impl<'de> Deserialize<'de> for SignedOperation {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (content, signature) = match Received::deserialize(deserializer)? {
            Received::Operation(received) => (
                Content::Operation(Operation {
                    rotation_keys: received.rotation_keys,
                    verification_methods: received.verification_methods,
                    also_known_as: received.also_known_as,
                    services: received.services,
                    prev: received.prev,
                }),
                received.sig,
            ),
            Received::Tombstone(received) => {
                (Content::Tombstone(Tombstone { prev: received.prev }), received.sig)
            }
            Received::LegacyCreate(received) => (
                Content::LegacyCreate(LegacyCreate {
                    signing_key: received.signing_key,
                    recovery_key: received.recovery_key,
                    handle: received.handle,
                    service: received.service,
                }),
                received.sig,
            ),
        };
        Ok(Self { content, signature })
    }
}
