//! Operations: what they say, how they are signed, hashed and checked.

use std::collections::BTreeMap;

use data_encoding::{BASE32_NOPAD, BASE64URL_NOPAD};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::wire;
use crate::crypto::{PublicKey, SignError, Signature, SignatureError, Signer};
use crate::syntax::{Cid, Did, Handle};

/// The length of the part of the DID that comes from the hash.
const IDENTIFIER: usize = 24;

/// A regular operation: the whole state of an identity, not yet signed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Operation {
    /// The keys that control the identity, as `did:key`, highest authority first.
    pub rotation_keys: Vec<String>,
    /// The keys that appear in the DID document, as `did:key`, by name without `#`.
    pub verification_methods: BTreeMap<String, String>,
    /// Other names as URIs, most preferred first.
    pub also_known_as: Vec<String>,
    /// Services by name without `#`.
    pub services: BTreeMap<String, Service>,
    /// The operation that this one follows; `None` in a genesis.
    pub prev: Option<Cid>,
}

/// A service of an identity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// The kind of service, for example `AtprotoPersonalDataServer`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Where it is.
    pub endpoint: String,
}

/// The operation that ends an identity, not yet signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tombstone {
    /// The operation that this one follows.
    pub prev: Cid,
}

/// The form of genesis used until 2023. It is no longer accepted, and stays valid in logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LegacyCreate {
    /// The key that signs the repository, as `did:key`; also the second rotation key.
    pub signing_key: String,
    /// The first rotation key, as `did:key`.
    pub recovery_key: String,
    /// The handle, without `at://`.
    pub handle: String,
    /// The host, with or without a scheme.
    pub service: String,
}

/// What an operation says, without its signature.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Content {
    /// `plc_operation`
    Operation(Operation),
    /// `plc_tombstone`
    Tombstone(Tombstone),
    /// `create`
    LegacyCreate(LegacyCreate),
}

/// An operation with its signature: what is submitted, hashed and logged.
///
/// Serializes to the JSON of the directory. Reading is strict, because the hash depends on
/// every field: unknown, missing or duplicate fields are errors. The signature stays text
/// until it is verified, since that text is part of the hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedOperation {
    pub(super) content: Content,
    pub(super) signature: String,
}

/// Why a signature was not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignatureProblem {
    /// Not base64url without padding and with zero trailing bits, or not 64 bytes.
    #[error("the signature is not 64 bytes in base64url without padding")]
    Encoding,
    /// None of the keys made it; high-S signatures never count.
    #[error("none of the rotation keys made the signature")]
    NoKey,
}

impl Operation {
    /// The genesis of an account: its rotation keys, the key that signs its repository, its
    /// handle, and the origin of its host.
    pub fn account(
        rotation_keys: &[PublicKey],
        signing_key: &PublicKey,
        handle: &Handle,
        pds: &str,
    ) -> Self {
        let mut operation = Self {
            rotation_keys: rotation_keys.iter().map(PublicKey::to_did_key).collect(),
            ..Self::default()
        };
        operation.set_signing_key(signing_key);
        operation.set_handle(handle);
        operation.set_pds(pds);
        operation
    }

    /// Replaces the key that signs the repository.
    pub fn set_signing_key(&mut self, key: &PublicKey) {
        self.verification_methods.insert("atproto".to_owned(), key.to_did_key());
    }

    /// Replaces the first `at://` name, or puts the handle first if there is none.
    pub fn set_handle(&mut self, handle: &Handle) {
        let name = format!("at://{handle}");
        match self.also_known_as.iter_mut().find(|name| name.starts_with("at://")) {
            Some(existing) => *existing = name,
            None => self.also_known_as.insert(0, name),
        }
    }

    /// Replaces the host; `origin` is a URL without path.
    pub fn set_pds(&mut self, origin: &str) {
        let service =
            Service { kind: "AtprotoPersonalDataServer".to_owned(), endpoint: origin.to_owned() };
        self.services.insert("atproto_pds".to_owned(), service);
    }

    /// As [`set_signing_key`](Self::set_signing_key).
    #[must_use]
    pub fn with_signing_key(mut self, key: &PublicKey) -> Self {
        self.set_signing_key(key);
        self
    }

    /// As [`set_handle`](Self::set_handle).
    #[must_use]
    pub fn with_handle(mut self, handle: &Handle) -> Self {
        self.set_handle(handle);
        self
    }

