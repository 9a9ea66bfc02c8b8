use crate::data::Value;
use crate::syntax::Cid;

/// Writes DAG-CBOR item by item.
///
/// Heads come out shortest. That a container gets as many items as its head says, and a
/// map its keys in canonical order (shorter first, then by bytes), is up to the caller.
///
/// ```
/// use atproto_core::data::cbor::{self, Writer};
///
/// let mut writer = Writer::new();
/// writer.map(2).text("t").text("#info").text("op").int(1);
/// assert!(cbor::check(&writer.into_bytes()).is_ok());
/// ```
#[derive(Debug, Clone, Default)]
pub struct Writer {
    out: Vec<u8>,
}

impl Writer {
    /// A writer that has written nothing.
    pub const fn new() -> Self {
        Self { out: Vec::new() }
    }

    /// A writer with room for so many bytes.
    pub fn with_capacity(bytes: usize) -> Self {
        Self { out: Vec::with_capacity(bytes) }
    }

    /// What was written.
    pub fn into_bytes(self) -> Vec<u8> {
        self.out
    }

    /// Writes null.
    pub fn null(&mut self) -> &mut Self {
        self.push(0xf6)
    }

    /// Writes a boolean.
    pub fn bool(&mut self, value: bool) -> &mut Self {
        self.push(if value { 0xf5 } else { 0xf4 })
    }

    /// Writes an integer.
    pub fn int(&mut self, value: i64) -> &mut Self {
        let major = if value < 0 { 1 } else { 0 };
        // A negative integer n is written as −1 − n, which is the complement of its bits.
        self.head(major, (if value < 0 { !value } else { value }).unsigned_abs())
    }

    /// Writes a byte string.
    pub fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.head(2, bytes.len() as u64).raw(bytes)
    }

    /// Writes a text string.
    pub fn text(&mut self, text: &str) -> &mut Self {
        self.head(3, text.len() as u64).raw(text.as_bytes())
    }

    /// Writes the head of an array; its elements follow.
    pub fn array(&mut self, len: usize) -> &mut Self {
        self.head(4, len as u64)
    }

    /// Writes the head of a map; its keys and values follow in turn.
    pub fn map(&mut self, len: usize) -> &mut Self {
        self.head(5, len as u64)
    }

    /// Writes a link.
    pub fn link(&mut self, cid: &Cid) -> &mut Self {
        let cid = cid.to_bytes();
        self.raw(&[0xd8, 42]).head(2, cid.len() as u64 + 1).push(0).raw(&cid)
    }

    /// Writes a link or null.
    pub fn nullable_link(&mut self, cid: Option<&Cid>) -> &mut Self {
        match cid {
            Some(cid) => self.link(cid),
            None => self.null(),
        }
    }

    /// Writes a whole value.
    pub fn value(&mut self, value: &Value) -> &mut Self {
        match value {
            Value::Null => self.null(),
            Value::Bool(value) => self.bool(*value),
            Value::Integer(value) => self.int(*value),
            Value::String(value) => self.text(value),
            Value::Bytes(value) => self.bytes(value),
            Value::Link(value) => self.link(value),
            Value::List(list) => list.iter().fold(self.array(list.len()), Self::value),
            Value::Map(map) => map
                .iter()
                .fold(self.map(map.len()), |writer, (key, value)| writer.text(key).value(value)),
        }
    }

    /// Appends bytes that are encoded already.
    pub fn raw(&mut self, encoded: &[u8]) -> &mut Self {
        self.out.extend_from_slice(encoded);
        self
    }

    fn push(&mut self, byte: u8) -> &mut Self {
        self.out.push(byte);
        self
    }

    fn head(&mut self, major: u8, argument: u64) -> &mut Self {
        let major = major << 5;
        // Each cast is exact: the arm has just bounded the number.
        match argument {
            0..=23 => self.push(major | argument as u8),
            24..=0xff => self.push(major | 24).push(argument as u8),
            0x100..=0xffff => self.push(major | 25).raw(&(argument as u16).to_be_bytes()),
            0x1_0000..=0xffff_ffff => self.push(major | 26).raw(&(argument as u32).to_be_bytes()),
            _ => self.push(major | 27).raw(&argument.to_be_bytes()),
        }
    }
}
