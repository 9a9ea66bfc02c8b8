use std::fmt;

use super::{CborError, CborFault, check};
use crate::data::map::key_order;
use crate::data::{DataError, form, limits};
use crate::syntax::Cid;

/// Tag 42, a link: the only tag there is.
const TAG_LINK: u64 = 42;
/// The byte before a CID in a link: the multibase code of plain binary.
const LINK_PREFIX: u8 = 0;

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

/// A cursor over DAG-CBOR that borrows what it returns.
///
/// It is strict on everything it reads: heads are shortest and definite, text is UTF-8,
/// links are CIDs of this protocol, lengths are within the limits and within the input.
/// [`map`](Self::map) watches over the order of keys as well. What the caller steps over
/// with [`skip`](Self::skip) is checked in full.
///
/// After an error the position is unspecified.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// A cursor at the first byte.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// The number of bytes read so far.
    pub const fn position(&self) -> usize {
        self.at
    }

    /// The bytes not read yet.
    pub fn rest(&self) -> &'a [u8] {
        &self.bytes[self.at..]
    }

    /// Ends the reading; bytes that are left are an error.
    pub fn finish(&self) -> Result<(), CborError> {
        match self.at == self.bytes.len() {
            true => Ok(()),
            false => Err(CborError::new(self.at, CborFault::Trailing)),
        }
    }

    /// The kind of the next item, told by its first byte. Floats, foreign tags and other
    /// things that the data model does not have are errors.
    pub fn peek(&self) -> Result<Kind, CborError> {
        Ok(self.clone().head()?.kind)
    }

    /// Reads null.
    pub fn null(&mut self) -> Result<(), CborError> {
        self.expect(Kind::Null).map(drop)
    }

    /// Steps over null if it is next, and says whether it was.
    pub fn is_null(&mut self) -> Result<bool, CborError> {
        let is_null = self.peek()? == Kind::Null;
        if is_null {
            self.null()?;
        }
        Ok(is_null)
    }

    /// Reads a boolean.
    pub fn bool(&mut self) -> Result<bool, CborError> {
        Ok(self.expect(Kind::Bool)?.argument == 1)
    }

    /// Reads an integer.
    pub fn int(&mut self) -> Result<i64, CborError> {
        let head = self.expect(Kind::Integer)?;
        let number = i64::try_from(head.argument)
            .map_err(|_| CborError::new(head.at, DataError::IntegerRange))?;
        // A negative integer n is written as −1 − n, which is the complement of its bits.
        Ok(if head.negative { !number } else { number })
    }

    /// Reads a text string.
    pub fn text(&mut self) -> Result<&'a str, CborError> {
        let head = self.expect(Kind::Text)?;
        let bytes = self.take(&head)?;
        std::str::from_utf8(bytes).map_err(|_| CborError::new(head.at, CborFault::Utf8))
    }

    /// Reads a byte string.
    pub fn bytes(&mut self) -> Result<&'a [u8], CborError> {
        let head = self.expect(Kind::Bytes)?;
        self.take(&head)
    }

    /// Reads a link.
    pub fn link(&mut self) -> Result<Cid, CborError> {
        let at = self.expect(Kind::Link)?.at;
        let content = self.head()?;
        if content.kind != Kind::Bytes {
            return Err(CborError::new(at, CborFault::Link));
        }
        match self.take(&content)? {
            [LINK_PREFIX, cid @ ..] => Cid::from_bytes(cid).ok(),
            _ => None,
        }
        .ok_or_else(|| CborError::new(at, CborFault::Link))
    }

    /// Reads a link or null.
    pub fn nullable_link(&mut self) -> Result<Option<Cid>, CborError> {
        if self.is_null()? { Ok(None) } else { self.link().map(Some) }
    }

    /// Reads the head of an array and returns the number of its elements, of which each
    /// takes at least one byte that is really there.
    pub fn array_len(&mut self) -> Result<usize, CborError> {
        let head = self.expect(Kind::Array)?;
        self.count(&head, 1)
    }

    /// Reads the head of a map and returns the number of its entries. The caller is left
    /// to see to the order of keys; [`map`](Self::map) does that too.
    pub fn map_len(&mut self) -> Result<usize, CborError> {
        let head = self.expect(Kind::Map)?;
        self.count(&head, 2)
    }

    /// Reads the head of a map, and then its keys one by one.
    ///
    /// ```
    /// use atproto_core::data::cbor::{CborError, Reader};
    ///
    /// fn seq(bytes: &[u8]) -> Result<Option<i64>, CborError> {
    ///     let mut reader = Reader::new(bytes);
    ///     let mut map = reader.map()?;
    ///     let mut seq = None;
    ///     while let Some(key) = map.next_key(&mut reader)? {
    ///         match key {
    ///             "seq" => seq = Some(reader.int()?),
    ///             _ => reader.skip()?,
    ///         }
    ///     }
    ///     reader.finish()?;
    ///     Ok(seq)
    /// }
    ///
    /// assert_eq!(seq(b"\xa2\x61a\xf6\x63seq\x18\x2a"), Ok(Some(42)));
    /// ```
    pub fn map(&mut self) -> Result<MapReader<'a>, CborError> {
        Ok(MapReader { remaining: self.map_len()?, last: None })
    }

    /// Checks the next item with everything in it and steps over it. Nesting is counted
    /// from here.
    pub fn skip(&mut self) -> Result<(), CborError> {
        check::item(self, 0).map(drop)
    }

    /// Like [`skip`](Self::skip), and returns the encoding of the item.
    pub fn raw(&mut self) -> Result<&'a [u8], CborError> {
        let start = self.at;
        self.skip()?;
        Ok(&self.bytes[start..self.at])
    }

    fn expect(&mut self, expected: Kind) -> Result<Head, CborError> {
        let head = self.head()?;
        match head.kind == expected {
            true => Ok(head),
            false => {
                Err(CborError::new(head.at, CborFault::Unexpected { expected, found: head.kind }))
            }
        }
    }

    fn count(&self, head: &Head, least_bytes: usize) -> Result<usize, CborError> {
        match usize::try_from(head.argument) {
            Ok(len) if len > limits::MAX_ELEMENTS => {
                Err(CborError::new(head.at, DataError::TooManyElements))
            }
            Ok(len) if len * least_bytes <= self.rest().len() => Ok(len),
            _ => Err(CborError::new(head.at, CborFault::Truncated)),
        }
    }

    fn take(&mut self, head: &Head) -> Result<&'a [u8], CborError> {
        let taken = usize::try_from(head.argument).ok().and_then(|len| self.rest().get(..len));
        let taken = taken.ok_or_else(|| CborError::new(head.at, CborFault::Truncated))?;
        self.at += taken.len();
        Ok(taken)
    }

    fn head(&mut self) -> Result<Head, CborError> {
        let at = self.at;
        let fault = |fault| CborError::new(at, fault);
        let &initial = self.bytes.get(at).ok_or_else(|| fault(CborFault::Truncated))?;
        self.at += 1;
        let (major, info) = (initial >> 5, initial & 0x1f);
        if major == 7 {
            return simple(at, info).map_err(fault);
        }
        let argument = match info {
            0..=23 => u64::from(info),
            24..=27 => self.argument(1 << (info - 24)).map_err(fault)?,
            28..=30 => return Err(fault(CborFault::Reserved)),
            _ => return Err(fault(CborFault::Indefinite)),
        };
        let kind = match major {
            0 | 1 => Kind::Integer,
            2 => Kind::Bytes,
            3 => Kind::Text,
            4 => Kind::Array,
            5 => Kind::Map,
            _ if argument == TAG_LINK => Kind::Link,
            _ => return Err(fault(CborFault::Tag(argument))),
        };
        Ok(Head { at, kind, argument, negative: major == 1 })
    }

    /// Reads an argument of 1, 2, 4 or 8 bytes, which must need that many.
    fn argument(&mut self, width: usize) -> Result<u64, CborFault> {
        let bytes = self.rest().get(..width).ok_or(CborFault::Truncated)?;
        self.at += width;
        let argument = bytes.iter().fold(0, |sum, &byte| sum << 8 | u64::from(byte));
        let least = if width == 1 { 24 } else { 1 << (width * 4) };
        if argument < least { Err(CborFault::NonMinimal) } else { Ok(argument) }
    }
}

