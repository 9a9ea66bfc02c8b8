use super::{DataError, Value, limits};
use crate::syntax::Codec;

/// What the rules on maps need to know of an entry's value.
#[derive(Debug, Clone, Copy)]
pub(super) enum Seen<'a> {
    Text(&'a [u8]),
    Integer(i64),
    Link(Codec),
    Other,
}

impl<'a> From<&'a Value> for Seen<'a> {
    fn from(value: &'a Value) -> Self {
        match value {
            Value::String(text) => Self::Text(text.as_bytes()),
            Value::Integer(number) => Self::Integer(*number),
            Value::Link(cid) => Self::Link(cid.codec()),
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
    pub(super) fn note(&mut self, key: &[u8], seen: Seen<'_>) {
        match (key, seen) {
            (b"$type", Seen::Text(name)) => {
                self.is_blob = name == b"blob";
                self.bad_type = name.is_empty();
            }
            (b"$type", _) => self.bad_type = true,
            (b"$link", _) => self.has_link = true,
            (b"$bytes", _) => self.has_bytes = true,
            (b"ref", Seen::Link(codec)) => self.good_ref = codec == Codec::Raw,
            (b"size", Seen::Integer(size)) => self.good_size = size > 0,
            (b"mimeType", Seen::Text(mime)) => self.good_mime = !mime.is_empty(),
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

/// Whether [`MapForm::note`] would do anything with a key.
pub(super) const fn matters(key: &[u8]) -> bool {
    matches!(key, b"$type" | b"$link" | b"$bytes" | b"ref" | b"size" | b"mimeType")
}

/// The rules on one key by itself.
#[inline]
pub(super) fn key(key: &[u8]) -> Result<(), DataError> {
    match key.len() {
        0 => Err(DataError::EmptyKey),
        1..=limits::MAX_KEY => Ok(()),
        _ => Err(DataError::KeyLength),
    }
}
