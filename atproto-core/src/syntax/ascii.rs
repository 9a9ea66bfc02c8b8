use super::Fault;

/// A set of ASCII characters, as a table of all bytes.
pub(super) struct Set([bool; 256]);

impl Set {
    /// Letters and digits, and what else is named.
    pub(super) const fn alphanumeric_and(others: &[u8]) -> Self {
        let mut set = [false; 256];
        let mut byte = 0;
        while byte < set.len() {
            set[byte] = (byte as u8).is_ascii_alphanumeric();
            byte += 1;
        }
        let mut other = 0;
        while other < others.len() {
            set[others[other] as usize] = true;
            other += 1;
        }
        Self(set)
    }

    pub(super) fn contains(&self, byte: u8) -> bool {
        self.0[usize::from(byte)]
    }

    /// Refuses text with a byte outside the set. `at` is where the text begins in the whole.
    pub(super) fn check(&self, text: &[u8], at: usize) -> Result<(), Fault> {
        // Without a branch a byte takes half the time; where a stranger stands is a
        // question for the unusual case.
        if text.iter().fold(true, |all, byte| all & self.contains(*byte)) {
            return Ok(());
        }
        let index = text.iter().position(|byte| !self.contains(*byte)).unwrap_or_default();
        Err(Fault::BadCharacter { at: at + index })
    }
}

/// What [`check_labels`] has counted.
pub(super) struct Labels {
    /// How many labels there are.
    pub(super) count: usize,
    /// Where the last one begins.
    pub(super) last: usize,
}

/// Checks a domain name, in either order of its labels: 1 to 63 letters, digits and
/// hyphens each, no hyphen at either end of one.
pub(super) fn check_labels(text: &[u8]) -> Result<Labels, Fault> {
    let mut labels = Labels { count: 1, last: 0 };
    for (at, byte) in text.iter().enumerate() {
        if ALPHANUMERIC.contains(*byte) {
            continue;
        }
        match byte {
            b'-' if at > labels.last => {}
            b'.' => {
                check_end(text, labels.last, at)?;
                labels = Labels { count: labels.count + 1, last: at + 1 };
            }
            _ => return Err(Fault::BadCharacter { at }),
        }
    }
    check_end(text, labels.last, text.len())?;
    Ok(labels)
}

fn check_end(text: &[u8], start: usize, end: usize) -> Result<(), Fault> {
    if start == end {
        return Err(Fault::Empty { part: "segment" });
    }
    if end - start > MAX_LABEL {
        return Err(Fault::TooLong { part: "segment", limit: MAX_LABEL });
    }
    if text[end - 1] == b'-' { Err(Fault::BadCharacter { at: end - 1 }) } else { Ok(()) }
}

/// The longest label of a domain name, in bytes. Source: RFC 1035 section 2.3.4.
pub(super) const MAX_LABEL: usize = 63;

/// The longest domain name as handles and NSIDs count it, in bytes. Source:
/// <https://atproto.com/specs/handle#handle-identifier-syntax>.
pub(super) const MAX_DOMAIN: usize = 253;

static ALPHANUMERIC: Set = Set::alphanumeric_and(b"");