/// The keys of one map, sorted, unique and within the limits, or an error.
#[derive(Debug, Clone)]
pub struct MapReader<'a> {
    remaining: usize,
    last: Option<&'a str>,
}

impl<'a> MapReader<'a> {
    /// The number of entries not read yet.
    pub const fn remaining(&self) -> usize {
        self.remaining
    }

    /// Reads the next key; its value comes next in the reader. `None` is the end.
    pub fn next_key(&mut self, reader: &mut Reader<'a>) -> Result<Option<&'a str>, CborError> {
        if self.remaining == 0 {
            return Ok(None);
        }
        self.remaining -= 1;
        let at = reader.position();
        if reader.peek()? != Kind::Text {
            return Err(CborError::new(at, CborFault::KeyKind));
        }
        let key = reader.text()?;
        form::key(key).map_err(|error| CborError::new(at, error))?;
        match self.last.map(|last| key_order(last, key)) {
            None | Some(std::cmp::Ordering::Less) => {}
            Some(std::cmp::Ordering::Equal) => {
                return Err(CborError::new(at, DataError::DuplicateKey));
            }
            Some(std::cmp::Ordering::Greater) => {
                return Err(CborError::new(at, CborFault::Unsorted));
            }
        }
        self.last = Some(key);
        Ok(Some(key))
    }
}

/// The first bytes of an item: what it is, and a number, a length or a truth value.
struct Head {
    at: usize,
    kind: Kind,
    argument: u64,
    negative: bool,
}

/// The items of major type 7.
fn simple(at: usize, info: u8) -> Result<Head, CborFault> {
    let (kind, argument) = match info {
        20 => (Kind::Bool, 0),
        21 => (Kind::Bool, 1),
        22 => (Kind::Null, 0),
        25..=27 => return Err(DataError::Float.into()),
        28..=30 => return Err(CborFault::Reserved),
        31 => return Err(CborFault::Indefinite),
        _ => return Err(CborFault::Simple),
    };
    Ok(Head { at, kind, argument, negative: false })
}
