use smol_str::{SmolStr, format_smolstr};

use super::{AtIdentifier, Did, Fault, Handle, Nsid, RecordKey, SyntaxError};
use super::{did, handle, nsid, record_key};

/// The address of a repository, a collection or a record: `at://AUTHORITY[/COLLECTION[/RKEY]]`.
///
/// This is the restricted form that lexicons use: no query, no fragment, no trailing
/// slash. The text is kept as written; [`AtUri::to_normalized`] gives the form in which
/// addresses can be compared. References between records should have a DID as authority,
/// because a handle can change hands.
///
/// See the [specification](https://atproto.com/specs/at-uri-scheme).
///
/// ```
/// use atproto_core::syntax::{AtUri, Did, Nsid, RecordKey};
///
/// let uri = AtUri::from_parts(
///     &Did::new("did:web:example.com")?,
///     &Nsid::new("app.bsky.feed.post")?,
///     &RecordKey::new("3jzfcijpj2z2a")?,
/// );
/// assert_eq!(uri, "at://did:web:example.com/app.bsky.feed.post/3jzfcijpj2z2a");
/// assert_eq!(uri.rkey().unwrap(), "3jzfcijpj2z2a");
/// # Ok::<(), atproto_core::syntax::SyntaxError>(())
/// ```
#[derive(Clone)]
pub struct AtUri {
    text: SmolStr,
    parts: Parts,
}

string_type!(AtUri, "an AT-URI");

impl AtUri {
    /// The longest AT-URI in bytes. Source:
    /// <https://atproto.com/specs/at-uri-scheme#full-at-uri-syntax>.
    pub const MAX_LEN: usize = 8 * 1024;

    /// Parses an AT-URI.
    pub fn new(text: impl AsRef<str>) -> Result<Self, SyntaxError> {
        let text = text.as_ref();
        let parts = parse(text).map_err(SyntaxError::AtUri)?;
        Ok(Self { text: SmolStr::new(text), parts })
    }

    /// Whether the text is an AT-URI, without making a value of it. Never allocates.
    pub fn check(text: &str) -> Result<(), SyntaxError> {
        parse(text).map(|_| ()).map_err(SyntaxError::AtUri)
    }

    /// Whether the text is an AT-URI or one of the general form, which may end in a slash,
    /// have a query and a fragment, and any record key. No `AtUri` can be made of such a
    /// text. Never allocates.
    pub fn check_lenient(text: &str) -> Result<(), SyntaxError> {
        check_lenient(text).map_err(SyntaxError::AtUri)
    }

    /// The address of a record.
    pub fn from_parts(authority: &Did, collection: &Nsid, rkey: &RecordKey) -> Self {
        let authority_end = SCHEME.len() + authority.as_str().len();
        let collection_end = authority_end + 1 + collection.as_str().len();
        Self {
            text: format_smolstr!("{SCHEME}{authority}/{collection}/{rkey}"),
            parts: Parts { authority_end, collection_end },
        }
    }

    /// The address of a whole repository.
    pub fn from_authority(authority: &AtIdentifier) -> Self {
        let text = format_smolstr!("{SCHEME}{authority}");
        let end = text.len();
        Self { text, parts: Parts { authority_end: end, collection_end: end } }
    }

    /// The address as text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whose repository it is.
    pub fn authority(&self) -> AtIdentifier {
        let text = &self.text[SCHEME.len()..self.parts.authority_end];
        if text.starts_with("did:") {
            AtIdentifier::Did(Did::from_checked(text))
        } else {
            AtIdentifier::Handle(Handle::from_checked(text))
        }
    }

    /// The collection, if the address goes that far.
    pub fn collection(&self) -> Option<Nsid> {
        let text = self.text.get(self.parts.authority_end + 1..self.parts.collection_end)?;
        Some(Nsid::from_checked(text))
    }

    /// The record key, if the address goes that far.
    pub fn rkey(&self) -> Option<RecordKey> {
        let text = self.text.get(self.parts.collection_end + 1..)?;
        Some(RecordKey::from_checked(text))
    }

    /// The same address with handle and collection authority in lower case.
    pub fn to_normalized(&self) -> Self {
        let mut text = format!("{SCHEME}{}", self.authority());
        if let Some(collection) = self.collection() {
            text.push('/');
            text.push_str(collection.to_normalized().as_str());
        }
        if let Some(rkey) = self.rkey() {
            text.push('/');
            text.push_str(rkey.as_str());
        }
        Self { text: SmolStr::from(text), parts: self.parts }
    }
}

/// Where the parts of an address end, in bytes from the start. A part that is absent
/// ends where the one before it does.
#[derive(Clone, Copy)]
struct Parts {
    authority_end: usize,
    collection_end: usize,
}

fn parse(text: &str) -> Result<Parts, Fault> {
    if text.len() > AtUri::MAX_LEN {
        return Err(Fault::TooLong { part: "AT-URI", limit: AtUri::MAX_LEN });
    }
    let rest = text.strip_prefix(SCHEME).ok_or(Fault::MissingPrefix { expected: SCHEME })?;
    let (authority, path) = match rest.split_once('/') {
        Some((authority, path)) => (authority, Some(path)),
        None => (rest, None),
    };
    if authority.starts_with("did:") { did::check(authority) } else { handle::check(authority) }
        .map_err(|fault| shift(fault, SCHEME.len()))?;
    let authority_end = SCHEME.len() + authority.len();
    let Some(path) = path else {
        return Ok(Parts { authority_end, collection_end: authority_end });
    };
    let (collection, rkey) = match path.split_once('/') {
        Some((collection, rkey)) => (collection, Some(rkey)),
        None => (path, None),
    };
    nsid::check(collection).map_err(|fault| shift(fault, authority_end + 1))?;
    let collection_end = authority_end + 1 + collection.len();
    if let Some(rkey) = rkey {
        record_key::check(rkey).map_err(|fault| shift(fault, collection_end + 1))?;
    }
    Ok(Parts { authority_end, collection_end })
}

fn check_lenient(text: &str) -> Result<(), Fault> {
    if text.len() > AtUri::MAX_LEN {
        return Err(Fault::TooLong { part: "AT-URI", limit: AtUri::MAX_LEN });
    }
    if let Some(at) = text.bytes().position(|byte| !is_uri_character(byte)) {
        return Err(Fault::BadCharacter { at });
    }
    let (text, fragment) = text.split_once('#').unwrap_or((text, "/"));
    if !fragment.starts_with('/') {
        return Err(Fault::BadCharacter { at: text.len() + 1 });
    }
    let (text, _) = text.split_once('?').unwrap_or((text, ""));
    let text = text.strip_suffix('/').unwrap_or(text);
    match text.match_indices('/').nth(3) {
        // The record key is the reader's concern, but is one segment.
        Some((at, _)) if text[at + 1..].is_empty() => Err(Fault::Empty { part: "record key" }),
        Some((at, _)) if text[at + 1..].contains('/') => Err(Fault::Trailing),
        Some((at, _)) => parse(&text[..at]).map(drop),
        None => parse(text).map(drop),
    }
}

/// The characters of a URI.
fn is_uri_character(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"._~:@!$&'()*+,;=%/\\[]#?-".contains(&byte)
}

/// Makes a position within a part one within the whole.
fn shift(fault: Fault, by: usize) -> Fault {
    match fault {
        Fault::BadCharacter { at } => Fault::BadCharacter { at: at + by },
        Fault::SegmentStartsWithDigit { at } => Fault::SegmentStartsWithDigit { at: at + by },
        other => other,
    }
}

const SCHEME: &str = "at://";
