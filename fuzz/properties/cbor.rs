//! DAG-CBOR: the checker, the decoder and the reader accept the same bytes, encoding gives
//! them back, and all of it is as strict as the few lines of [`item`] below.

use atproto_core::data::{
    Bytes, DataError, Map, Value,
    cbor::{self, CborError, CborFault, Kind, Reader, Writer},
    limits::MAX_DEPTH,
};

pub(crate) fn check(data: &[u8]) {
    let checked = cbor::check(data);
    let decoded = cbor::decode(data);
    assert_eq!(checked.as_ref().err(), decoded.as_ref().err(), "checker and decoder differ");
    match &checked {
        Ok(()) => assert_eq!(canonical(data), Some(data.len()), "too lenient"),
        Err(error) if is_rule_of_the_model(error) => {}
        Err(error) => assert_ne!(canonical(data), Some(data.len()), "too strict: {error}"),
    }
    if let Ok(value) = decoded {
        assert_eq!(cbor::encode(&value), data);
        let typed = cbor::from_slice::<Value>(data);
        assert_eq!(typed.expect("the typed reader takes what the checker takes"), value);
        let mut reader = Reader::new(data);
        assert_eq!(read(&mut reader, 0).expect("the reader takes what the checker takes"), value);
        reader.finish().expect("one value is all there is");
        let mut writer = Writer::new();
        writer.value(&value);
        assert_eq!(writer.into_bytes(), data);
        for blob in value.blobs() {
            let _ = (blob.cid(), blob.size());
        }
    }
    let mut reader = Reader::new(data);
    while let Ok(raw) = reader.raw() {
        assert_eq!(cbor::check(raw), Ok(()));
    }
    let _ = read(&mut Reader::new(data), 0);
}

/// The rules that hold for values in memory too: the shape of links, bytes, types, blobs.
fn is_rule_of_the_model(error: &CborError) -> bool {
    let CborFault::Data(rule) = error.fault() else { return false };
    matches!(
        rule,
        DataError::LinkShape | DataError::BytesShape | DataError::TypeShape | DataError::BlobShape
    )
}

/// A value as a caller of the reader would read it, item by item. The reader does not know
/// how deep its caller is: a caller that recurses has to stop by itself.
fn read(reader: &mut Reader<'_>, depth: usize) -> Option<Value> {
    if depth > MAX_DEPTH {
        return None;
    }
    Some(match reader.peek().ok()? {
        Kind::Null => {
            reader.null().ok()?;
            Value::Null
        }
        Kind::Bool => Value::Bool(reader.bool().ok()?),
        Kind::Integer => Value::Integer(reader.int().ok()?),
        Kind::Text => Value::from(reader.text().ok()?),
        Kind::Bytes => Value::Bytes(Bytes::copy_from_slice(reader.bytes().ok()?)),
        Kind::Link => Value::Link(reader.link().ok()?),
        Kind::Array => {
            let len = reader.array_len().ok()?;
            Value::List((0..len).map(|_| read(reader, depth + 1)).collect::<Option<_>>()?)
        }
        _ => {
            let mut keys = reader.map().ok()?;
            let mut map = Map::new();
            while let Some(key) = keys.next_key(reader).ok()? {
                map.insert(key, read(reader, depth + 1)?);
            }
            Value::Map(map)
        }
    })
}

/// The length of the one canonical item that the bytes begin with.
fn canonical(data: &[u8]) -> Option<usize> {
    item(data, 0)
}

fn item(data: &[u8], depth: usize) -> Option<usize> {
    let (major, argument, mut at) = head(data)?;
    let len = usize::try_from(argument).ok()?;
    match major {
        0 | 1 => (argument <= i64::MAX as u64).then_some(at),
        2 => data[at..].get(..len).map(|_| at + len),
        3 => std::str::from_utf8(data[at..].get(..len)?).ok().map(|_| at + len),
        4 | 5 if depth >= MAX_DEPTH || len > 131_072 => None,
        4 => {
            for _ in 0..len {
                at += item(&data[at..], depth + 1)?;
            }
            Some(at)
        }
        5 => {
            let mut last = None;
            for _ in 0..len {
                let key = &data[at..];
                let (3, key_len @ 1..=8192, start) = head(key)? else { return None };
                let end = item(key, depth + 1)?;
                let key = (key_len, &key[start..end]);
                if last.is_some_and(|last| last >= key) {
                    return None;
                }
                last = Some(key);
                at += end;
                at += item(&data[at..], depth + 1)?;
            }
            Some(at)
        }
        6 if argument == 42 => {
            let link = data[at..].get(..39)?;
            let codecs = [0x55, 0x71].contains(&link[4]);
            (link[..4] == [0x58, 0x25, 0, 1] && codecs && link[5..7] == [0x12, 0x20])
                .then_some(at + link.len())
        }
        7 => (at == 1 && (20..=22).contains(&argument)).then_some(at),
        _ => None,
    }
}

/// Major type, argument, and the length of the head, which is the shortest there is.
fn head(data: &[u8]) -> Option<(u8, u64, usize)> {
    let (major, info) = (data.first()? >> 5, data[0] & 0x1f);
    let width = match info {
        0..=23 => return Some((major, u64::from(info), 1)),
        24..=27 => 1 << (info - 24),
        _ => return None,
    };
    let bytes = data.get(1..=width)?;
    let argument = bytes.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
    let least = [24, 1 << 8, 1 << 16, 1 << 32][usize::from(info - 24)];
    (argument >= least).then_some((major, argument, 1 + width))
}
