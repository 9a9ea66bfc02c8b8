use std::slice::Iter;

use smol_str::SmolStr;

use super::{Cursor, Item, Open};
use crate::data::Value;

impl<'a> Open<'a> for &'a Value {
    type Cursor = Tree<'a>;

    fn open(self) -> Tree<'a> {
        Tree { next: self }
    }
}

/// A place in a [`Value`].
#[derive(Clone)]
pub struct Tree<'a> {
    next: &'a Value,
}

impl<'a> Cursor<'a> for Tree<'a> {
    type List = Iter<'a, Value>;
    type Map = Iter<'a, (SmolStr, Value)>;

    fn read(&mut self) -> Item<'a, Self::List, Self::Map> {
        match self.next {
            Value::Null => Item::Null,
            Value::Bool(value) => Item::Bool(*value),
            Value::Integer(value) => Item::Integer(*value),
            Value::String(text) => Item::Text(text.as_bytes()),
            Value::Bytes(bytes) => Item::Bytes { len: bytes.len() },
            Value::Link(cid) => Item::Link(cid.codec()),
            Value::List(items) => Item::List { items: items.iter(), len: items.len() },
            Value::Map(map) => Item::Map(map.entries().iter()),
        }
    }

    fn skip(&mut self) {}

    fn next_element(&mut self, list: &mut Self::List) -> bool {
        let Some(item) = list.next() else { return false };
        self.next = item;
        true
    }

    fn next_key(&mut self, map: &mut Self::Map) -> Option<&'a [u8]> {
        let (key, value) = map.next()?;
        self.next = value;
        Some(key.as_bytes())
    }

    fn leave(&mut self, _item: Item<'a, Self::List, Self::Map>) {}
}