    /// As [`set_pds`](Self::set_pds).
    #[must_use]
    pub fn with_pds(mut self, origin: &str) -> Self {
        self.set_pds(origin);
        self
    }

    /// Gives a key the highest authority; the others follow as they were.
    #[must_use]
    pub fn with_rotation_key(self, key: &PublicKey) -> Self {
        let mut operation = self.without_rotation_key(key);
        operation.rotation_keys.insert(0, key.to_did_key());
        operation
    }

    /// Takes its authority from a key.
    #[must_use]
    pub fn without_rotation_key(mut self, key: &PublicKey) -> Self {
        let key = key.to_did_key();
        self.rotation_keys.retain(|other| *other != key);
        self
    }

    /// Signs the operation with a rotation key of its predecessor.
    pub fn sign(self, signer: &dyn Signer) -> Result<SignedOperation, SignError> {
        SignedOperation::sign(Content::Operation(self), signer)
    }
}

impl Tombstone {
    /// Signs the tombstone with a rotation key of its predecessor.
    pub fn sign(self, signer: &dyn Signer) -> Result<SignedOperation, SignError> {
        SignedOperation::sign(Content::Tombstone(self), signer)
    }
}

impl LegacyCreate {
    /// The same genesis as a regular operation. Its hash is another one.
    pub fn to_operation(&self) -> Operation {
        let endpoint = if has_http_scheme(&self.service) {
            self.service.clone()
        } else {
            format!("https://{}", self.service)
        };
        let handle = self.handle.replacen("http://", "", 1).replacen("https://", "", 1);
        let name = if handle.starts_with("at://") { handle } else { format!("at://{handle}") };
        let mut operation = Operation {
            rotation_keys: vec![self.recovery_key.clone(), self.signing_key.clone()],
            also_known_as: vec![name],
            ..Operation::default()
        };
        operation.verification_methods.insert("atproto".to_owned(), self.signing_key.clone());
        operation.set_pds(&endpoint);
        operation
    }
}

impl Content {
    /// What the signature covers: the fields in DAG-CBOR, without `sig`. For keys that are
    /// not in this process and must not be waited for on a thread.
    ///
    /// ```
    /// use atproto_core::crypto::{PublicKey, SignError, Signature};
    /// use atproto_core::identity::plc::{Content, Operation, SignedOperation};
    /// # use atproto_core::crypto::{Curve, SecretKey, Signer};
    /// # use atproto_core::syntax::Handle;
    /// # struct Service(SecretKey);
    /// # impl Service {
    /// #     async fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
    /// #         self.0.sign(message).map(|signature| signature.as_bytes().to_vec())
    /// #     }
    /// # }
    ///
    /// async fn sign(
    ///     operation: Operation,
    ///     service: &Service,
    ///     key: &PublicKey,
    /// ) -> Result<SignedOperation, SignError> {
    ///     let content = Content::Operation(operation);
    ///     let bytes = service.sign(&content.signing_input()).await?;
    ///     Ok(content.with_signature(key, &Signature::from_bytes(&bytes)?)?)
    /// }
    /// # let service = Service(SecretKey::generate(Curve::P256));
    /// # let key = service.0.public_key();
    /// # let handle = Handle::new("alice.test").unwrap();
    /// # let keys = std::slice::from_ref(&key);
    /// # let operation = Operation::account(keys, &key, &handle, "https://pds.example.com");
    /// # let signed = futures::executor::block_on(sign(operation, &service, &key)).unwrap();
    /// # assert_eq!(signed.signer(&[key.to_did_key()]), Ok(0));
    /// ```
    pub fn signing_input(&self) -> Vec<u8> {
        wire::to_cbor(self, None)
    }

    /// Adds a signature that was made elsewhere, after lowering its `s` where it is high,
    /// and verifying it under the key that was to make it.
    pub fn with_signature(
        self,
        key: &PublicKey,
        signature: &Signature,
    ) -> Result<SignedOperation, SignatureError> {
        let signature = key.verify_lowered(&self.signing_input(), signature)?;
        Ok(SignedOperation::from_parts(self, &signature))
    }
}

impl SignedOperation {
    /// Puts an operation and a signature made elsewhere together; nothing is verified.
    pub fn from_parts(content: Content, signature: &Signature) -> Self {
        Self { content, signature: BASE64URL_NOPAD.encode(signature.as_bytes()) }
    }

    /// Reads the directory's JSON.
    pub fn from_json(json: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(json)
    }

