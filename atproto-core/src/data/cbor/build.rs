use smol_str::SmolStr;

use super::key::Key;
use super::walk::Shape;
use crate::data::form::Seen;
use crate::data::text::utf8;
use crate::data::{Bytes, Map, Text, Value};
use crate::syntax::Cid;

/// The decoder's walk.
impl<'a> Shape<'a> for Value {
    type Elements = Vec<Self>;
    type Entries = Vec<(SmolStr, Self)>;

    const ELEMENT: usize = size_of::<Self>();
    const ENTRY: usize = size_of::<(SmolStr, Self)>();

    fn null(&mut self) {
        *self = Self::Null;
    }

    fn bool(&mut self, value: bool) {
        *self = Self::Bool(value);
    }

    fn integer(&mut self, value: i64) {
        *self = Self::Integer(value);
    }

    #[inline]
    fn text(&mut self, text: &'a [u8]) -> Option<()> {
        *self = Self::String(Text::from_utf8(text)?);
        Some(())
    }

    fn bytes(&mut self, bytes: &'a [u8]) {
        *self = Self::Bytes(Bytes::copy_from_slice(bytes));
    }

    fn link(&mut self, cid: Cid) {
        *self = Self::Link(cid);
    }

    fn list(&mut self, room: usize) -> &mut Vec<Self> {
        *self = Self::List(Vec::with_capacity(room));
        let Self::List(list) = self else { unreachable!("it has just been made one") };
        list
    }

    fn element(list: &mut Vec<Self>) -> &mut Self {
        list.push(Self::Null);
        let last = list.len() - 1;
        &mut list[last]
    }

    fn map(&mut self, room: usize) -> &mut Self::Entries {
        *self = Self::Map(Map::from_sorted(Vec::with_capacity(room)));
        let Self::Map(map) = self else { unreachable!("it has just been made one") };
        map.entries_mut()
    }

    #[inline]
    fn entry<'m>(map: &'m mut Self::Entries, key: &Key<'a>) -> Option<&'m mut Self> {
        map.push(EMPTY);
        let last = map.len() - 1;
        let (name, value) = &mut map[last];
        match key.usual_text() {
            Some(key) => *name = SmolStr::new_static(key),
            None => *name = SmolStr::new(utf8(key.bytes)?),
        }
        Some(value)
    }

    fn close(&mut self) {}

    fn seen(&self) -> Seen<'_> {
        self.into()
    }
}

/// Pushed and then filled in place. It is a constant so that it is copied whole: one made on
/// the stack is written in parts, and the processor waits before it can read those as one.
const EMPTY: (SmolStr, Value) = (SmolStr::new_static(""), Value::Null);
