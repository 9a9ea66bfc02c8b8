use std::{fmt, str::FromStr};

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

/// The longest list of scopes in bytes. Ours: hundreds of permissions of usual length fit.
pub const MAX_SCOPE_BYTES: usize = 32 << 10;

/// The most scopes of one list. Ours, as above.
pub const MAX_SCOPES: usize = 512;

/// The general form of a scope, `resource[:positional][?name=value&…]`, decoded. What the
/// parts mean is the [`Permission`](super::Permission)'s to say.
///
/// Source: [permission specification, "Scope String Syntax"](https://atproto.com/specs/permission).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct ScopeSyntax {
    /// What comes before the colon or the question mark.
    pub resource: String,
    /// What comes after the colon.
    pub positional: Option<String>,
    /// The parameters in their order.
    pub params: Vec<(String, String)>,
}

/// Why a text is no scope at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ScopeError {
    /// There is none: two spaces, or a space at an end.
    #[error("an empty scope")]
    Empty,
    /// Scopes are printable ASCII without `"` and `\` (RFC 6749, section 3.3).
    #[error("a character that scopes do not have at byte {0}")]
    Character(usize),
    /// A percent sign without two hexadecimal digits, or bytes that are not UTF-8.
    #[error("not percent-encoded UTF-8")]
    Encoding,
    /// More than [`MAX_SCOPE_BYTES`] or [`MAX_SCOPES`].
    #[error("too many scopes")]
    TooMany,
}

impl ScopeSyntax {
    pub(super) fn new(resource: &str) -> Self {
        Self { resource: resource.to_owned(), positional: None, params: Vec::new() }
    }

    /// Adds values of a parameter that may be positional, which a single one then is.
    pub(super) fn first(mut self, name: &str, values: impl IntoIterator<Item = String>) -> Self {
        let mut values: Vec<_> = values.into_iter().collect();
        if values.len() == 1 {
            self.positional = values.pop();
        }
        self.more(name, values)
    }

    /// Adds values of a parameter.
    pub(super) fn more(mut self, name: &str, values: impl IntoIterator<Item = String>) -> Self {
        self.params.extend(values.into_iter().map(|value| (name.to_owned(), value)));
        self
    }
}

impl FromStr for ScopeSyntax {
    type Err = ScopeError;

    fn from_str(text: &str) -> Result<Self, ScopeError> {
        if let Some(place) = text.bytes().position(|byte| !in_scope(byte)) {
            return Err(ScopeError::Character(place));
        }
        let (front, query) = text.split_once('?').unwrap_or((text, ""));
        let (resource, positional) = match front.split_once(':') {
            Some((resource, positional)) => (resource, Some(decode(positional)?)),
            None => (front, None),
        };
        if resource.is_empty() {
            return Err(ScopeError::Empty);
        }
        let params = query.split('&').filter(|param| !param.is_empty()).map(|param| {
            let (name, value) = param.split_once('=').unwrap_or((param, ""));
            Ok((decode(name)?, decode(value)?))
        });
        let params = params.collect::<Result<_, _>>()?;
        Ok(Self { resource: resource.to_owned(), positional, params })
    }
}

impl fmt::Display for ScopeSyntax {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.resource)?;
        if let Some(positional) = &self.positional {
            write!(f, ":{}", encode(positional))?;
        }
        for (index, (name, value)) in self.params.iter().enumerate() {
            let mark = if index == 0 { '?' } else { '&' };
            write!(f, "{mark}{}={}", encode(name), encode(value))?;
        }
        Ok(())
    }
}

fn in_scope(byte: u8) -> bool {
    byte.is_ascii_graphic() && byte != b'"' && byte != b'\\'
}

/// Decodes what is percent-encoded. A plus sign is one, as in `image/svg+xml`.
fn decode(text: &str) -> Result<String, ScopeError> {
    let is_digit = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_hexdigit);
    let bytes = text.as_bytes();
    let broken = |at: usize| !is_digit(bytes.get(at + 1)) || !is_digit(bytes.get(at + 2));
    if text.match_indices('%').any(|(at, _)| broken(at)) {
        return Err(ScopeError::Encoding);
    }
    let decoded = percent_decode_str(text).decode_utf8().map_err(|_| ScopeError::Encoding)?;
    Ok(decoded.into_owned())
}

fn encode(text: &str) -> impl fmt::Display + '_ {
    utf8_percent_encode(text, ENCODED)
}

/// What cannot stand in a scope as it is, or means something there. Some readers take a plus
/// sign for a space.
const ENCODED: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'\\')
    .add(b'#')
    .add(b'%')
    .add(b'&')
    .add(b'+')
    .add(b'=')
    .add(b'?');
