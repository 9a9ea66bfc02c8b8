use std::{collections::HashSet, ops::RangeInclusive};

use smol_str::SmolStr;

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

    /// Whether the text is a tag that [is strict](Self::is_strict). Never allocates, but for
    /// tags of very many subtags.
    pub fn check_strict(text: &str) -> Result<(), SyntaxError> {
        check(text).and_then(|()| check_strict(text)).map_err(SyntaxError::Language)
    }

    /// The tag as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first subtag, which names the language, unless the tag is for private use or
    /// an irregular one from before RFC 4646.
    pub fn primary(&self) -> Option<&str> {
        primary(&self.0)
    }

    /// Whether the tag also passes what RFC 5646 section 2.2.9 asks of valid tags beyond
    /// their shape (no variant and no extension twice) and has a primary subtag of two
    /// or three lower-case letters, the only kind that is in use.
    pub fn is_strict(&self) -> bool {
        check_strict(&self.0).is_ok()
    }
}

fn primary(tag: &str) -> Option<&str> {
    if is_irregular(tag) {
        return None;
    }
    tag.split('-').next().filter(|subtag| subtag.len() > 1)
}

/// What a well-formed tag needs to be strict.
fn check_strict(tag: &str) -> Result<(), Fault> {
    let usual =
        |primary: &str| primary.len() <= 3 && primary.bytes().all(|byte| byte.is_ascii_lowercase());
    if !primary(tag).is_none_or(usual) {
        return Err(Fault::BadCharacter { at: 0 });
    }
    if is_irregular(tag) || !has_repetition(tag) { Ok(()) } else { Err(Fault::Repeated) }
}

fn check(text: &str) -> Result<(), Fault> {
    let Err(fault) = check_grammar(text) else { return Ok(()) };
    check_alphabet(text)?;
    if is_irregular(text) { Ok(()) } else { Err(fault) }
}

/// Looks at each character once. Refuses for one reason or another what
/// [`check_alphabet`] refuses, which knows the better one.
fn check_grammar(text: &str) -> Result<(), Fault> {
    let mut subtags = Subtags::of(text);
    if !subtags.take(Subtag::is_private_singleton) {
        subtags.language()?;
        subtags.take(Subtag::is_script);
        subtags.take(Subtag::is_region);
        while subtags.take(Subtag::is_variant) {}
        subtags.extensions()?;
        if !subtags.take(Subtag::is_private_singleton) {
            return subtags.end();
        }
    }
    // What follows "x" is free, but there has to be something.
    if !subtags.take(Subtag::is_sound) {
        return Err(Fault::Empty { part: "private-use subtag" });
    }
    while subtags.take(Subtag::is_sound) {}
    subtags.end()
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

/// The subtags of a text, one after the other.
struct Subtags<'a> {
    /// The one to be taken, if there is one.
    next: Option<Subtag<'a>>,
    /// Where it begins.
    at: usize,
    text: &'a [u8],
}

impl<'a> Subtags<'a> {
    fn of(text: &'a str) -> Self {
        let text = text.as_bytes();
        Self { next: Some(Subtag::first_of(text)), at: 0, text }
    }

