use smol_str::SmolStr;

use super::{Fault, Nsid, SyntaxError, ascii::check_labels, nsid};

/// A set of NSIDs: one of them, all beneath a prefix (`com.example.*`), or all (`*`).
///
/// The star stands at the end and for whole segments, at least one of them.
///
/// See the [specification](https://atproto.com/specs/nsid#nsid-syntax-variations).
///
/// ```
/// use atproto_core::syntax::{Nsid, NsidPattern};
///
/// let pattern = NsidPattern::new("app.bsky.feed.*")?;
/// assert!(pattern.matches(&Nsid::new("app.bsky.feed.post")?));
/// assert!(!pattern.matches(&Nsid::new("app.bsky.feedback.post")?));
/// # Ok::<(), atproto_core::syntax::SyntaxError>(())
/// ```
#[derive(Clone)]
pub struct NsidPattern(SmolStr);

string_type!(NsidPattern, "an NSID or a pattern of NSIDs");

impl NsidPattern {
    /// Parses an NSID or a pattern.
    pub fn new(text: impl AsRef<str>) -> Result<Self, SyntaxError> {
        let text = text.as_ref();
        Self::check(text)?;
        Ok(Self(SmolStr::new(text)))
    }

    /// Whether the text is an NSID or a pattern, without making a value of it. Never allocates.
    pub fn check(text: &str) -> Result<(), SyntaxError> {
        check(text).map_err(SyntaxError::NsidPattern)
    }

    /// The pattern as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the NSID belongs to the set. Authorities are compared without regard to
    /// case, names with.
    pub fn matches(&self, nsid: &Nsid) -> bool {
        if self.0 == "*" {
            return true;
        }
        let text = nsid.as_str();
        // What a prefix covers is always part of the authority, since a segment follows.
        let fixed = match self.0.strip_suffix('*') {
            Some(prefix) => prefix,
            None if text.len() != self.0.len() || !self.0.ends_with(nsid.name()) => return false,
            None => &self.0,
        };
        text.get(..fixed.len()).is_some_and(|start| start.eq_ignore_ascii_case(fixed))
    }
}

impl From<Nsid> for NsidPattern {
    fn from(nsid: Nsid) -> Self {
        Self(SmolStr::new(nsid.as_str()))
    }
}

fn check(text: &str) -> Result<(), Fault> {
    if text == "*" {
        return Ok(());
    }
    let Some(prefix) = text.strip_suffix(".*") else {
        return nsid::check(text);
    };
    if text.len() > Nsid::MAX_LEN {
        return Err(Fault::TooLong { part: "NSID pattern", limit: Nsid::MAX_LEN });
    }
    check_labels(prefix.as_bytes())?;
    if prefix.as_bytes()[0].is_ascii_digit() {
        return Err(Fault::SegmentStartsWithDigit { at: 0 });
    }
    Ok(())
}
