use std::{fmt, str::FromStr};

use atproto_core::syntax::Did;
use http::HeaderValue;

/// Services whose labels an answer is to consider, or does: the value of
/// `atproto-accept-labelers` and of `atproto-content-labelers`.
///
/// Written as a list of RFC 8941: `did:web:mod.example;redact, did:plc:abc`
/// ([specification](https://atproto.com/specs/label)).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Labelers(Vec<Labeler>);

/// A labeler, and what its labels may do.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Labeler {
    /// Who labels.
    pub did: Did,
    /// Whether content is to be left out of the answer where a label says so.
    pub redact: bool,
}

/// Why a header names no labelers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LabelersError {
    /// A member of the list that is no DID with parameters.
    #[error("{0:?} is no labeler")]
    Member(String),
    /// More than [`MAX_LABELERS`](Labelers::MAX).
    #[error("more than {max} labelers", max = Labelers::MAX)]
    TooMany,
}

impl Labeler {
    /// A labeler whose labels come along with the content.
    pub fn new(did: Did) -> Self {
        Self { did, redact: false }
    }

    /// The same labeler, whose labels may also remove content.
    #[must_use]
    pub fn redact(mut self) -> Self {
        self.redact = true;
        self
    }
}

impl Labelers {
    /// The most labelers of a header that is read. Ours: several times what services consider.
    pub const MAX: usize = 100;

    /// In the order of the header.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Labeler> {
        self.0.iter()
    }

    pub(super) fn to_header(&self) -> HeaderValue {
        HeaderValue::try_from(self.to_string()).expect("DIDs are the text of a header")
    }

    /// A labeler that is named twice is one, and redacts if one of the two does.
    fn add(&mut self, labeler: Labeler) {
        match self.0.iter_mut().find(|known| known.did == labeler.did) {
            Some(known) => known.redact |= labeler.redact,
            None => self.0.push(labeler),
        }
    }
}

impl FromIterator<Labeler> for Labelers {
    fn from_iter<I: IntoIterator<Item = Labeler>>(labelers: I) -> Self {
        let mut all = Self::default();
        labelers.into_iter().for_each(|labeler| all.add(labeler));
        all
    }
}

impl fmt::Display for Labelers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, labeler) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            let redact = if labeler.redact { ";redact" } else { "" };
            write!(f, "{comma}{}{redact}", labeler.did)?;
        }
        Ok(())
    }
}

impl FromStr for Labelers {
    type Err = LabelersError;

    /// An empty header names none; a header that is not of the form is an error, and nobody's
    /// to guess at.
    fn from_str(text: &str) -> Result<Self, LabelersError> {
        let text = text.trim_matches(' ');
        if text.is_empty() {
            return Ok(Self::default());
        }
        if text.split(',').count() > Self::MAX {
            return Err(LabelersError::TooMany);
        }
        text.split(',').map(|member| labeler(member.trim_matches([' ', '\t']))).collect()
    }
}

fn labeler(member: &str) -> Result<Labeler, LabelersError> {
    let wrong = || LabelersError::Member(member.to_owned());
    let mut parts = member.split(';');
    let did = parts.next().and_then(|did| Did::new(did).ok()).ok_or_else(wrong)?;
    let mut labeler = Labeler::new(did);
    for param in parts {
        let (name, value) = param.trim_start_matches(' ').split_once('=').unzip();
        let name = name.unwrap_or(param.trim_start_matches(' '));
        let is_key = name.starts_with(|first: char| first.is_ascii_lowercase() || first == '*')
            && name.bytes().all(is_in_key);
        match (name, value) {
            _ if !is_key => return Err(wrong()),
            // A parameter without a value is true; `?1` and `?0` are how booleans are written.
            ("redact", None | Some("?1")) => labeler.redact = true,
            ("redact", Some("?0")) => labeler.redact = false,
            ("redact", Some(_)) => return Err(wrong()),
            _ => {}
        }
    }
    Ok(labeler)
}

fn is_in_key(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-.*".contains(&byte)
}

pub(super) const ACCEPT_LABELERS: &str = "atproto-accept-labelers";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lb_010_what_is_not_of_the_form_is_an_error() {
        let read: Labelers = "did:web:a.example;redact, did:web:b.example".parse().unwrap();
        assert_eq!(read.to_string(), "did:web:a.example;redact, did:web:b.example");
        let other: Labelers = "did:web:a.example;redact=?0;x=1".parse().unwrap();
        assert_eq!(other.to_string(), "did:web:a.example");
        for bad in [
            "nobody",
            "did:web:a.example,",
            ",",
            "did:web:a.example;",
            "did:web:a.example;REDACT",
            "did:web:a.example;redact=yes",
        ] {
            assert!(bad.parse::<Labelers>().is_err(), "{bad}");
        }
        let flood = vec!["did:web:a.example"; Labelers::MAX + 1].join(",");
        assert_eq!(flood.parse::<Labelers>(), Err(LabelersError::TooMany));
    }

    #[test]
    fn lb_011_a_labeler_that_is_named_twice_is_one() {
        let read: Labelers = "did:web:a.example, did:web:a.example;redact".parse().unwrap();
        assert_eq!(read.to_string(), "did:web:a.example;redact");
    }
}
