//! Writing a map field by field.

use serde::{Serialize, ser::SerializeMap};

use super::Object;
use crate::data::Extra;

/// Writes the fields of one object, by the kind that its table gives each.
///
/// The first error stops all further writing and comes out at the end, so that the code
/// for a field is a single call.
#[derive(Debug)]
pub struct ObjectWriter<'a, M: SerializeMap> {
    map: &'a mut M,
    result: Result<(), M::Error>,
}

impl<'a, M: SerializeMap> ObjectWriter<'a, M> {
    pub(super) fn write<T: Object>(map: &'a mut M, object: &T) -> Result<(), M::Error> {
        let mut writer = Self { map, result: Ok(()) };
        object.write(&mut writer);
        writer.result
    }

    /// A field that is always there.
    pub fn required<T: Serialize>(&mut self, key: &'static str, field: &T) {
        if self.result.is_ok() {
            self.result = self.map.serialize_entry(key, field);
        }
    }

    /// A field that is left out if it is `None`.
    pub fn optional<T: Serialize>(&mut self, key: &'static str, field: &Option<T>) {
        if let Some(value) = field {
            self.required(key, value);
        }
    }

    /// A field that is null if it is `None`.
    pub fn nullable<T: Serialize>(&mut self, key: &'static str, field: &Option<T>) {
        self.required(key, field);
    }

    /// A parameter that has its default value if nothing is said.
    pub fn default<T: Serialize>(&mut self, key: &'static str, field: &T) {
        self.required(key, field);
    }

    /// The fields that the lexicon does not know.
    pub fn extra(&mut self, extra: &Extra) {
        if self.result.is_ok() {
            self.result = extra.serialize_into(self.map);
        }
    }
}
