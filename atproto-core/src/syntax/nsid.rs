use smol_str::{SmolStr, StrExt, format_smolstr};

use super::{
    Fault, SyntaxError,
    ascii::{Labels, MAX_DOMAIN, MAX_LABEL, check_labels},
};

/// A namespaced identifier: the name of a lexicon document, a method, a collection.
///
/// A domain name in reversed order, then a name: `com.example.fooBar`. The authority is
/// case-insensitive and the name is not; the text is kept as written, and
/// [`Nsid::to_normalized`] lower-cases the authority.
///
/// See the [specification](https://atproto.com/specs/nsid).
///
/// ```
/// use atproto_core::syntax::Nsid;
///
/// let nsid = Nsid::new("com.example.fooBar")?;
/// assert_eq!(nsid.authority(), "com.example");
/// assert_eq!(nsid.name(), "fooBar");
/// # Ok::<(), atproto_core::syntax::SyntaxError>(())
/// ```
#[derive(Clone)]
pub struct Nsid(SmolStr);

string_type!(Nsid, "an NSID");

impl Nsid {
    /// The longest NSID in bytes: an authority of 253, a dot and a name of 63. Source:
    /// <https://atproto.com/specs/nsid#nsid-syntax>.
    ///
    /// The specification bounds the authority too. The interoperability vectors and the
    /// reference implementation bound only the whole, and so does this type: what the
    /// rest of the network takes for a name must not be refused here.
    pub const MAX_LEN: usize = MAX_DOMAIN + 1 + MAX_LABEL;

    /// Parses an NSID. Patterns with `*` and fragments are not NSIDs.
    pub fn new(text: impl AsRef<str>) -> Result<Self, SyntaxError> {
        let text = text.as_ref();
        Self::check(text)?;
        Ok(Self(SmolStr::new(text)))
    }

    /// Whether the text is an NSID, without making a value of it. Never allocates.
    pub fn check(text: &str) -> Result<(), SyntaxError> {
        check(text).map_err(SyntaxError::Nsid)
    }

    /// The NSID as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The authority: everything before the last dot, still in reversed order.
    pub fn authority(&self) -> &str {
        self.halves().0
    }

    /// The authority as a domain name: its segments in the order of the DNS, in lower
    /// case.
    pub fn authority_domain(&self) -> String {
        let mut labels: Vec<&str> = self.authority().split('.').collect();
        labels.reverse();
        labels.join(".").to_ascii_lowercase()
    }

    /// The name: the last segment.
    pub fn name(&self) -> &str {
        self.halves().1
    }

    /// The same NSID with its authority in lower case.
    pub fn to_normalized(&self) -> Self {
        let (authority, name) = self.halves();
        Self(format_smolstr!("{}.{name}", authority.to_ascii_lowercase_smolstr()))
    }

    /// Takes over text that has been checked before, as part of a larger one.
    pub(super) fn from_checked(text: &str) -> Self {
        Self(SmolStr::new(text))
    }

    fn halves(&self) -> (&str, &str) {
        self.0.rsplit_once('.').unwrap_or(("", &self.0))
    }
}

pub(super) fn check(text: &str) -> Result<(), Fault> {
    if text.len() > Nsid::MAX_LEN {
        return Err(Fault::TooLong { part: "NSID", limit: Nsid::MAX_LEN });
    }
    let bytes = text.as_bytes();
    let Labels { count, last } = check_labels(bytes)?;
    if count < 3 {
        return Err(Fault::TooFewSegments { least: 3 });
    }
    for at in [0, last] {
        if bytes[at].is_ascii_digit() {
            return Err(Fault::SegmentStartsWithDigit { at });
        }
    }
    // A label like the others, but a name has no hyphens.
    match bytes[last..].iter().position(|byte| *byte == b'-') {
        Some(index) => Err(Fault::BadCharacter { at: last + index }),
        None => Ok(()),
    }
}
