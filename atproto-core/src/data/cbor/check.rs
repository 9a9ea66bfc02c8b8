use super::key::Key;
use super::walk::Shape;
use crate::data::form::Seen;
use crate::syntax::Cid;

/// The checker's walk. It keeps of an item what the rules on the map around it need; the
/// slot of a container serves all items in it.
impl<'a> Shape<'a> for Seen<'a> {
    type Elements = Self;
    type Entries = Self;

    const ELEMENT: usize = 0;
    const ENTRY: usize = 0;

    fn null(&mut self) {
        *self = Self::Other;
    }

    fn bool(&mut self, _value: bool) {
        *self = Self::Other;
    }

    fn integer(&mut self, value: i64) {
        *self = Self::Integer(value);
    }

    fn text(&mut self, text: &'a [u8]) -> Option<()> {
        *self = Self::Text(text);
        is_utf8(text).then_some(())
    }

    fn bytes(&mut self, _bytes: &'a [u8]) {
        *self = Self::Other;
    }

    fn link(&mut self, cid: Cid) {
        *self = Self::Link(cid.codec());
    }

    fn list(&mut self, _room: usize) -> &mut Self {
        self
    }

    fn element(slot: &mut Self) -> &mut Self {
        slot
    }

    fn map(&mut self, _room: usize) -> &mut Self {
        self
    }

    fn entry<'m>(slot: &'m mut Self, key: &Key<'a>) -> Option<&'m mut Self> {
        (key.usual_text().is_some() || is_utf8(key.bytes)).then_some(slot)
    }

    fn close(&mut self) {
        *self = Self::Other;
    }

    fn seen(&self) -> Seen<'_> {
        *self
    }
}

/// Whether this is UTF-8. Most text is short and ASCII, which a few whole words tell.
#[inline]
fn is_utf8(text: &[u8]) -> bool {
    is_ascii(text) || str::from_utf8(text).is_ok()
}

#[inline]
fn is_ascii(text: &[u8]) -> bool {
    let all = match (text.last_chunk::<8>(), text.first_chunk::<4>(), text.last_chunk::<4>()) {
        // The last word overlaps the one before it, so that no single bytes are left.
        (Some(last), ..) => {
            let (words, _) = text.as_chunks::<8>();
            words
                .iter()
                .fold(u64::from_ne_bytes(*last), |all, word| all | u64::from_ne_bytes(*word))
        }
        (None, Some(first), Some(last)) => {
            u64::from(u32::from_ne_bytes(*first) | u32::from_ne_bytes(*last))
        }
        _ => u64::from(text.iter().fold(0, |all, byte| all | byte)),
    };
    all & HIGH_BITS == 0
}

/// The bit of each byte that ASCII leaves clear.
const HIGH_BITS: u64 = u64::from_ne_bytes([0x80; 8]);
