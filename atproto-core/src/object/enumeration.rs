//! Strings of which the lexicon lists some or all.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserializer,
    de::{Error, Visitor},
};

/// An enum of strings, as [`open_enum!`](crate::open_enum!) and
/// [`closed_enum!`](crate::closed_enum!) make it.
pub trait Enumeration: Sized {
    /// The value of that text, if there can be one.
    fn read(text: &str) -> Option<Self>;
}

/// A text that is none of the values of a closed enumeration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("none of the values that the lexicon lists")]
pub struct NotListed;

/// Reads an enumeration; the macros' `Deserialize` calls it.
pub fn deserialize_enumeration<'de, T: Enumeration, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    deserializer.deserialize_str(EnumerationVisitor(PhantomData))
}

struct EnumerationVisitor<T>(PhantomData<T>);

impl<T: Enumeration> Visitor<'_> for EnumerationVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        T::read(text).ok_or_else(|| E::custom(format_args!("`{text}` is {NotListed}")))
    }
}
