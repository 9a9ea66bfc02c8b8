use super::{Did, Handle, SyntaxError};

/// Either way of naming an account: its DID or its handle.
///
/// What begins with `did:` is a DID, everything else a handle; no text is both.
///
/// See the [specification](https://atproto.com/specs/lexicon#at-identifier).
///
/// ```
/// use atproto_core::syntax::AtIdentifier;
///
/// assert!(AtIdentifier::new("did:web:example.com")?.as_did().is_some());
/// assert!(AtIdentifier::new("example.com")?.as_handle().is_some());
/// # Ok::<(), atproto_core::syntax::SyntaxError>(())
/// ```
#[derive(Clone)]
pub enum AtIdentifier {
    /// A DID.
    Did(Did),
    /// A handle.
    Handle(Handle),
}

string_type!(AtIdentifier, "a DID or a handle");

impl AtIdentifier {
    /// Parses a DID or a handle.
    pub fn new(text: impl AsRef<str>) -> Result<Self, SyntaxError> {
        let text = text.as_ref();
        if text.starts_with("did:") {
            Did::new(text).map(Self::Did)
        } else {
            Handle::new(text).map(Self::Handle)
        }
    }

    /// Whether the text is a DID or a handle, without making a value of it. Never
    /// allocates.
    pub fn check(text: &str) -> Result<(), SyntaxError> {
        if text.starts_with("did:") { Did::check(text) } else { Handle::check(text) }
    }

    /// The identifier as text.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Did(did) => did.as_str(),
            Self::Handle(handle) => handle.as_str(),
        }
    }

    /// The DID, if it is one.
    pub fn as_did(&self) -> Option<&Did> {
        match self {
            Self::Did(did) => Some(did),
            Self::Handle(_) => None,
        }
    }

    /// The handle, if it is one.
    pub fn as_handle(&self) -> Option<&Handle> {
        match self {
            Self::Did(_) => None,
            Self::Handle(handle) => Some(handle),
        }
    }
}

impl From<Did> for AtIdentifier {
    fn from(did: Did) -> Self {
        Self::Did(did)
    }
}

impl From<Handle> for AtIdentifier {
    fn from(handle: Handle) -> Self {
        Self::Handle(handle)
    }
}
