use std::fmt;

use super::{CborError, CborFault};
use crate::data::DataError;

/// The kind of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Null.
    Null,
    /// False or true.
    Bool,
    /// An integer of either sign.
    Integer,
    /// A text string.
    Text,
    /// A byte string.
    Bytes,
    /// Tag 42.
    Link,
    /// An array.
    Array,
    /// A map.
    Map,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Null => "null",
            Self::Bool => "a boolean",
            Self::Integer => "an integer",
            Self::Text => "a text string",
            Self::Bytes => "a byte string",
            Self::Link => "a link",
            Self::Array => "an array",
            Self::Map => "a map",
        })
    }
}

/// The first bytes of an item: what it is, and a number, a length or a truth value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Head {
    /// The offset of the item.
    pub(super) at: usize,
    pub(super) kind: Kind,
    pub(super) argument: u64,
    negative: bool,
}

impl Head {
    /// Reads a head off the rest of an input of `len` bytes. Nearly every head in a record
    /// takes one byte, or two for the length of a text: those are read here, the others
    /// out of line.
    #[inline]
    pub(super) fn read(rest: &mut &[u8], len: usize) -> Result<Self, CborError> {
        let at = len - rest.len();
        if let [initial, after @ ..] = *rest
            && *initial < FIRST_TAG
        {
            let (major, info) = (initial >> 5, initial & 0x1f);
            let (kind, negative) = (PLAIN_KINDS[usize::from(major)], major == 1);
            if info < 24 {
                *rest = after;
                return Ok(Self { at, kind, argument: u64::from(info), negative });
            }
            if let [argument, after @ ..] = after
                && info == 24
                && *argument >= 24
            {
                *rest = after;
                return Ok(Self { at, kind, argument: u64::from(*argument), negative });
            }
        }
        Self::read_any(rest, at).map_err(|fault| CborError::new(at, fault))
    }

    /// Reads the head of a text string if it is one of the shortest, of one or two bytes: the
    /// length that it gives, and what comes after it.
    #[inline]
    pub(super) fn short_text(rest: &[u8]) -> Option<(usize, &[u8])> {
        match rest {
            [initial @ TEXT..TEXT_BYTE, after @ ..] => Some((usize::from(initial & 0x1f), after)),
            [TEXT_BYTE, len @ 24..=255, after @ ..] => Some((usize::from(*len), after)),
            _ => None,
        }
    }

    /// The integer that this is.
    pub(super) fn integer(&self) -> Result<i64, CborError> {
        let number = i64::try_from(self.argument)
            .map_err(|_| CborError::new(self.at, DataError::IntegerRange))?;
        // A negative integer n is written as −1 − n, which is the complement of its bits.
        Ok(if self.negative { !number } else { number })
    }

    /// The boolean that this is.
    pub(super) fn truth(&self) -> bool {
        self.argument == 1
    }

    #[inline(never)]
    fn read_any(rest: &mut &[u8], at: usize) -> Result<Self, CborFault> {
        let (&initial, after) = rest.split_first().ok_or(CborFault::Truncated)?;
        *rest = after;
        let (major, info) = (initial >> 5, initial & 0x1f);
        if major == 7 {
            let (kind, argument) = simple(info)?;
            return Ok(Self { at, kind, argument, negative: false });
        }
        let argument = match info {
            0..=23 => u64::from(info),
            24..=27 => long_argument(rest, 1 << (info - 24))?,
            28..=30 => return Err(CborFault::Reserved),
            _ => return Err(CborFault::Indefinite),
        };
        let kind = match PLAIN_KINDS.get(usize::from(major)) {
            Some(kind) => *kind,
            None if argument == TAG_LINK => Kind::Link,
            None => return Err(CborFault::Tag(argument)),
        };
        Ok(Self { at, kind, argument, negative: major == 1 })
    }
}

/// Reads an argument of 1, 2, 4 or 8 bytes, which must need that many.
fn long_argument(rest: &mut &[u8], width: usize) -> Result<u64, CborFault> {
    let (bytes, after) = rest.split_at_checked(width).ok_or(CborFault::Truncated)?;
    *rest = after;
    let argument = bytes.iter().fold(0, |sum, &byte| sum << 8 | u64::from(byte));
    let least = if width == 1 { 24 } else { 1 << (width * 4) };
    if argument < least { Err(CborFault::NonMinimal) } else { Ok(argument) }
}

/// The items of major type 7.
fn simple(info: u8) -> Result<(Kind, u64), CborFault> {
    match info {
        20 => Ok((Kind::Bool, 0)),
        21 => Ok((Kind::Bool, 1)),
        22 => Ok((Kind::Null, 0)),
        25..=27 => Err(DataError::Float.into()),
        28..=30 => Err(CborFault::Reserved),
        31 => Err(CborFault::Indefinite),
        _ => Err(CborFault::Simple),
    }
}

/// The kinds of the major types 0 to 5.
const PLAIN_KINDS: [Kind; 6] =
    [Kind::Integer, Kind::Integer, Kind::Bytes, Kind::Text, Kind::Array, Kind::Map];
/// The first byte of the empty text string: major type 3.
const TEXT: u8 = 3 << 5;
/// The first byte of a text string whose length is in the next one.
const TEXT_BYTE: u8 = TEXT + 24;
/// The least first byte of major type 6, a tag.
const FIRST_TAG: u8 = 6 << 5;
/// Tag 42, a link: the only tag there is.
const TAG_LINK: u64 = 42;
