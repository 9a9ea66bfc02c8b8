use smol_str::SmolStr;

use super::{Fault, SyntaxError};

/// A URI of any scheme, as the lexicon format `uri` admits it.
///
/// The check is the protocol's, and deliberately a loose one: a scheme, a colon, then at
/// least one character, without white space or control characters. Characters beyond
/// ASCII are let through, because records carry addresses as people type them. Whoever
/// fetches one has to parse it for that purpose.
///
/// See the [specification](https://atproto.com/specs/lexicon#uri).
///
/// ```
/// use atproto_core::syntax::Uri;
///
/// assert_eq!(Uri::new("https://example.com/path?q=1")?.scheme(), "https");
/// assert!(Uri::new("example.com").is_err());
/// # Ok::<(), atproto_core::syntax::SyntaxError>(())
/// ```
#[derive(Clone)]
pub struct Uri(SmolStr);

string_type!(Uri, "a URI");

impl Uri {
    /// The longest URI in bytes. Source: <https://atproto.com/specs/lexicon#uri>.
    pub const MAX_LEN: usize = 8 * 1024;

    /// Parses a URI.
    pub fn new(text: impl AsRef<str>) -> Result<Self, SyntaxError> {
        let text = text.as_ref();
        Self::check(text)?;
        Ok(Self(SmolStr::new(text)))
    }

    /// Whether the text is a URI, without making a value of it. Never allocates.
    pub fn check(text: &str) -> Result<(), SyntaxError> {
        check(text).map_err(SyntaxError::Uri)
    }

    /// The URI as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The scheme as written, without the colon.
    pub fn scheme(&self) -> &str {
        self.0.split_once(':').map_or("", |(scheme, _)| scheme)
    }
}

fn check(text: &str) -> Result<(), Fault> {
    if text.len() > Uri::MAX_LEN {
        return Err(Fault::TooLong { part: "URI", limit: Uri::MAX_LEN });
    }
    let Some((scheme, rest)) = text.split_once(':') else {
        return Err(Fault::Empty { part: "scheme" });
    };
    check_scheme(scheme)?;
    if rest.is_empty() {
        return Err(Fault::Empty { part: "part behind the scheme" });
    }
    match rest.char_indices().find(|(_, c)| c.is_whitespace() || c.is_control()) {
        Some((at, _)) => Err(Fault::BadCharacter { at: scheme.len() + 1 + at }),
        None => Ok(()),
    }
}

/// RFC 3986 section 3.1.
fn check_scheme(scheme: &str) -> Result<(), Fault> {
    if scheme.is_empty() {
        return Err(Fault::Empty { part: "scheme" });
    }
    let allowed = |(index, byte): (usize, u8)| {
        byte.is_ascii_alphabetic()
            || (index > 0 && (byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.')))
    };
    match scheme.bytes().enumerate().position(|entry| !allowed(entry)) {
        Some(at) => Err(Fault::BadCharacter { at }),
        None => Ok(()),
    }
}
