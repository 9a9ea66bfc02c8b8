use smol_str::{SmolStr, StrExt};

use super::{
    Fault, SyntaxError,
    ascii::{MAX_DOMAIN, check_labels},
};

/// A handle: the domain name under which an account is known.
///
/// Handles are case-insensitive; parsing lower-cases them, so that equal handles compare
/// equal. A handle says nothing until it has been resolved in both directions.
///
/// See the [specification](https://atproto.com/specs/handle).
///
/// ```
/// use atproto_core::syntax::Handle;
///
/// assert_eq!(Handle::new("Alice.Example.COM")?, "alice.example.com");
/// assert!(Handle::new("@alice.example.com").is_err());
/// assert!(Handle::new("127.0.0.1").is_err());
/// # Ok::<(), atproto_core::syntax::SyntaxError>(())
/// ```
#[derive(Clone)]
pub struct Handle(SmolStr);

string_type!(Handle, "a handle");

impl Handle {
    /// The longest handle in bytes. Source:
    /// <https://atproto.com/specs/handle#handle-identifier-syntax>.
    pub const MAX_LEN: usize = MAX_DOMAIN;

    /// The longest handle in bytes for which a DNS record can be looked up, because the
    /// record's name is `_atproto.` and the handle, and that name has the same limit.
    /// Source: <https://atproto.com/specs/handle#handle-identifier-syntax>.
    pub const MAX_DNS_LEN: usize = MAX_DOMAIN - "_atproto.".len();

    /// What is shown instead of a handle that does not resolve. It is a handle by its
    /// syntax and nobody's handle by definition.
    pub const INVALID: &'static str = "handle.invalid";

    /// Parses a handle and lower-cases it.
    pub fn new(text: impl AsRef<str>) -> Result<Self, SyntaxError> {
        let text = text.as_ref();
        Self::check(text)?;
        Ok(Self::from_checked(text))
    }

    /// [`Handle::INVALID`] as a value.
    pub fn invalid() -> Self {
        Self(SmolStr::new_static(Self::INVALID))
    }

    /// Whether the text is a handle, without making a value of it. Never allocates.
    pub fn check(text: &str) -> Result<(), SyntaxError> {
        check(text).map_err(SyntaxError::Handle)
    }

    /// The handle as text, in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is `handle.invalid`, which stands for the absence of a handle.
    pub fn is_invalid_handle(&self) -> bool {
        self.0 == Self::INVALID
    }

    /// The last segment.
    pub fn tld(&self) -> &str {
        self.0.rsplit_once('.').map_or("", |(_, tld)| tld)
    }

    /// Whether the handle ends in a top-level domain that can never be registered or
    /// resolved, however well-formed the handle is. Does not include `.test`, which
    /// development admits; ask [`Handle::is_test`].
    pub fn has_disallowed_tld(&self) -> bool {
        DISALLOWED_TLDS.contains(&self.tld())
    }

    /// Whether the handle ends in `.test`, which is for development only.
    pub fn is_test(&self) -> bool {
        self.tld() == "test"
    }

    /// Whether the handle is short enough to be looked up in the DNS. A longer one can
    /// only be resolved over HTTPS, so it is better not registered.
    pub fn fits_dns(&self) -> bool {
        self.0.len() <= Self::MAX_DNS_LEN
    }

    /// Takes over text that has been checked before, as part of a larger one.
    pub(super) fn from_checked(text: &str) -> Self {
        // Most handles are in lower case, and lowering a long one allocates twice.
        let upper = text.bytes().fold(false, |any, byte| any | byte.is_ascii_uppercase());
        Self(if upper { text.to_ascii_lowercase_smolstr() } else { SmolStr::new(text) })
    }
}

pub(super) fn check(text: &str) -> Result<(), Fault> {
    if text.is_empty() {
        return Err(Fault::Empty { part: "handle" });
    }
    if text.len() > Handle::MAX_LEN {
        return Err(Fault::TooLong { part: "handle", limit: Handle::MAX_LEN });
    }
    let labels = check_labels(text.as_bytes())?;
    if labels.count < 2 {
        return Err(Fault::TooFewSegments { least: 2 });
    }
    if text.as_bytes()[labels.last].is_ascii_digit() {
        return Err(Fault::SegmentStartsWithDigit { at: labels.last });
    }
    Ok(())
}

/// Source: <https://atproto.com/specs/handle#additional-non-syntax-restrictions>.
const DISALLOWED_TLDS: [&str; 8] =
    ["alt", "arpa", "example", "internal", "invalid", "local", "localhost", "onion"];
