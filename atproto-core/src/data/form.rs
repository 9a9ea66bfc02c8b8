use super::{DataError, Value, limits};
use crate::syntax::{Cid, Codec};

/// What the rules on maps need to know of an entry's value.
#[derive(Debug, Clone, Copy)]
pub(super) enum Seen<'a> {
    Text(&'a str),
    Integer(i64),
    Link(Cid),
    Other,
}

impl<'a> From<&'a Value> for Seen<'a> {
    fn from(value: &'a Value) -> Self {
        match value {
            Value::String(text) => Self::Text(text),
            Value::Integer(number) => Self::Integer(*number),
            Value::Link(cid) => Self::Link(*cid),
            _ => Self::Other,
        }
    }
}

/// The rules on maps that hold without a schema, gathered entry by entry.
///
/// They are kept apart from the walk over bytes or values so that the checker, the
/// decoders and the JSON reader cannot disagree.
#[derive(Debug, Default)]
pub(super) struct MapForm {
    is_blob: bool,
    bad_type: bool,
    has_link: bool,
    has_bytes: bool,
    good_ref: bool,
    good_size: bool,
    good_mime: bool,
}

impl MapForm {
    pub(super) fn note(&mut self, key: &str, seen: Seen<'_>) {
        match (key, seen) {
            ("$type", Seen::Text(name)) => {
                self.is_blob = name == "blob";
                self.bad_type = name.is_empty();
            }
            ("$type", _) => self.bad_type = true,
            ("$link", _) => self.has_link = true,
            ("$bytes", _) => self.has_bytes = true,
            ("ref", Seen::Link(cid)) => self.good_ref = cid.codec() == Codec::Raw,
            ("size", Seen::Integer(size)) => self.good_size = size > 0,
            ("mimeType", Seen::Text(mime)) => self.good_mime = !mime.is_empty(),
            _ => {}
        }
    }

    /// Judges the map after its last entry. `$link` and `$bytes` are wrong here: in JSON
    /// they have been resolved before, and in DAG-CBOR they would read as something else
    /// once written as JSON.
    pub(super) fn judge(&self) -> Result<(), DataError> {
        if self.has_link {
            Err(DataError::LinkShape)
        } else if self.has_bytes {
            Err(DataError::BytesShape)
        } else if self.bad_type {
            Err(DataError::TypeShape)
        } else if self.is_blob && !(self.good_ref && self.good_size && self.good_mime) {
            Err(DataError::BlobShape)
        } else {
            Ok(())
        }
    }
}

/// The rules on one key by itself.
pub(super) fn key(key: &str) -> Result<(), DataError> {
    match key.len() {
        0 => Err(DataError::EmptyKey),
        1..=limits::MAX_KEY => Ok(()),
        _ => Err(DataError::KeyLength),
    }
}
