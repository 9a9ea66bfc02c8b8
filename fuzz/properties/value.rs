//! Values built from the input: both encodings give them back, and no change to the binary
//! one goes unnoticed.

use atproto_core::{
    data::{Bytes, Map, Value, cbor, json},
    syntax::{Cid, Codec},
};

use super::entropy::Entropy;

pub(crate) fn check(data: &[u8]) {
    let mut entropy = Entropy::new(data);
    let (place, change) = (u16::from_be_bytes(entropy.array()), entropy.byte());
    let value = value(&mut entropy, 0);
    let bytes = cbor::encode(&value);
    assert_eq!(cbor::check(&bytes), Ok(()), "{value:?}");
    assert_eq!(cbor::decode(&bytes).as_ref(), Ok(&value));
    assert_eq!(cbor::to_vec(&value).as_ref(), Ok(&bytes));
    let text = json::encode(&value);
    assert_eq!(json::decode(&text).expect("what was written can be read"), value);

    let place = usize::from(place) % bytes.len();
    assert!(cbor::decode(&bytes[..place]).is_err(), "cut short");
    assert!(cbor::decode(&[&bytes[..], &[change]].concat()).is_err(), "made longer");
    let mut changed = bytes;
    changed[place] ^= change.max(1);
    assert_ne!(cbor::decode(&changed).as_ref(), Ok(&value));
}

fn value(entropy: &mut Entropy<'_>, depth: usize) -> Value {
    let kinds = if depth < MAX_DEPTH { 9 } else { 6 };
    match entropy.below(kinds) {
        0 => Value::Null,
        1 => Value::Bool(entropy.byte() & 1 == 1),
        2 => {
            // Integers of every width, so that every head is met.
            let bits = entropy.below(64);
            Value::Integer(i64::from_be_bytes(entropy.array()) >> bits)
        }
        3 => Value::from(text(entropy)),
        4 => Value::Bytes(Bytes::copy_from_slice(long(entropy))),
        5 => Value::Link(cid(entropy)),
        6 => Value::List((0..entropy.below(6)).map(|_| value(entropy, depth + 1)).collect()),
        7 => {
            let mut map = Map::new();
            for _ in 0..entropy.below(6) {
                map.insert(key(entropy), value(entropy, depth + 1));
            }
            Value::Map(map)
        }
        _ => blob(entropy),
    }
}

/// The keys that mean something are for [`blob`] and for links and bytes in JSON.
fn key(entropy: &mut Entropy<'_>) -> String {
    let text = text(entropy);
    match text.as_str() {
        "" | "$link" | "$bytes" | "$type" => "$other".to_owned(),
        _ => text,
    }
}

fn blob(entropy: &mut Entropy<'_>) -> Value {
    let mut map = Map::new();
    map.insert("$type", "blob");
    map.insert("mimeType", format!("image/{}", text(entropy)));
    map.insert("size", i64::from(entropy.byte()) + 1);
    map.insert("ref", Value::Link(Cid::from_digest(Codec::Raw, entropy.array())));
    Value::Map(map)
}

fn cid(entropy: &mut Entropy<'_>) -> Cid {
    let codec = if entropy.byte() & 1 == 0 { Codec::Raw } else { Codec::DagCbor };
    Cid::from_digest(codec, entropy.array())
}

fn text(entropy: &mut Entropy<'_>) -> String {
    let len = entropy.below(40);
    String::from_utf8_lossy(entropy.bytes(len)).into_owned()
}

/// Now and then longer than a head of one byte can say.
fn long<'a>(entropy: &mut Entropy<'a>) -> &'a [u8] {
    let len = entropy.below(40);
    let len = if len == 39 { 300 } else { len };
    entropy.bytes(len)
}

/// Deep enough; the depth that is allowed at most is for the target `cbor`.
const MAX_DEPTH: usize = 24;
