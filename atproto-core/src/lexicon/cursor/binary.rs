use super::{Cursor, Item, Open};
use crate::{data::cbor::Checked, syntax::Codec};

impl<'a> Open<'a> for Checked<'a> {
    type Cursor = Binary<'a>;

    fn open(self) -> Binary<'a> {
        Binary { rest: self.as_bytes() }
    }
}

/// A place in DAG-CBOR that has been checked. So nothing is checked again, and what cannot be
/// there reads as nothing.
#[derive(Clone)]
pub struct Binary<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> for Binary<'a> {
    /// The number of elements.
    type List = usize;
    /// The number of entries.
    type Map = usize;

    #[inline]
    fn read(&mut self) -> Item<'a, usize, usize> {
        let (major, argument) = self.head();
        match major {
            UNSIGNED => Item::Integer(argument as i64),
            NEGATIVE => Item::Integer(!(argument as i64)),
            BYTES => Item::Bytes { len: self.content(argument).len() },
            TEXT => Item::Text(self.content(argument)),
            ARRAY => Item::List { items: argument as usize, len: argument as usize },
            MAP => Item::Map(argument as usize),
            TAG => Item::Link(self.link()),
            _ => match argument {
                FALSE => Item::Bool(false),
                TRUE => Item::Bool(true),
                _ => Item::Null,
            },
        }
    }

    fn skip(&mut self) {
        let mut open = 1u64;
        while open > 0 && !self.rest.is_empty() {
            open -= 1;
            let (major, argument) = self.head();
            match major {
                BYTES | TEXT => _ = self.content(argument),
                ARRAY => open += argument,
                MAP => open += 2 * argument,
                TAG => open += 1,
                _ => {}
            }
        }
    }

    fn next_element(&mut self, list: &mut usize) -> bool {
        let more = *list > 0;
        *list = list.saturating_sub(1);
        more
    }

    #[inline]
    fn next_key(&mut self, map: &mut usize) -> Option<&'a [u8]> {
        *map = map.checked_sub(1)?;
        let (_, len) = self.head();
        Some(self.content(len))
    }
}

impl<'a> Binary<'a> {
    /// The major type of an item and its argument.
    #[inline]
    fn head(&mut self) -> (u8, u64) {
        let Some((initial, after)) = self.rest.split_first() else { return (SIMPLE, NULL) };
        let (major, info) = (initial >> 5, initial & 0x1f);
        let width = match info {
            ..24 => {
                self.rest = after;
                return (major, u64::from(info));
            }
            info => 1 << (info & 3),
        };
        let (argument, after) = after.split_at_checked(width).unwrap_or_default();
        self.rest = after;
        (major, argument.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
    }

    /// The content of a string, after its head.
    #[inline]
    fn content(&mut self, len: u64) -> &'a [u8] {
        let (content, after) = self.rest.split_at_checked(len as usize).unwrap_or_default();
        self.rest = after;
        content
    }

    /// The codec of the CID in a link, after its tag: the third byte of the content, behind
    /// the multibase code and the version.
    fn link(&mut self) -> Codec {
        let (_, len) = self.head();
        match self.content(len).get(2) {
            Some(&RAW) => Codec::Raw,
            _ => Codec::DagCbor,
        }
    }
}

/// The major types of RFC 8949 section 3.1.
const UNSIGNED: u8 = 0;
const NEGATIVE: u8 = 1;
const BYTES: u8 = 2;
const TEXT: u8 = 3;
const ARRAY: u8 = 4;
const MAP: u8 = 5;
const TAG: u8 = 6;
const SIMPLE: u8 = 7;

/// The simple values of RFC 8949 section 3.3.
const FALSE: u64 = 20;
const TRUE: u64 = 21;
const NULL: u64 = 22;

/// The codec `raw` of a CID.
const RAW: u8 = 0x55;
