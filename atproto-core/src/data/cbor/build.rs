use smol_str::SmolStr;

use super::walk::Shape;
use crate::data::form::Seen;
use crate::data::{Bytes, Map, Value};
use crate::syntax::Cid;

/// The decoder's walk.
impl<'a> Shape<'a> for Value {
    type Elements = Vec<Self>;
    type Entries = Vec<(SmolStr, Self)>;

    const ELEMENT: usize = size_of::<Self>();
    const ENTRY: usize = size_of::<(SmolStr, Self)>();

    fn null() -> Self {
        Self::Null
    }

    fn bool(value: bool) -> Self {
        Self::Bool(value)
    }

    fn integer(value: i64) -> Self {
        Self::Integer(value)
    }

    fn text(text: &'a [u8]) -> Option<Self> {
        // Copied first: text is validated faster where it is aligned.
        String::from_utf8(text.to_vec()).ok().map(Self::String)
    }

    fn bytes(bytes: &'a [u8]) -> Self {
        Self::Bytes(Bytes::copy_from_slice(bytes))
    }

    fn link(cid: Cid) -> Self {
        Self::Link(cid)
    }

    fn elements(room: usize) -> Vec<Self> {
        Vec::with_capacity(room)
    }

    fn element(list: &mut Vec<Self>) -> &mut Self {
        list.push(Self::Null);
        let last = list.len() - 1;
        &mut list[last]
    }

    fn list(list: Vec<Self>) -> Self {
        Self::List(list)
    }

    fn entries(room: usize) -> Self::Entries {
        Vec::with_capacity(room)
    }

    fn entry<'m>(map: &'m mut Self::Entries, key: &'a [u8]) -> Option<&'m mut Self> {
        // Pushed as a constant and filled in place, for the reason given at `item`.
        map.push((SmolStr::new_static(""), Self::Null));
        let last = map.len() - 1;
        let (name, value) = &mut map[last];
        match usual_key(key) {
            Some(key) => *name = SmolStr::new_static(key),
            None => *name = SmolStr::new(str::from_utf8(key).ok()?),
        }
        Some(value)
    }

    fn map(map: Self::Entries) -> Self {
        Self::Map(Map::from_sorted(map))
    }

    fn seen(&self) -> Seen<'_> {
        self.into()
    }
}

/// The key as a constant, if it is one that nearly every repository has. To find it here
/// costs a comparison or two, which is less than to validate and copy it.
#[inline]
fn usual_key(key: &[u8]) -> Option<&'static str> {
    Some(match key {
        b"alt" => "alt",
        b"cid" => "cid",
        b"did" => "did",
        b"ref" => "ref",
        b"tag" => "tag",
        b"uri" => "uri",
        b"root" => "root",
        b"size" => "size",
        b"text" => "text",
        b"$type" => "$type",
        b"embed" => "embed",
        b"image" => "image",
        b"index" => "index",
        b"langs" => "langs",
        b"reply" => "reply",
        b"thumb" => "thumb",
        b"title" => "title",
        b"width" => "width",
        b"facets" => "facets",
        b"height" => "height",
        b"images" => "images",
        b"parent" => "parent",
        b"record" => "record",
        b"byteEnd" => "byteEnd",
        b"subject" => "subject",
        b"external" => "external",
        b"features" => "features",
        b"mimeType" => "mimeType",
        b"byteStart" => "byteStart",
        b"createdAt" => "createdAt",
        b"aspectRatio" => "aspectRatio",
        b"description" => "description",
        _ => return None,
    })
}
