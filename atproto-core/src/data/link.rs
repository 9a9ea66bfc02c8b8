use std::fmt;

use cid::serde::CID_SERDE_PRIVATE_IDENTIFIER;
use serde::de::{Error, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::DataError;
use crate::syntax::Cid;

/// A link to a block: the lexicon type `cid-link`.
///
/// In DAG-CBOR it is tag 42, in formats for people `{"$link": "bafy…"}`. The string
/// format `cid` is another type, [`Cid`] itself, and a string in both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CidLink(
    /// The CID of the block.
    pub Cid,
);

impl From<Cid> for CidLink {
    fn from(cid: Cid) -> Self {
        Self(cid)
    }
}

impl From<CidLink> for Cid {
    fn from(link: CidLink) -> Self {
        link.0
    }
}

impl fmt::Display for CidLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for CidLink {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            let mut map = serializer.serialize_map(Some(1))?;
            map.serialize_entry("$link", &self.0)?;
            map.end()
        } else {
            let bytes = self.0.to_bytes();
            let bytes = serde_bytes::Bytes::new(&bytes);
            serializer.serialize_newtype_struct(CID_SERDE_PRIVATE_IDENTIFIER, bytes)
        }
    }
}

impl<'de> Deserialize<'de> for CidLink {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            deserializer.deserialize_any(LinkVisitor)
        } else {
            deserializer.deserialize_newtype_struct(CID_SERDE_PRIVATE_IDENTIFIER, LinkVisitor)
        }
    }
}

/// Reads the content of tag 42 as serde's CBOR crate hands it on: the bytes of the CID
/// without the leading zero.
pub(super) fn from_cid_bytes<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<CidLink, D::Error> {
    deserializer.deserialize_bytes(CidBytesVisitor)
}

struct LinkVisitor;

impl<'de> Visitor<'de> for LinkVisitor {
    type Value = CidLink;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a link")
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> Result<CidLink, D::Error> {
        from_cid_bytes(deserializer)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<CidLink, A::Error> {
        let link = match access.next_key::<String>()?.as_deref() {
            Some("$link") => CidLink(access.next_value()?),
            _ => return Err(A::Error::custom(DataError::LinkShape)),
        };
        match access.next_key::<String>()? {
            None => Ok(link),
            Some(_) => Err(A::Error::custom(DataError::LinkShape)),
        }
    }
}

struct CidBytesVisitor;

impl Visitor<'_> for CidBytesVisitor {
    type Value = CidLink;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the bytes of a CID")
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<CidLink, E> {
        Cid::from_bytes(bytes).map(CidLink).map_err(E::custom)
    }
}