    /// What the operation says.
    pub fn content(&self) -> &Content {
        &self.content
    }

    /// The signature as it stands in the operation.
    pub fn signature(&self) -> &str {
        &self.signature
    }

    /// The hash by which the next operation refers to this one.
    pub fn cid(&self) -> Cid {
        Cid::dag_cbor(&self.to_cbor())
    }

    /// The bytes that are hashed.
    pub fn to_cbor(&self) -> Vec<u8> {
        wire::to_cbor(&self.content, Some(&self.signature))
    }

    /// The operation that this one follows.
    pub fn prev(&self) -> Option<Cid> {
        match &self.content {
            Content::Operation(operation) => operation.prev,
            Content::Tombstone(tombstone) => Some(tombstone.prev),
            Content::LegacyCreate(_) => None,
        }
    }

    /// Whether the operation ends the identity.
    pub fn is_tombstone(&self) -> bool {
        matches!(self.content, Content::Tombstone(_))
    }

    /// The state that the operation declares, in the regular form; `None` for a tombstone.
    pub fn operation(&self) -> Option<Operation> {
        match &self.content {
            Content::Operation(operation) => Some(operation.clone()),
            Content::LegacyCreate(create) => Some(create.to_operation()),
            Content::Tombstone(_) => None,
        }
    }

    /// An operation that follows this one and, so far, changes nothing; `None` after a
    /// tombstone. Change it, then sign it:
    ///
    /// ```
    /// # use atproto_core::crypto::{Curve, SecretKey};
    /// # use atproto_core::identity::plc::{self, Operation};
    /// # use atproto_core::syntax::Handle;
    /// # let rotation = SecretKey::generate(Curve::K256);
    /// # let key = rotation.public_key();
    /// # let handle = Handle::new("alice.test")?;
    /// # let new_key = SecretKey::generate(Curve::P256).public_key();
    /// # let operation = Operation::account(&[key.clone()], &key, &handle, "https://pds.example.com");
    /// # let (_, latest) = plc::create(operation, &rotation)?;
    /// let next = || latest.successor().ok_or("the identity has ended");
    /// let renamed = next()?.with_handle(&Handle::new("ali.test")?).sign(&rotation)?;
    /// let moved = next()?.with_pds("https://new.example.com").sign(&rotation)?;
    /// let rotated = next()?.with_signing_key(&new_key).sign(&rotation)?;
    /// let secured = next()?.with_rotation_key(&new_key).sign(&rotation)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn successor(&self) -> Option<Operation> {
        Some(Operation { prev: Some(self.cid()), ..self.operation()? })
    }

    /// The index of the first of these keys, given as `did:key`, that made the signature.
    /// Keys of curves that are not supported are passed over.
    pub fn signer(&self, keys: &[String]) -> Result<usize, SignatureProblem> {
        let signature = BASE64URL_NOPAD
            .decode(self.signature.as_bytes())
            .ok()
            .and_then(|bytes| Signature::from_bytes(&bytes).ok())
            .ok_or(SignatureProblem::Encoding)?;
        let message = self.content.signing_input();
        keys.iter()
            .position(|key| {
                PublicKey::from_did_key(key)
                    .is_ok_and(|key| key.verify(&message, &signature).is_ok())
            })
            .ok_or(SignatureProblem::NoKey)
    }

    fn sign(content: Content, signer: &dyn Signer) -> Result<Self, SignError> {
        let signature = signer.sign(&content.signing_input())?;
        Ok(Self::from_parts(content, &signature))
    }
}

/// Signs a genesis with one of its own rotation keys and gives the DID that it creates.
/// The `prev` of the operation is ignored.
pub fn create(
    mut operation: Operation,
    signer: &dyn Signer,
) -> Result<(Did, SignedOperation), SignError> {
    operation.prev = None;
    let genesis = operation.sign(signer)?;
    Ok((did_of_genesis(&genesis), genesis))
}

/// The DID that an operation creates if it is a genesis: the first 24 characters of its hash
/// in base32.
pub fn did_of_genesis(genesis: &SignedOperation) -> Did {
    let mut text = BASE32_NOPAD.encode(&Sha256::digest(genesis.to_cbor()));
    text.truncate(IDENTIFIER);
    text.make_ascii_lowercase();
    Did::new(format!("did:plc:{text}")).expect("24 base32 characters are a valid identifier")
}

fn has_http_scheme(url: &str) -> bool {
    url.starts_with("http://") || url.starts_with("https://")
}
