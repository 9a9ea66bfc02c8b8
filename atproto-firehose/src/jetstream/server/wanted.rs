//! What a reader wants.

use std::collections::HashSet;

use atproto_core::syntax::{Did, Nsid, NsidPattern, SyntaxError};
use serde::Deserialize;

use crate::jetstream::{MAX_COLLECTIONS, MAX_DIDS};

/// Which events a reader wants: of which collections and accounts, and how long.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    collections: Option<Collections>,
    dids: Option<HashSet<Did>>,
    /// Bytes of JSON; 0: any.
    max_message_bytes: usize,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Collections {
    named: HashSet<Nsid>,
    /// With the dot at the end.
    prefixes: HashSet<String>,
}

/// Why options cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OptionsError {
    /// A collection or an account is none.
    #[error(transparent)]
    Syntax(#[from] SyntaxError),
    /// More collections than [`MAX_COLLECTIONS`].
    #[error("more than {MAX_COLLECTIONS} collections")]
    Collections,
    /// More accounts than [`MAX_DIDS`].
    #[error("more than {MAX_DIDS} accounts")]
    Dids,
    /// A client's message is not JSON of the form it should have.
    #[error("no message of a client: {0}")]
    Message(#[from] serde_json::Error),
}

impl Wanted {
    /// Everything, by the parameters of a request. Others than the three of this type are
    /// passed over. What is no number is no limit, as with the public servers.
    ///
    /// # Errors
    /// [`OptionsError`].
    pub fn of_query<'q>(
        pairs: impl IntoIterator<Item = (&'q str, &'q str)>,
    ) -> Result<Self, OptionsError> {
        let mut wanted = Self::default();
        for (name, value) in pairs {
            match name {
                "wantedCollections" => wanted.add_collection(value)?,
                "wantedDids" => wanted.add_did(value)?,
                "maxMessageSizeBytes" => {
                    wanted.max_message_bytes = value.parse().unwrap_or_default();
                }
                _ => {}
            }
        }
        Ok(wanted)
    }

    /// By a client's message. `None` if it is one of another kind, which is to be passed over.
    ///
    /// # Errors
    /// [`OptionsError`].
    pub fn of_message(text: &str) -> Result<Option<Self>, OptionsError> {
        let message: Message<'_> = serde_json::from_str(text)?;
        if message.kind != OPTIONS_UPDATE {
            return Ok(None);
        }
        let payload: Payload = serde_json::from_str(message.payload.get())?;
        let max = payload.max_message_size_bytes.unwrap_or_default();
        let mut wanted =
            Self { max_message_bytes: usize::try_from(max).unwrap_or_default(), ..Self::default() };
        for collection in payload.wanted_collections.iter().flatten() {
            wanted.add_collection(collection)?;
        }
        for did in payload.wanted_dids.iter().flatten() {
            wanted.add_did(did)?;
        }
        Ok(Some(wanted))
    }

    /// Whether an event is wanted: of an account, in a collection if it is one of a record, of
    /// so many bytes.
    pub fn wants(&self, did: &str, collection: Option<&str>, bytes: usize) -> bool {
        let fits = self.max_message_bytes == 0 || bytes <= self.max_message_bytes;
        fits && self.dids.as_ref().is_none_or(|dids| dids.contains(did))
            && self.collections.as_ref().zip(collection).is_none_or(|(wanted, it)| wanted.have(it))
    }

    fn add_collection(&mut self, text: &str) -> Result<(), OptionsError> {
        let collections = self.collections.get_or_insert_default();
        if let Some(prefix) = text.strip_suffix(".*") {
            NsidPattern::check(text)?;
            collections.prefixes.insert(format!("{prefix}."));
        } else {
            collections.named.insert(Nsid::new(text)?);
        }
        let count = collections.named.len() + collections.prefixes.len();
        if count > MAX_COLLECTIONS { Err(OptionsError::Collections) } else { Ok(()) }
    }

    fn add_did(&mut self, text: &str) -> Result<(), OptionsError> {
        let dids = self.dids.get_or_insert_default();
        dids.insert(Did::new(text)?);
        if dids.len() > MAX_DIDS { Err(OptionsError::Dids) } else { Ok(()) }
    }
}

impl Collections {
    fn have(&self, collection: &str) -> bool {
        let starts = |prefix: &String| collection.starts_with(prefix.as_str());
        self.named.contains(collection) || self.prefixes.iter().any(starts)
    }
}

/// A message of a client.
#[derive(Deserialize)]
struct Message<'t> {
    #[serde(rename = "type")]
    kind: String,
    #[serde(borrow, default = "null")]
    payload: &'t serde_json::value::RawValue,
}

fn null<'t>() -> &'t serde_json::value::RawValue {
    serde_json::value::RawValue::NULL
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Payload {
    wanted_collections: Option<Vec<String>>,
    wanted_dids: Option<Vec<String>>,
    max_message_size_bytes: Option<i64>,
}

/// The one kind of message that a client sends.
const OPTIONS_UPDATE: &str = "options_update";
