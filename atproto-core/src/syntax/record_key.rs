use smol_str::SmolStr;

use super::{Fault, SyntaxError, Tid, ascii::Set};

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

    /// What a new record key should stay below, in bytes. Longer ones are as valid. Source:
    /// <https://atproto.com/specs/record-key#usage-and-implementation-guidelines>.
    pub const ADVISED_LEN: usize = 80;

    /// Parses a record key.
    pub fn new(text: impl AsRef<str>) -> Result<Self, SyntaxError> {
        let text = text.as_ref();
        Self::check(text)?;
        Ok(Self(SmolStr::new(text)))
    }

    /// Whether the text is a record key, without making a value of it. Never allocates.
    pub fn check(text: &str) -> Result<(), SyntaxError> {
        check(text).map_err(SyntaxError::RecordKey)
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
        Self(SmolStr::new(tid.encode(&mut [0; Tid::LEN])))
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
    ALPHABET.check(text.as_bytes(), 0)
}

static ALPHABET: Set = Set::alphanumeric_and(b".-_:~");
