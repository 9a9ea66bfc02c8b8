use std::collections::HashSet;

use smol_str::{SmolStr, StrExt};

use super::{Fault, SyntaxError};

/// A language tag, well-formed by BCP 47 (RFC 5646).
///
/// Well-formed is a matter of shape: whether `qq-Zzzz` exists is a question for the
/// registry. The text is kept as written, although tags are case-insensitive.
/// [`Language::is_strict`] tells which tags stricter readers take.
///
/// See the [specification](https://atproto.com/specs/lexicon#language).
///
/// ```
/// use atproto_core::syntax::Language;
///
/// assert_eq!(Language::new("pt-BR")?.primary(), Some("pt"));
/// assert_eq!(Language::new("x-klingon")?.primary(), None);
/// assert!(Language::new("de-419-DE").is_err());
/// # Ok::<(), atproto_core::syntax::SyntaxError>(())
/// ```
#[derive(Clone)]
pub struct Language(SmolStr);

string_type!(Language, "a language tag");

impl Language {
    /// Parses a language tag.
    pub fn new(text: impl AsRef<str>) -> Result<Self, SyntaxError> {
        let text = text.as_ref();
        Self::check(text)?;
        Ok(Self(SmolStr::new(text)))
    }

    /// Whether the text is a language tag, without making a value of it. Never allocates.
    pub fn check(text: &str) -> Result<(), SyntaxError> {
        check(text).map_err(SyntaxError::Language)
    }

    /// The tag as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first subtag, which names the language, unless the tag is for private use or
    /// an irregular one from before RFC 4646.
    pub fn primary(&self) -> Option<&str> {
        if is_irregular(&self.0) {
            return None;
        }
        self.0.split('-').next().filter(|subtag| subtag.len() > 1)
    }

    /// Whether the tag also passes what RFC 5646 section 2.2.9 asks of valid tags beyond
    /// their shape (no variant and no extension twice) and has a primary subtag of two
    /// or three lower-case letters, the only kind that is in use.
    pub fn is_strict(&self) -> bool {
        let primary = self.primary().is_none_or(|primary| {
            primary.len() <= 3 && primary.bytes().all(|byte| byte.is_ascii_lowercase())
        });
        primary && (is_irregular(&self.0) || !has_repetition(&self.0))
    }
}

fn check(text: &str) -> Result<(), Fault> {
    check_alphabet(text)?;
    match check_grammar(text) {
        Err(_) if is_irregular(text) => Ok(()),
        result => result,
    }
}

fn check_grammar(text: &str) -> Result<(), Fault> {
    let mut subtags = Subtags::of(text);
    if !subtags.take(is_private_singleton) {
        subtags.language()?;
        subtags.take(is_script);
        subtags.take(is_region);
        while subtags.take(is_variant) {}
        subtags.extensions()?;
        if !subtags.take(is_private_singleton) {
            return subtags.end();
        }
    }
    // What follows "x" is free, but there has to be something.
    if subtags.peek().is_none() {
        return Err(Fault::Empty { part: "private-use subtag" });
    }
    Ok(())
}

/// Subtags are 1 to 8 letters and digits, whatever they mean.
fn check_alphabet(text: &str) -> Result<(), Fault> {
    let mut at = 0;
    for subtag in text.split('-') {
        if subtag.is_empty() {
            return Err(Fault::Empty { part: "subtag" });
        }
        if let Some(index) = subtag.bytes().position(|byte| !byte.is_ascii_alphanumeric()) {
            return Err(Fault::BadCharacter { at: at + index });
        }
        if subtag.len() > MAX_SUBTAG {
            return Err(Fault::TooLong { part: "subtag", limit: MAX_SUBTAG });
        }
        at += subtag.len() + 1;
    }
    Ok(())
}

struct Subtags<'a> {
    rest: Option<&'a str>,
    at: usize,
}

impl<'a> Subtags<'a> {
    fn of(text: &'a str) -> Self {
        Self { rest: Some(text), at: 0 }
    }

