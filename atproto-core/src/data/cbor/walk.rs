use super::key::Key;
use super::{CborError, CborFault, Kind, Reader};
use crate::data::form::{MapForm, Seen};
use crate::data::{DataError, limits};
use crate::syntax::Cid;

/// What a walk makes of the items that it meets: the checker next to nothing, the decoder
/// values. Because both are one walk, they accept the same bytes and name the same faults.
///
/// Each method fills the slot that the container has for its item: a value that is made
/// elsewhere and moved costs more time than it took to read.
pub(super) trait Shape<'a>: Sized {
    /// What is gathered of a list.
    type Elements;
    /// What is gathered of a map.
    type Entries;

    /// The memory that one element of a list takes.
    const ELEMENT: usize;
    /// The memory that one entry of a map takes.
    const ENTRY: usize;

    fn null(&mut self);
    fn bool(&mut self, value: bool);
    fn integer(&mut self, value: i64);
    /// `None` if the text is not UTF-8.
    fn text(&mut self, text: &'a [u8]) -> Option<()>;
    fn bytes(&mut self, bytes: &'a [u8]);
    fn link(&mut self, cid: Cid);

    /// Makes this a list without elements, with room for some.
    fn list(&mut self, room: usize) -> &mut Self::Elements;
    /// The slot for the next element.
    fn element(list: &mut Self::Elements) -> &mut Self;

    /// Makes this a map without entries, with room for some.
    fn map(&mut self, room: usize) -> &mut Self::Entries;
    /// The slot for the next value. `None` if the key is not UTF-8.
    fn entry<'m>(map: &'m mut Self::Entries, key: &Key<'a>) -> Option<&'m mut Self>;

    /// Ends the list or map that this was made.
    fn close(&mut self);

    /// What the rules on maps need to know of this.
    fn seen(&self) -> Seen<'_>;
}

/// Reads the next item, around which `depth` containers are open, into its slot.
/// Containers that are not full yet have reserved all memory that has gone from `budget`,
/// a number of bytes.
///
/// Most items are texts with a short head; those are read without a call.
#[inline]
pub(super) fn item<'a, S: Shape<'a>>(
    reader: &mut Reader<'a>,
    budget: &mut usize,
    depth: usize,
    slot: &mut S,
) -> Result<(), CborError> {
    let at = reader.position();
    match reader.short_text() {
        Some(text) => slot.text(text).ok_or_else(|| CborError::new(at, CborFault::Utf8)),
        None => any_item(reader, budget, depth, slot),
    }
}

fn any_item<'a, S: Shape<'a>>(
    reader: &mut Reader<'a>,
    budget: &mut usize,
    depth: usize,
    slot: &mut S,
) -> Result<(), CborError> {
    let head = reader.head()?;
    match head.kind {
        Kind::Text => {
            let text = slot.text(reader.content(&head)?);
            text.ok_or_else(|| CborError::new(head.at, CborFault::Utf8))?;
        }
        Kind::Integer => slot.integer(head.integer()?),
        Kind::Null => slot.null(),
        Kind::Bool => slot.bool(head.truth()),
        Kind::Bytes => slot.bytes(reader.content(&head)?),
        Kind::Link => slot.link(reader.target(&head)?),
        Kind::Array | Kind::Map if depth >= limits::MAX_DEPTH => {
            return Err(CborError::new(head.at, DataError::TooDeep));
        }
        Kind::Array => {
            let len = reader.count(&head)?;
            let (room, reserved) = reserve(len, S::ELEMENT, budget);
            let list = slot.list(room);
            for _ in 0..len {
                item(reader, budget, depth + 1, S::element(list))?;
            }
            *budget += reserved;
            slot.close();
        }
        Kind::Map => {
            let mut keys = reader.entries(&head)?;
            let (room, reserved) = reserve(keys.remaining(), S::ENTRY, budget);
            let map = slot.map(room);
            let mut form = MapForm::default();
            while let Some(value) = keys.next_key_as(reader, |key| S::entry(map, key))? {
                item(reader, budget, depth + 1, value)?;
                if keys.last_key().matters() {
                    form.note(keys.last_key().bytes, value.seen());
                }
            }
            form.judge().map_err(|error| CborError::new(head.at, error))?;
            *budget += reserved;
            slot.close();
        }
    }
    Ok(())
}

/// How many of `len` items to reserve memory for, and how much has gone from the budget.
fn reserve(len: usize, size: usize, budget: &mut usize) -> (usize, usize) {
    let room = budget.checked_div(size).map_or(0, |most| len.min(most));
    *budget -= room * size;
    (room, room * size)
}
