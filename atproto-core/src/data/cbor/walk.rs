use super::{CborError, CborFault, Kind, Reader};
use crate::data::form::{self, MapForm, Seen};
use crate::data::{DataError, limits};
use crate::syntax::Cid;

/// What a walk makes of the items that it meets: the checker next to nothing, the decoder
/// values. Because both are one walk, they accept the same bytes and name the same faults.
///
/// Items are written where they stay, into the slot that their container has for them:
/// handing 40 bytes up level by level costs more than reading them.
pub(super) trait Shape<'a>: Sized {
    /// What is gathered of a list.
    type Elements;
    /// What is gathered of a map.
    type Entries;

    /// The memory that one element of a list takes.
    const ELEMENT: usize;
    /// The memory that one entry of a map takes.
    const ENTRY: usize;

    fn null() -> Self;
    fn bool(value: bool) -> Self;
    fn integer(value: i64) -> Self;
    /// `None` if the text is not UTF-8.
    fn text(text: &'a [u8]) -> Option<Self>;
    fn bytes(bytes: &'a [u8]) -> Self;
    fn link(cid: Cid) -> Self;

    fn elements(room: usize) -> Self::Elements;
    /// The slot for the next element.
    fn element(list: &mut Self::Elements) -> &mut Self;
    fn list(list: Self::Elements) -> Self;

    fn entries(room: usize) -> Self::Entries;
    /// The slot for the next value. `None` if the key is not UTF-8.
    fn entry<'m>(map: &'m mut Self::Entries, key: &'a [u8]) -> Option<&'m mut Self>;
    fn map(map: Self::Entries) -> Self;

    /// What the rules on maps need to know of this.
    fn seen(&self) -> Seen<'_>;
}

/// Reads the next item, around which `depth` containers are open, into its slot.
/// Containers that are not full yet have reserved all memory that has gone from `budget`,
/// a number of bytes.
pub(super) fn item<'a, S: Shape<'a>>(
    reader: &mut Reader<'a>,
    budget: &mut usize,
    depth: usize,
    slot: &mut S,
) -> Result<(), CborError> {
    let head = reader.head()?;
    // Each arm fills the slot by itself: a value that several arms make first and one place
    // moves afterwards goes through memory twice.
    match head.kind {
        Kind::Text => match S::text(reader.content(&head)?) {
            Some(text) => *slot = text,
            None => return Err(CborError::new(head.at, CborFault::Utf8)),
        },
        Kind::Integer => *slot = S::integer(head.integer()?),
        Kind::Null => *slot = S::null(),
        Kind::Bool => *slot = S::bool(head.truth()),
        Kind::Bytes => *slot = S::bytes(reader.content(&head)?),
        Kind::Link => *slot = S::link(reader.target(&head)?),
        Kind::Array | Kind::Map if depth >= limits::MAX_DEPTH => {
            return Err(CborError::new(head.at, DataError::TooDeep));
        }
        Kind::Array => {
            let len = reader.count(&head)?;
            let (room, reserved) = reserve(len, S::ELEMENT, budget);
            let mut list = S::elements(room);
            for _ in 0..len {
                item(reader, budget, depth + 1, S::element(&mut list))?;
            }
            *budget += reserved;
            *slot = S::list(list);
        }
        Kind::Map => {
            let mut keys = reader.entries(&head)?;
            let (room, reserved) = reserve(keys.remaining(), S::ENTRY, budget);
            let mut map = S::entries(room);
            let mut form = MapForm::default();
            while let Some(slot) = keys.next_key_as(reader, |key| S::entry(&mut map, key))? {
                item(reader, budget, depth + 1, slot)?;
                if form::matters(keys.last_key()) {
                    form.note(keys.last_key(), slot.seen());
                }
            }
            form.judge().map_err(|error| CborError::new(head.at, error))?;
            *budget += reserved;
            *slot = S::map(map);
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
