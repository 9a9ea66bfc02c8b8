use super::key::Key;
use super::{CborError, CborFault, Head, Kind, walk};
use crate::data::form::Seen;
use crate::data::text::utf8;
use crate::data::{DataError, limits};
use crate::syntax::Cid;

/// A cursor over DAG-CBOR that borrows what it returns.
///
/// It is strict on everything it reads: heads are shortest and definite, text is UTF-8,
/// links are CIDs of this protocol, lengths are within the limits and within the input.
/// [`map`](Self::map) watches over the order of keys as well. What the caller steps over
/// with [`skip`](Self::skip) is checked in full.
///
/// How deep the caller is, it does not know: one that calls itself for what is inside has
/// to end by itself, at [`MAX_DEPTH`](limits::MAX_DEPTH).
///
/// After an error the position is unspecified.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    rest: &'a [u8],
    /// The length of the whole input, from which positions are told.
    len: usize,
}

impl<'a> Reader<'a> {
    /// A cursor at the first byte.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, len: bytes.len() }
    }

    /// The number of bytes read so far.
    pub const fn position(&self) -> usize {
        self.len - self.rest.len()
    }

    /// The bytes not read yet.
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Ends the reading; bytes that are left are an error.
    pub fn finish(&self) -> Result<(), CborError> {
        match self.rest.is_empty() {
            true => Ok(()),
            false => Err(CborError::new(self.position(), CborFault::Trailing)),
        }
    }

    /// The kind of the next item, told by its head. Floats, foreign tags and other things
    /// that the data model does not have are errors.
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
        Ok(self.expect(Kind::Bool)?.truth())
    }

    /// Reads an integer.
    pub fn int(&mut self) -> Result<i64, CborError> {
        self.expect(Kind::Integer)?.integer()
    }

    /// Reads a text string.
    pub fn text(&mut self) -> Result<&'a str, CborError> {
        let head = self.expect(Kind::Text)?;
        self.text_of(&head)
    }

    /// Reads a byte string.
    pub fn bytes(&mut self) -> Result<&'a [u8], CborError> {
        let head = self.expect(Kind::Bytes)?;
        self.content(&head)
    }

    /// Reads a link.
    pub fn link(&mut self) -> Result<Cid, CborError> {
        let head = self.expect(Kind::Link)?;
        self.target(&head)
    }

    /// Reads a link or null.
    pub fn nullable_link(&mut self) -> Result<Option<Cid>, CborError> {
        if self.is_null()? { Ok(None) } else { self.link().map(Some) }
    }

    /// Reads the head of an array and returns the number of its elements, of which each
    /// takes at least one byte that is really there.
    pub fn array_len(&mut self) -> Result<usize, CborError> {
        let head = self.expect(Kind::Array)?;
        self.count(&head)
    }

    /// Reads the head of a map and returns the number of its entries. The caller is left
    /// to see to the order of keys; [`map`](Self::map) does that too.
    pub fn map_len(&mut self) -> Result<usize, CborError> {
        let head = self.expect(Kind::Map)?;
        self.count(&head)
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
        let head = self.expect(Kind::Map)?;
        self.entries(&head)
    }

    /// Checks the next item with everything in it and steps over it. Nesting is counted
    /// from here.
    pub fn skip(&mut self) -> Result<(), CborError> {
        self.skip_at(0)
    }

    /// Like [`skip`](Self::skip), and returns the encoding of the item.
    pub fn raw(&mut self) -> Result<&'a [u8], CborError> {
        let before = self.rest;
        self.skip()?;
        Ok(&before[..before.len() - self.rest.len()])
    }

    /// Steps over an item around which `depth` containers are open.
    pub(super) fn skip_at(&mut self, depth: usize) -> Result<(), CborError> {
        walk::item(self, &mut 0, depth, &mut Seen::Other)
    }

    #[inline]
    pub(super) fn head(&mut self) -> Result<Head, CborError> {
        Head::read(&mut self.rest, self.len)
    }

    /// The content of a text string with a short head, if that is next and all there.
    #[inline]
    pub(super) fn short_text(&mut self) -> Option<&'a [u8]> {
        let (len, after) = Head::short_text(self.rest)?;
        let (content, rest) = after.split_at_checked(len)?;
        self.rest = rest;
        Some(content)
    }

    /// The content of a string of either kind, after its head.
    #[inline]
    pub(super) fn content(&mut self, head: &Head) -> Result<&'a [u8], CborError> {
        let len = usize::try_from(head.argument).unwrap_or(usize::MAX);
        let Some((content, rest)) = self.rest.split_at_checked(len) else {
            return Err(CborError::new(head.at, CborFault::Truncated));
        };
        self.rest = rest;
        Ok(content)
    }

    /// The text of a text string, after its head.
    #[inline]
    pub(super) fn text_of(&mut self, head: &Head) -> Result<&'a str, CborError> {
        utf8(self.content(head)?).ok_or_else(|| CborError::new(head.at, CborFault::Utf8))
    }

    /// A key with a short head, if that is next and all there.
    #[inline]
    fn short_key(&mut self) -> Option<Key<'a>> {
        let (len, after) = Head::short_text(self.rest)?;
        let (key, rest) = Key::split(after, len)?;
        self.rest = rest;
        Some(key)
    }

    /// A key, or why there is none.
    #[inline(never)]
    fn any_key(&mut self) -> Result<Key<'a>, CborError> {
        let head = self.head()?;
        if head.kind != Kind::Text {
            return Err(CborError::new(head.at, CborFault::KeyKind));
        }
        self.content(&head).map(Key::long)
    }

    /// The target of a link, after its tag.
    pub(super) fn target(&mut self, tag: &Head) -> Result<Cid, CborError> {
        let head = self.head()?;
        let refused = || CborError::new(tag.at, CborFault::Link);
        if head.kind != Kind::Bytes {
            return Err(refused());
        }
        match self.content(&head)? {
            [LINK_PREFIX, cid @ ..] => Cid::from_bytes(cid).map_err(|_| refused()),
            _ => Err(refused()),
        }
    }

    /// The keys of a map, after its head.
    #[inline]
    pub(super) fn entries(&self, head: &Head) -> Result<MapReader<'a>, CborError> {
        Ok(MapReader { remaining: self.count(head)?, last: Key::NONE })
    }

    /// The number of elements or entries that a head announces.
    #[inline]
    pub(super) fn count(&self, head: &Head) -> Result<usize, CborError> {
        let least_bytes = if head.kind == Kind::Map { 2 } else { 1 };
        match usize::try_from(head.argument) {
            Ok(len) if len > limits::MAX_ELEMENTS => {
                Err(CborError::new(head.at, DataError::TooManyElements))
            }
            Ok(len) if len * least_bytes <= self.rest.len() => Ok(len),
            _ => Err(CborError::new(head.at, CborFault::Truncated)),
        }
    }

    pub(super) fn expect(&mut self, expected: Kind) -> Result<Head, CborError> {
        let head = self.head()?;
        match head.kind == expected {
            true => Ok(head),
            false => {
                Err(CborError::new(head.at, CborFault::Unexpected { expected, found: head.kind }))
            }
        }
    }
}

