use smol_str::{SmolStr, format_smolstr};

use super::{Fault, SyntaxError, Tid};

/// A record key: the name of a record within its collection.
///
/// Case-sensitive. Most are TIDs, but none may be taken for one unseen, and none is ever
/// turned into a number: two texts are two keys.
///
/// See the [specification](https://atproto.com/specs/record-key).
///
/// ```
/// use atproto_core::syntax::RecordKey;
///
/// assert_eq!(RecordKey::new("self")?, "self");
/// assert!(RecordKey::new("..").is_err());
/// # Ok::<(), atproto_core::syntax::SyntaxError>(())
/// ```
#[derive(Clone)]
pub struct RecordKey(SmolStr);

string_type!(RecordKey, "a record key");

impl RecordKey {
    /// The longest record key in bytes. Source:
    /// <https://atproto.com/specs/record-key#record-key-syntax>.
    pub const MAX_LEN: usize = 512;

    /// Parses a record key.
    pub fn new(text: impl AsRef<str>) -> Result<Self, SyntaxError> {
        let text = text.as_ref();
        check(text).map_err(SyntaxError::RecordKey)?;
        Ok(Self(SmolStr::new(text)))
    }

    /// The record key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Takes over text that has been checked before, as part of a larger one.
    pub(super) fn from_checked(text: &str) -> Self {
        Self(SmolStr::new(text))
    }
}

impl From<Tid> for RecordKey {
    fn from(tid: Tid) -> Self {
        Self(format_smolstr!("{tid}"))
    }
}

pub(super) fn check(text: &str) -> Result<(), Fault> {
    if text.is_empty() {
        return Err(Fault::Empty { part: "record key" });
    }
    if text.len() > RecordKey::MAX_LEN {
        return Err(Fault::TooLong { part: "record key", limit: RecordKey::MAX_LEN });
    }
    if text == "." || text == ".." {
        return Err(Fault::Reserved);
    }
    match text.bytes().position(|byte| !is_key_byte(byte)) {
        Some(at) => Err(Fault::BadCharacter { at }),
        None => Ok(()),
    }
}

fn is_key_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':' | b'~')
}
