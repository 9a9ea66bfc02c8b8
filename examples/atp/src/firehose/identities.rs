//! Whose key is which, from a file.

use std::{collections::HashMap, path::Path};

use anyhow::{Context, bail};
use atproto_core::{crypto::PublicKey, identity::DidDocument, syntax::Did};
use serde_json::Value;

use crate::input;

/// The keys of accounts. An account may have several, because keys change while a stream is
/// recorded: each of them will do.
#[derive(Default)]
pub(crate) struct Identities(HashMap<Did, Vec<PublicKey>>);

impl Identities {
    /// One account with one key.
    pub(crate) fn one(did: Did, key: PublicKey) -> Self {
        Self(HashMap::from([(did, vec![key])]))
    }

    pub(crate) fn keys(&self, did: &Did) -> &[PublicKey] {
        self.0.get(did).map_or(&[], Vec::as_slice)
    }

    /// Adds what is in a file: one JSON value, or one a line.
    pub(crate) fn add_file(&mut self, path: &Path) -> anyhow::Result<()> {
        let bytes = input::read(path)?;
        let values = serde_json::Deserializer::from_slice(&bytes).into_iter::<Value>();
        for value in values {
            let added = value.map_err(Into::into).and_then(|value| self.add(&value));
            added.with_context(|| path.display().to_string())?;
        }
        Ok(())
    }

    /// Adds what a value says: a list of values, a DID document, an object about one `did`,
    /// or a map of DIDs to keys and documents.
    fn add(&mut self, value: &Value) -> anyhow::Result<()> {
        match value {
            Value::Array(values) => values.iter().try_for_each(|value| self.add(value)),
            Value::Object(fields) if fields.contains_key("id") => self.add_document(value),
            Value::Object(fields) => match fields.get("did").and_then(Value::as_str) {
                Some(did) => self.add_entry(&Did::new(did)?, value),
                None => fields.iter().try_for_each(|(did, value)| {
                    let did = Did::new(did).with_context(|| format!("{did:?}"))?;
                    self.add_keys(&did, value)
                }),
            },
            _ => bail!("an object or a list is expected"),
        }
    }

    /// An object with `did` and one of: `doc` or `document`; `signingKey` or `key`; a PLC
    /// `operation`.
    fn add_entry(&mut self, did: &Did, entry: &Value) -> anyhow::Result<()> {
        let operation = entry.pointer("/operation/verificationMethods/atproto");
        let operation = operation.or_else(|| entry.pointer("/operation/signingKey"));
        let fields = ["doc", "document", "signingKey", "key"].map(|name| entry.get(name));
        match fields.into_iter().flatten().chain(operation).next() {
            Some(keys) => self.add_keys(did, keys),
            // A tombstone, for example, has none.
            None if entry.get("operation").is_some() => Ok(()),
            None => bail!("{did}: neither a key nor a document"),
        }
    }

    fn add_keys(&mut self, did: &Did, value: &Value) -> anyhow::Result<()> {
        match value {
            Value::String(key) => {
                self.push(did, input::public_key(key).with_context(|| did.to_string())?);
                Ok(())
            }
            Value::Array(keys) => keys.iter().try_for_each(|key| self.add_keys(did, key)),
            Value::Object(_) => self.add_document(value),
            _ => bail!("{did}: neither a key nor a document"),
        }
    }

    fn add_document(&mut self, value: &Value) -> anyhow::Result<()> {
        let document = DidDocument::from_json(value.to_string().as_bytes())?;
        let key = document.signing_key().with_context(|| document.id.to_string())?;
        self.push(&document.id, key);
        Ok(())
    }

    fn push(&mut self, did: &Did, key: PublicKey) {
        let keys = self.0.entry(did.clone()).or_default();
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
}
