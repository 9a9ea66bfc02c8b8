use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{DataError, Extra, Map, Value};
use crate::syntax::{Cid, Codec};

/// A reference to a blob: the lexicon type `blob`.
///
/// Today's form is `{"$type": "blob", "ref": link, "mimeType": …, "size": …}`. Old records
/// hold `{"cid": text, "mimeType": …}`; that form is read, and written back as it was so
/// that a record keeps its CID, but it cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct BlobRef {
    cid: Cid,
    mime_type: String,
    /// Absent in the old form alone.
    size: Option<i64>,
    extra: Extra,
}

impl BlobRef {
    /// The media type of a blob of which none is known.
    pub const UNKNOWN_MIME_TYPE: &'static str = "application/octet-stream";

    /// A reference to a blob. The CID must have the raw codec, the media type must not be
    /// empty, and the size in bytes must be positive and within `i64`.
    pub fn new(cid: Cid, mime_type: impl Into<String>, size: u64) -> Result<Self, DataError> {
        let mime_type = mime_type.into();
        let size = i64::try_from(size).map_err(|_| DataError::IntegerRange)?;
        if cid.codec() != Codec::Raw || mime_type.is_empty() || size == 0 {
            return Err(DataError::BlobShape);
        }
        Ok(Self { cid, mime_type, size: Some(size), extra: Extra::default() })
    }

    /// The CID of the blob's bytes.
    pub fn cid(&self) -> Cid {
        self.cid
    }

    /// The media type that the record claims.
    pub fn mime_type(&self) -> &str {
        &self.mime_type
    }

    /// The size in bytes that the record claims; `None` in the old form.
    pub fn size(&self) -> Option<u64> {
        self.size.and_then(|size| u64::try_from(size).ok())
    }

    /// Whether this was read from the old form.
    pub fn is_legacy(&self) -> bool {
        self.size.is_none()
    }

    pub(super) fn from_map(map: &Map) -> Result<Self, DataError> {
        match map.type_name() {
            Some("blob") => Self::from_typed_form(map),
            None => Self::from_legacy_form(map),
            Some(_) => Err(DataError::BlobShape),
        }
    }

    fn from_typed_form(map: &Map) -> Result<Self, DataError> {
        let cid = map.get("ref").and_then(Value::as_link);
        let mime_type = map.get("mimeType").and_then(Value::as_str);
        let size = map.get("size").and_then(Value::as_i64).and_then(|size| size.try_into().ok());
        let (Some(cid), Some(mime_type), Some(size)) = (cid, mime_type, size) else {
            return Err(DataError::BlobShape);
        };
        let mut blob = Self::new(cid, mime_type, size)?;
        let known = ["$type", "ref", "mimeType", "size"];
        blob.extra = map
            .iter()
            .filter(|(key, _)| !known.contains(key))
            .map(|(key, value)| (key, value.clone()))
            .collect();
        Ok(blob)
    }

    /// The old form carries no mark, so nothing beside its two fields is tolerated.
    fn from_legacy_form(map: &Map) -> Result<Self, DataError> {
        let cid = map.get("cid").and_then(Value::as_str).and_then(|text| text.parse().ok());
        let mime_type = map.get("mimeType").and_then(Value::as_str);
        match (cid, mime_type) {
            (Some(cid), Some(mime_type)) if map.len() == 2 => {
                let extra = Extra::default();
                Ok(Self { cid, mime_type: mime_type.to_owned(), size: None, extra })
            }
            _ => Err(DataError::BlobShape),
        }
    }
}

impl From<BlobRef> for Map {
    fn from(blob: BlobRef) -> Self {
        let mime_type = Value::from(blob.mime_type);
        let Some(size) = blob.size else {
            let cid = Value::from(blob.cid.to_string());
            return Self::from([("cid", cid), ("mimeType", mime_type)]);
        };
        let mut map = Self::from(blob.extra);
        map.insert("$type", "blob");
        map.insert("mimeType", mime_type);
        map.insert("ref", blob.cid);
        map.insert("size", size);
        map
    }
}

impl Serialize for BlobRef {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Map::from(self.clone()).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for BlobRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let map = Map::deserialize(deserializer)?;
        Self::from_map(&map).map_err(D::Error::custom)
    }
}