    /// Goes past the next subtag if it is of a kind.
    fn take(&mut self, kind: impl FnOnce(&Subtag<'a>) -> bool) -> bool {
        let Some(subtag) = self.next.as_ref().filter(|subtag| kind(subtag)) else { return false };
        self.at += subtag.text.len() + 1;
        self.next = self.text.get(self.at..).map(Subtag::first_of);
        true
    }

    /// The language: two or three letters and up to three extended subtags, or more letters.
    fn language(&mut self) -> Result<(), Fault> {
        if self.take(|subtag| subtag.is_alphabetic(2..=3)) {
            for _ in 0..3 {
                self.take(|subtag| subtag.is_alphabetic(3..=3));
            }
            return Ok(());
        }
        if self.take(|subtag| subtag.is_alphabetic(4..=8)) { Ok(()) } else { self.end() }
    }

    /// Any number of a singleton with at least one subtag of two characters or more.
    fn extensions(&mut self) -> Result<(), Fault> {
        while self.take(Subtag::is_singleton) {
            if !self.take(Subtag::is_extension) {
                return Err(Fault::Empty { part: "extension" });
            }
            while self.take(Subtag::is_extension) {}
        }
        Ok(())
    }

    fn end(&self) -> Result<(), Fault> {
        if self.next.is_none() { Ok(()) } else { Err(Fault::BadCharacter { at: self.at }) }
    }
}

/// A subtag and what its characters are, all of them together.
#[derive(Clone, Copy)]
struct Subtag<'a> {
    text: &'a [u8],
    classes: u8,
}

impl<'a> Subtag<'a> {
    /// Reads up to a hyphen or the end.
    fn first_of(text: &'a [u8]) -> Self {
        let (mut length, mut classes) = (0, 0);
        for byte in text.iter().take_while(|byte| **byte != b'-') {
            classes |= class(*byte);
            length += 1;
        }
        Self { text: &text[..length], classes }
    }

    fn is_sound(&self) -> bool {
        (1..=MAX_SUBTAG).contains(&self.text.len()) && self.classes & OTHER == 0
    }

    fn is_alphabetic(&self, length: RangeInclusive<usize>) -> bool {
        length.contains(&self.text.len()) && self.classes == LETTER
    }

    fn is_script(&self) -> bool {
        self.is_alphabetic(4..=4)
    }

    fn is_region(&self) -> bool {
        self.is_alphabetic(2..=2) || (self.text.len() == 3 && self.classes == DIGIT)
    }

    fn is_variant(&self) -> bool {
        self.is_sound()
            && (self.text.len() >= 5 || (self.text.len() == 4 && self.text[0].is_ascii_digit()))
    }

    fn is_private_singleton(&self) -> bool {
        matches!(self.text, b"x" | b"X")
    }

    fn is_singleton(&self) -> bool {
        self.is_sound() && self.text.len() == 1 && !self.is_private_singleton()
    }

    fn is_extension(&self) -> bool {
        self.is_sound() && self.text.len() >= 2
    }
}

/// The class of a byte. Each is a bit of its own.
fn class(byte: u8) -> u8 {
    match byte {
        b'a'..=b'z' | b'A'..=b'Z' => LETTER,
        b'0'..=b'9' => DIGIT,
        _ => OTHER,
    }
}

fn is_irregular(text: &str) -> bool {
    IRREGULAR.iter().any(|tag| tag.eq_ignore_ascii_case(text))
}

/// Whether a variant or the singleton of an extension occurs twice in a well-formed tag.
fn has_repetition(text: &str) -> bool {
    let public = || {
        text.split('-')
            .map(|subtag| Subtag::first_of(subtag.as_bytes()))
            .take_while(|subtag| !subtag.is_private_singleton())
            .skip(1)
    };
    let variants = public().take_while(|s| !s.is_singleton()).filter(Subtag::is_variant);
    repeats(variants) || repeats(public().filter(Subtag::is_singleton))
}

fn repeats<'a>(mut subtags: impl Iterator<Item = Subtag<'a>> + Clone) -> bool {
    let mut seen = HashSet::new();
    if subtags.clone().nth(FEW).is_some() {
        return !subtags.all(|subtag| seen.insert(subtag.text.to_ascii_lowercase()));
    }
    while let Some(subtag) = subtags.next() {
        if subtags.clone().any(|other| other.text.eq_ignore_ascii_case(subtag.text)) {
            return true;
        }
    }
    false
}

/// So many subtags are compared with each other; to remember more is worth the memory.
const FEW: usize = 16;

const LETTER: u8 = 1;
const DIGIT: u8 = 2;
const OTHER: u8 = 4;

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
