//! A walk over a value, whatever holds it.
//!
//! The rules on values are written once, over [`Cursor`]: so the verdict on a
//! [`Value`] and on its bytes cannot differ.

mod binary;
mod tree;

use crate::{
    data::{Value, cbor::Checked, key_order},
    syntax::Codec,
};

/// What can be held against a schema: a [`Value`], or the bytes of one that were
/// [`Checked`]. Bytes are validated where they lie, without a value being made of them.
pub trait Subject<'a>: Open<'a> {}

impl<'a> Subject<'a> for &'a Value {}
impl<'a> Subject<'a> for Checked<'a> {}

/// Begins the walk.
pub trait Open<'a> {
    type Cursor: Cursor<'a>;

    fn open(self) -> Self::Cursor;
}

/// Stands before an item. Every item has to be read or skipped, and a container walked to its
/// end, before the next one: bytes have no other way to it.
pub trait Cursor<'a>: Clone {
    /// The elements of a list that are to come.
    type List;
    /// The entries of a map that are to come, in canonical order.
    type Map: Clone;

    /// Reads a scalar, or enters a container.
    fn read(&mut self) -> Item<'a, Self::List, Self::Map>;

    /// Steps over an item with everything in it.
    fn skip(&mut self);

    /// Goes to the next element of a list, if there is one.
    fn next_element(&mut self, list: &mut Self::List) -> bool;

    /// Goes to the value of the next key of a map, if there is one.
    fn next_key(&mut self, map: &mut Self::Map) -> Option<&'a [u8]>;

    /// The text under `$type` of a map that was just entered. What comes before it in the
    /// order of keys is short and rare.
    fn type_name(&self, map: &Self::Map) -> Option<&'a [u8]> {
        let (mut ahead, mut map) = (self.clone(), map.clone());
        while let Some(key) = ahead.next_key(&mut map) {
            match key_order(key, TYPE) {
                std::cmp::Ordering::Less => ahead.skip(),
                std::cmp::Ordering::Equal => return ahead.read().text(),
                std::cmp::Ordering::Greater => break,
            }
        }
        None
    }

    /// Steps over what is left of an item that was read.
    fn leave(&mut self, item: Item<'a, Self::List, Self::Map>) {
        match item {
            Item::List { mut items, .. } => {
                while self.next_element(&mut items) {
                    self.skip();
                }
            }
            Item::Map(mut map) => {
                while self.next_key(&mut map).is_some() {
                    self.skip();
                }
            }
            _ => {}
        }
    }
}

/// An item as far as rules look at it. Texts are UTF-8.
pub enum Item<'a, List, Map> {
    Null,
    Bool(bool),
    Integer(i64),
    Text(&'a [u8]),
    Bytes { len: usize },
    Link(Codec),
    List { items: List, len: usize },
    Map(Map),
}

impl<'a, List, Map> Item<'a, List, Map> {
    pub(super) fn text(&self) -> Option<&'a [u8]> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// The name of the kind, as [`Value::kind`] has it.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "boolean",
            Self::Integer(_) => "integer",
            Self::Text(_) => "string",
            Self::Bytes { .. } => "bytes",
            Self::Link(_) => "cid-link",
            Self::List { .. } => "array",
            Self::Map(_) => "object",
        }
    }
}

/// The key of the name of a value's type.
pub(super) const TYPE: &[u8] = b"$type";
