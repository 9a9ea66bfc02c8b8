use smol_str::SmolStr;
use thiserror::Error;

use super::{Fault, Handle, SyntaxError, ascii::Set, handle};

/// A decentralized identifier: the permanent name of an account.
///
/// Any method is well-formed syntax; the protocol supports `plc` and `web` only, which
/// [`Did::supported`] decides. DIDs are case-sensitive and never normalised.
///
/// See the [specification](https://atproto.com/specs/did).
///
/// ```
/// use atproto_core::syntax::Did;
///
/// let did = Did::new("did:plc:ewvi7nxzyoun6zhxrhs64oiz")?;
/// assert_eq!(did.method(), "plc");
/// assert_eq!(did.identifier(), "ewvi7nxzyoun6zhxrhs64oiz");
/// assert!(Did::new("DID:plc:ewvi7nxzyoun6zhxrhs64oiz").is_err());
/// # Ok::<(), atproto_core::syntax::SyntaxError>(())
/// ```
#[derive(Clone)]
pub struct Did(SmolStr);

string_type!(Did, "a DID");

impl Did {
    /// The longest DID in bytes. Source: <https://atproto.com/specs/did#did-identifier-syntax>.
    pub const MAX_LEN: usize = 2048;

    /// What a new DID should not exceed, in bytes, because it is repeated in every address.
    /// Longer ones are as valid. Source: <https://atproto.com/specs/did#did-identifier-syntax>.
    pub const ADVISED_LEN: usize = 64;

    /// Parses a DID of any method.
    pub fn new(text: impl AsRef<str>) -> Result<Self, SyntaxError> {
        let text = text.as_ref();
        Self::check(text)?;
        Ok(Self(SmolStr::new(text)))
    }

    /// Whether the text is a DID, without making a value of it. Never allocates.
    pub fn check(text: &str) -> Result<(), SyntaxError> {
        check(text).map_err(SyntaxError::Did)
    }

    /// The DID as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The method: what stands between the first two colons.
    pub fn method(&self) -> &str {
        self.halves().0
    }

    /// What the method makes of it: everything behind the second colon.
    pub fn identifier(&self) -> &str {
        self.halves().1
    }

    /// Which of the two supported methods this is, with that method's own rules checked.
    ///
    /// A well-formed DID that is refused here is not an error of syntax: it may stand in
    /// records, but no account can be resolved from it.
    pub fn supported(&self) -> Result<DidMethod<'_>, UnsupportedDid> {
        match self.halves() {
            ("plc", identifier) => plc(identifier),
            ("web", identifier) => web(identifier),
            _ => Err(UnsupportedDid::Method),
        }
    }

    /// Takes over text that has been checked before, as part of a larger one.
    pub(super) fn from_checked(text: &str) -> Self {
        Self(SmolStr::new(text))
    }

    fn halves(&self) -> (&str, &str) {
        let rest = &self.0[PREFIX.len()..];
        rest.split_once(':').unwrap_or((rest, ""))
    }
}

/// A DID of a method that the protocol supports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DidMethod<'a> {
    /// `did:plc`, resolved at a PLC directory.
    Plc {
        /// The 24 characters behind the prefix.
        identifier: &'a str,
    },
    /// `did:web`, resolved at its own host.
    Web {
        /// The host name, as written.
        host: &'a str,
        /// The port, which only `localhost` may have.
        port: Option<u16>,
    },
}

/// Why a well-formed DID cannot belong to an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum UnsupportedDid {
    /// The method is neither `plc` nor `web`.
    #[error("DID method is neither plc nor web")]
    Method,
    /// A `did:plc` that is not 24 characters of lower-case base32.
    #[error("did:plc identifier is not 24 characters of base32")]
    PlcIdentifier,
    /// The host of a `did:web` is not a domain name, or ends in a top-level domain that
    /// is not public.
    #[error("did:web host is not a public domain name")]
    WebHost,
    /// A `did:web` with a path.
    #[error("did:web has a path")]
    WebPath,
    /// A `did:web` with a port on a host other than `localhost`.
    #[error("did:web has a port")]
    WebPort,
}

pub(super) fn check(text: &str) -> Result<(), Fault> {
    if text.len() > Did::MAX_LEN {
        return Err(Fault::TooLong { part: "DID", limit: Did::MAX_LEN });
    }
    let rest = text.strip_prefix(PREFIX).ok_or(Fault::MissingPrefix { expected: PREFIX })?;
    let bytes = rest.as_bytes();
    let method = bytes.iter().position(|byte| !byte.is_ascii_lowercase()).unwrap_or(bytes.len());
    match bytes.get(method) {
        Some(b':') if method == 0 => return Err(Fault::Empty { part: "method" }),
        Some(b':') => {}
        Some(_) => return Err(Fault::BadCharacter { at: PREFIX.len() + method }),
        None => return Err(Fault::TooFewSegments { least: 3 }),
    }
    let identifier = &bytes[method + 1..];
    ALPHABET.check(identifier, PREFIX.len() + method + 1)?;
    match identifier.last() {
        None => Err(Fault::Empty { part: "identifier" }),
        Some(b':' | b'%') => Err(Fault::BadEnd),
        Some(_) => Ok(()),
    }
}

fn plc(identifier: &str) -> Result<DidMethod<'_>, UnsupportedDid> {
    let base32 = |byte: u8| matches!(byte, b'a'..=b'z' | b'2'..=b'7');
    if identifier.len() == PLC_LEN && identifier.bytes().all(base32) {
        Ok(DidMethod::Plc { identifier })
    } else {
        Err(UnsupportedDid::PlcIdentifier)
    }
}

fn web(identifier: &str) -> Result<DidMethod<'_>, UnsupportedDid> {
    if identifier.contains(':') {
        return Err(UnsupportedDid::WebPath);
    }
    let (host, port) = match identifier.split_once("%3A").or(identifier.split_once("%3a")) {
        Some((host, port)) => (host, Some(port)),
        None => (identifier, None),
    };
    if host == "localhost" {
        let port = port.map(str::parse).transpose().map_err(|_| UnsupportedDid::WebPort)?;
        return Ok(DidMethod::Web { host, port });
    }
    if handle::check(host).is_err() || Handle::from_checked(host).has_disallowed_tld() {
        return Err(UnsupportedDid::WebHost);
    }
    if port.is_some() {
        return Err(UnsupportedDid::WebPort);
    }
    Ok(DidMethod::Web { host, port: None })
}

const PREFIX: &str = "did:";
static ALPHABET: Set = Set::alphanumeric_and(b"._:%-");

/// Characters of a `did:plc` identifier. Source: the did:plc method specification.
const PLC_LEN: usize = 24;
