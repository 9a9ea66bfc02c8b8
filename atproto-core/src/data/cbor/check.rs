use super::{CborError, Kind, Reader};
use crate::data::form::{MapForm, Seen};
use crate::data::{DataError, limits};

/// Decides whether the bytes are one value of the data model in its one canonical form.
///
/// A single pass without allocation: no length in the input makes it reserve anything,
/// and nesting beyond [`MAX_DEPTH`](limits::MAX_DEPTH) is refused before it is entered.
pub fn check(bytes: &[u8]) -> Result<(), CborError> {
    let mut reader = Reader::new(bytes);
    item(&mut reader, 0)?;
    reader.finish()
}

/// Checks the next item, around which `depth` containers are open.
pub(super) fn item<'a>(reader: &mut Reader<'a>, depth: usize) -> Result<Seen<'a>, CborError> {
    let at = reader.position();
    let kind = reader.peek()?;
    if matches!(kind, Kind::Array | Kind::Map) && depth >= limits::MAX_DEPTH {
        return Err(CborError::new(at, DataError::TooDeep));
    }
    Ok(match kind {
        Kind::Null => {
            reader.null()?;
            Seen::Other
        }
        Kind::Bool => {
            reader.bool()?;
            Seen::Other
        }
        Kind::Integer => Seen::Integer(reader.int()?),
        Kind::Text => Seen::Text(reader.text()?),
        Kind::Bytes => {
            reader.bytes()?;
            Seen::Other
        }
        Kind::Link => Seen::Link(reader.link()?),
        Kind::Array => {
            for _ in 0..reader.array_len()? {
                item(reader, depth + 1)?;
            }
            Seen::Other
        }
        Kind::Map => {
            let mut map = reader.map()?;
            let mut form = MapForm::default();
            while let Some(key) = map.next_key(reader)? {
                form.note(key, item(reader, depth + 1)?);
            }
            form.judge().map_err(|error| CborError::new(at, error))?;
            Seen::Other
        }
    })
}
