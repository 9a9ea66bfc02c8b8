use super::walk::Shape;
use crate::data::form::Seen;
use crate::syntax::Cid;

/// The checker's walk. It keeps of an item what the rules on the map around it need; one
/// slot serves all items of a container.
impl<'a> Shape<'a> for Seen<'a> {
    type Elements = Self;
    type Entries = Self;

    const ELEMENT: usize = 0;
    const ENTRY: usize = 0;

    fn null() -> Self {
        Self::Other
    }

    fn bool(_value: bool) -> Self {
        Self::Other
    }

    fn integer(value: i64) -> Self {
        Self::Integer(value)
    }

    fn text(text: &'a [u8]) -> Option<Self> {
        is_utf8(text).then_some(Self::Text(text))
    }

    fn bytes(_bytes: &'a [u8]) -> Self {
        Self::Other
    }

    fn link(cid: Cid) -> Self {
        Self::Link(cid.codec())
    }

    fn elements(_room: usize) -> Self {
        Self::Other
    }

    fn element(slot: &mut Self) -> &mut Self {
        slot
    }

    fn list(_slot: Self) -> Self {
        Self::Other
    }

    fn entries(_room: usize) -> Self {
        Self::Other
    }

    fn entry<'m>(slot: &'m mut Self, key: &'a [u8]) -> Option<&'m mut Self> {
        is_utf8(key).then_some(slot)
    }

    fn map(_slot: Self) -> Self {
        Self::Other
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