    fn peek(&self) -> Option<&'a str> {
        self.rest.and_then(|rest| rest.split('-').next())
    }

    /// Goes past the next subtag if it is of a kind.
    fn take(&mut self, kind: impl FnOnce(&str) -> bool) -> bool {
        let Some(subtag) = self.peek().filter(|subtag| kind(subtag)) else { return false };
        self.at += subtag.len() + 1;
        self.rest = self.rest.and_then(|rest| rest.get(subtag.len() + 1..));
        true
    }

    /// The language: two or three letters and up to three extended subtags, or more letters.
    fn language(&mut self) -> Result<(), Fault> {
        if self.take(|subtag| is_alphabetic(subtag, 2..=3)) {
            for _ in 0..3 {
                self.take(|subtag| is_alphabetic(subtag, 3..=3));
            }
            return Ok(());
        }
        if self.take(|subtag| is_alphabetic(subtag, 4..=8)) { Ok(()) } else { self.end() }
    }

    /// Any number of a singleton with at least one subtag of two characters or more.
    fn extensions(&mut self) -> Result<(), Fault> {
        while self.take(is_singleton) {
            if !self.take(|subtag| subtag.len() >= 2) {
                return Err(Fault::Empty { part: "extension" });
            }
            while self.take(|subtag| subtag.len() >= 2) {}
        }
        Ok(())
    }

    fn end(&self) -> Result<(), Fault> {
        if self.peek().is_none() { Ok(()) } else { Err(Fault::BadCharacter { at: self.at }) }
    }
}

fn is_alphabetic(subtag: &str, length: std::ops::RangeInclusive<usize>) -> bool {
    length.contains(&subtag.len()) && subtag.bytes().all(|byte| byte.is_ascii_alphabetic())
}

fn is_script(subtag: &str) -> bool {
    is_alphabetic(subtag, 4..=4)
}

fn is_region(subtag: &str) -> bool {
    is_alphabetic(subtag, 2..=2)
        || (subtag.len() == 3 && subtag.bytes().all(|byte| byte.is_ascii_digit()))
}

fn is_variant(subtag: &str) -> bool {
    subtag.len() >= 5 || (subtag.len() == 4 && subtag.as_bytes()[0].is_ascii_digit())
}

fn is_private_singleton(subtag: &str) -> bool {
    subtag.eq_ignore_ascii_case("x")
}

fn is_singleton(subtag: &str) -> bool {
    subtag.len() == 1 && !is_private_singleton(subtag)
}

fn is_irregular(text: &str) -> bool {
    IRREGULAR.iter().any(|tag| tag.eq_ignore_ascii_case(text))
}

/// Whether a variant or the singleton of an extension occurs twice in a well-formed tag.
fn has_repetition(text: &str) -> bool {
    let public = || text.split('-').take_while(|subtag| !is_private_singleton(subtag)).skip(1);
    let variants = public().take_while(|subtag| !is_singleton(subtag)).filter(|s| is_variant(s));
    let singletons = public().filter(|subtag| is_singleton(subtag));
    repeats(variants) || repeats(singletons)
}

fn repeats<'a>(mut subtags: impl Iterator<Item = &'a str>) -> bool {
    let mut seen = HashSet::new();
    !subtags.all(|subtag| seen.insert(subtag.to_ascii_lowercase_smolstr()))
}

/// RFC 5646 section 2.1.
const MAX_SUBTAG: usize = 8;

/// The tags of RFC 5646 section 2.1 that are registered and do not follow its grammar.
const IRREGULAR: [&str; 17] = [
    "en-GB-oed",
    "i-ami",
    "i-bnn",
    "i-default",
    "i-enochian",
    "i-hak",
    "i-klingon",
    "i-lux",
    "i-mingo",
    "i-navajo",
    "i-pwn",
    "i-tao",
    "i-tay",
    "i-tsu",
    "sgn-BE-FR",
    "sgn-BE-NL",
    "sgn-CH-DE",
];
