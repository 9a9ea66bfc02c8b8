//! Types told apart by `$type`.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserializer, Serializer,
    de::{Error, MapAccess, Visitor},
    ser::SerializeMap,
};
use smol_str::SmolStr;

use super::{
    Object,
    buffered::Early,
    reader::{ObjectReader, TypeTag},
    writer::ObjectWriter,
};
use crate::data::{ExtraReader, Map, Value, limits};

/// A union, as [`open_union!`](crate::open_union!) and
/// [`closed_union!`](crate::closed_union!) implement it.
pub trait Union: Sized {
    /// Reads the member of that type.
    fn read_member<'de, A: MapAccess<'de>>(
        type_name: &str,
        reader: MemberReader<'de, A>,
    ) -> Result<Self, A::Error>;
}

/// Writes an object with its `$type`.
pub fn serialize_member<T: Object, S: Serializer>(
    member: &T,
    type_name: &'static str,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(None)?;
    map.serialize_entry("$type", type_name)?;
    ObjectWriter::write(&mut map, member)?;
    map.end()
}

/// Reads a union.
pub fn deserialize_union<'de, T: Union, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    deserializer.deserialize_map(UnionVisitor(PhantomData))
}

/// The entries of a union's member whose `$type` has been read.
#[derive(Debug)]
pub struct MemberReader<'de, A> {
    /// In DAG-CBOR every key of less than five bytes comes before `$type`.
    early: Vec<(SmolStr, Value)>,
    map: A,
    lifetime: PhantomData<&'de ()>,
}

impl<'de, A: MapAccess<'de>> MemberReader<'de, A> {
    /// Reads a member whose type is known.
    pub fn object<T: Object>(self) -> Result<Box<T>, A::Error> {
        let early = Early::new(self.early);
        let mut reader = ObjectReader::after(early, self.map, T::KEYS, TypeTag::Read);
        T::read(&mut reader).map(Box::new)
    }

    /// Keeps a member whose type is not known.
    pub fn other(mut self, type_name: &str) -> Result<Value, A::Error> {
        let mut entries = ExtraReader::default();
        while let Some(key) = self.map.next_key::<SmolStr>()? {
            entries.read(key, &mut self.map)?;
        }
        let mut map = Map::from(entries.finish()?);
        self.early.push((SmolStr::new_static("$type"), type_name.into()));
        for (key, value) in self.early {
            if map.insert(key, value).is_some() {
                return Err(A::Error::custom("a key occurs twice"));
            }
        }
        Ok(Value::Map(map))
    }

    /// Refuses a member that a closed union does not list.
    pub fn refuse<T>(self, type_name: &str) -> Result<T, A::Error> {
        Err(A::Error::custom(format_args!("the closed union has no member `{type_name}`")))
    }
}

struct UnionVisitor<T>(PhantomData<T>);

impl<'de, T: Union> Visitor<'de> for UnionVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with a `$type`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<T, A::Error> {
        let mut early = Vec::new();
        while let Some(key) = map.next_key::<SmolStr>()? {
            if key == "$type" {
                let type_name: SmolStr = map.next_value()?;
                return T::read_member(
                    &type_name,
                    MemberReader { early, map, lifetime: PhantomData },
                );
            }
            if early.len() == limits::MAX_ELEMENTS {
                return Err(A::Error::custom("too many keys"));
            }
            early.push((key, map.next_value()?));
        }
        Err(A::Error::missing_field("$type"))
    }
}