/// The keys of one map, sorted, unique and within the limits, or an error.
#[derive(Debug, Clone)]
pub struct MapReader<'a> {
    remaining: usize,
    last: Key<'a>,
}

impl<'a> MapReader<'a> {
    /// The number of entries not read yet.
    pub const fn remaining(&self) -> usize {
        self.remaining
    }

    /// Reads the next key; its value comes next in the reader. `None` is the end.
    pub fn next_key(&mut self, reader: &mut Reader<'a>) -> Result<Option<&'a str>, CborError> {
        self.next_key_as(reader, |key| match key.usual_text() {
            Some(text) => Some(text),
            None => utf8(key.bytes),
        })
    }

    /// Reads the next key as what `text` makes of it, which is nothing if it is not UTF-8.
    #[inline]
    pub(super) fn next_key_as<T>(
        &mut self,
        reader: &mut Reader<'a>,
        text: impl FnOnce(&Key<'a>) -> Option<T>,
    ) -> Result<Option<T>, CborError> {
        if self.remaining == 0 {
            return Ok(None);
        }
        self.remaining -= 1;
        let at = reader.position();
        let refused = |fault| Err(CborError::new(at, fault));
        let key = match reader.short_key() {
            Some(key) => key,
            None => reader.any_key()?,
        };
        let Some(text) = text(&key) else { return refused(CborFault::Utf8) };
        if let Err(fault) = key.follows(&self.last) {
            return refused(fault);
        }
        self.last = key;
        Ok(Some(text))
    }

    /// The key read last.
    #[inline]
    pub(super) const fn last_key(&self) -> &Key<'a> {
        &self.last
    }
}

/// The byte before a CID in a link: the multibase code of plain binary.
const LINK_PREFIX: u8 = 0;
