//! The macros that generated code calls.

/// Implements [`Object`](crate::object::Object), `Serialize` and `Deserialize` for a
/// struct with a field `extra` of type [`Extra`](crate::data::Extra).
///
/// `= "nsid"` makes it a record, which carries that `$type`. Each field is named with its
/// key and its kind: `required`; `optional` (an `Option`, left out if `None`); `nullable`
/// (an `Option`, null if `None`). A field that may be both absent and null is an
/// `optional` of type `Option<Option<T>>`. The keys should be in the order of DAG-CBOR,
/// shorter ones first.
#[macro_export]
macro_rules! object {
    ($name:ident $(= $record:literal)? { $($field:ident $key:literal $kind:ident),* $(,)? }) => {
        impl $crate::object::Object for $name {
            const RECORD: Option<&'static str> = $crate::__record!($($record)?);
            const KEYS: $crate::object::Keys = &[$($key),*];

            fn read<'de, A: $crate::__private::serde::de::MapAccess<'de>>(
                reader: &mut $crate::object::ObjectReader<'de, A>,
            ) -> Result<Self, A::Error> {
                $(let mut $field = None;)*
                $crate::__read_fields!(reader { $($field)* });
                Ok(Self {
                    $($field: $crate::__take!($kind $field $key),)*
                    extra: reader.extra()?,
                })
            }

            fn write<M: $crate::__private::serde::ser::SerializeMap>(
                &self,
                writer: &mut $crate::object::ObjectWriter<'_, M>,
            ) {
                $(writer.$kind($key, &self.$field);)*
                writer.extra(&self.extra);
            }
        }
        $crate::__object_serde!($name);
    };
}

/// Like [`object!`](crate::object!) for query parameters: a struct without `extra`, whose
/// unknown keys are dropped.
///
/// There is one more kind, `default = VALUE`: no `Option`, because an absent parameter means
/// this value. It is always written, as the
/// [specification](https://atproto.com/specs/xrpc#lexicon-http-endpoints) asks for the sake of
/// caches.
#[macro_export]
macro_rules! params {
    ($name:ident { $($field:ident $key:literal $kind:ident $(= $default:expr)?),* $(,)? }) => {
        impl $crate::object::Object for $name {
            const RECORD: Option<&'static str> = None;
            const KEYS: $crate::object::Keys = &[$($key),*];

            fn read<'de, A: $crate::__private::serde::de::MapAccess<'de>>(
                reader: &mut $crate::object::ObjectReader<'de, A>,
            ) -> Result<Self, A::Error> {
                $(let mut $field = None;)*
                $crate::__read_fields!(reader { $($field)* });
                Ok(Self { $($field: $crate::__take!($kind $field $key $($default)?),)* })
            }

            #[allow(unused_variables)]
            fn write<M: $crate::__private::serde::ser::SerializeMap>(
                &self,
                writer: &mut $crate::object::ObjectWriter<'_, M>,
            ) {
                $(writer.$kind($key, &self.$field);)*
            }
        }
        $crate::__object_serde!($name);
    };
}

/// Implements serde for an enum whose variants hold a boxed object each, named with its
/// `$type`, and `Other(Value)` for the types that the lexicon does not know.
#[macro_export]
macro_rules! open_union {
    ($name:ident { $($variant:ident($type:ty) $tag:literal),* $(,)? }) => {
        $crate::__union!($name { $($variant($type) $tag),* }
            |type_name, reader| { reader.other(type_name).map(Self::Other) },
            |serializer| { Self::Other(value) => $crate::__private::serde::Serialize::serialize(value, serializer), });
    };
}

/// Like [`open_union!`](crate::open_union!) without `Other`: unknown types are refused.
#[macro_export]
macro_rules! closed_union {
    ($name:ident { $($variant:ident($type:ty) $tag:literal),* $(,)? }) => {
        $crate::__union!($name { $($variant($type) $tag),* }
            |type_name, reader| { reader.refuse(type_name) },
            |serializer| {});
    };
}

/// Makes an enum of strings, each variant with its value, and `Other(String)` for those
/// that the lexicon does not list. Any text becomes a value by `from`.
///
/// ```
/// atproto_core::open_enum! {
///     /// The mood of a status.
///     pub enum Mood {
///         Calm = "calm",
///         Merry = "merry",
///     }
/// }
///
/// assert_eq!(Mood::from("calm"), Mood::Calm);
/// assert_eq!(Mood::from("odd"), Mood::Other("odd".to_owned()));
/// assert_eq!(Mood::Merry.as_str(), "merry");
/// ```
#[macro_export]
macro_rules! open_enum {
    ($(#[$meta:meta])* pub enum $name:ident { $($variant:ident = $value:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        pub enum $name {
            $(#[doc = concat!("`", $value, "`")] $variant,)+
            /// A value that the lexicon does not list.
            Other(String),
        }

        impl $name {
            /// The value as text.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $value,)+
                    Self::Other(value) => value,
                }
            }
        }

        impl $crate::object::Enumeration for $name {
            fn read(text: &str) -> Option<Self> {
                Some(Self::from(text))
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                match text {
                    $($value => Self::$variant,)+
                    _ => Self::Other(text.to_owned()),
                }
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self::from(text.as_str())
            }
        }

        $crate::__enum!($name);
    };
}

/// Like [`open_enum!`](crate::open_enum!) without `Other`: values that are not listed are
/// refused, and a text is read by `parse`.
#[macro_export]
macro_rules! closed_enum {
    ($(#[$meta:meta])* pub enum $name:ident { $($variant:ident = $value:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name {
            $(#[doc = concat!("`", $value, "`")] $variant,)+
        }

        impl $name {
            /// The value as text.
            pub fn as_str(&self) -> &'static str {
                match self {
                    $(Self::$variant => $value,)+
                }
            }
        }

        impl $crate::object::Enumeration for $name {
            fn read(text: &str) -> Option<Self> {
                match text {
                    $($value => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }

        impl ::std::str::FromStr for $name {
            type Err = $crate::object::NotListed;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                $crate::object::Enumeration::read(text).ok_or($crate::object::NotListed)
            }
        }

        $crate::__enum!($name);
    };
}

/// Implements [`Message`](crate::object::Message) for an enum whose variants hold a boxed
/// object each, named with what the frame's header says, and
/// `Other { kind: String, body: Value }`.
#[macro_export]
macro_rules! messages {
    ($name:ident { $($variant:ident($type:ty) $kind:literal),* $(,)? }) => {
        impl $crate::object::Message for $name {
            fn decode(kind: &str, body: &[u8]) -> Result<Self, $crate::data::CborError> {
                match kind {
                    $($kind => $crate::object::decode_body(body).map(Self::$variant),)*
                    _ => Ok(Self::Other {
                        kind: kind.to_owned(),
                        body: $crate::data::cbor::decode(body)?,
                    }),
                }
            }

            fn kind(&self) -> &str {
                match self {
                    $(Self::$variant(_) => $kind,)*
                    Self::Other { kind, .. } => kind,
                }
            }

            fn encode_body(&self) -> Result<Vec<u8>, $crate::data::CborError> {
                match self {
                    $(Self::$variant(body) => $crate::data::cbor::to_vec(body),)*
                    Self::Other { body, .. } => Ok($crate::data::cbor::encode(body)),
                }
            }
        }
        $(impl From<$type> for $name {
            fn from(body: $type) -> Self {
                Self::$variant(Box::new(body))
            }
        })*
    };
}

/// Implements [`ErrorSet`](crate::endpoint::ErrorSet), `Display` and `Error` for an enum
/// whose variants hold the message for people, if one came along.
#[macro_export]
macro_rules! error_set {
    ($name:ident { $($variant:ident $error:literal),+ $(,)? }) => {
        impl $crate::endpoint::ErrorSet for $name {
            fn from_name(name: &str, message: Option<String>) -> Option<Self> {
                match name {
                    $($error => Some(Self::$variant(message)),)+
                    _ => None,
                }
            }

            fn name(&self) -> &'static str {
                match self {
                    $(Self::$variant(_) => $error,)+
                }
            }

            fn message(&self) -> Option<&str> {
                match self {
                    $(Self::$variant(message) => message.as_deref(),)+
                }
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                $crate::endpoint::ErrorSet::name(self).fmt(f)?;
                match $crate::endpoint::ErrorSet::message(self) {
                    Some(message) => write!(f, ": {message}"),
                    None => Ok(()),
                }
            }
        }

        impl ::std::error::Error for $name {}
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __record {
    () => {
        None
    };
    ($record:literal) => {
        Some($record)
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __take {
    (optional $field:ident $key:literal) => {
        $field
    };
    (default $field:ident $key:literal $default:expr) => {
        $field.unwrap_or($default)
    };
    ($kind:ident $field:ident $key:literal) => {
        $crate::object::required($field, $key)?
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __read_fields {
    ($reader:ident {}) => {
        while $reader.next_field()?.is_some() {}
    };
    ($reader:ident { $($field:ident)+ }) => {
        #[allow(non_camel_case_types)]
        enum Place {
            $($field),+
        }
        while let Some(place) = $reader.next_field()? {
            // One `?` for all fields: each costs the compiler more than the rest of its arm.
            let read = match place {
                $(place if place == Place::$field as usize => $reader.set(&mut $field),)+
                _ => Ok(()),
            };
            read?;
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __object_serde {
    ($name:ident) => {
        impl $crate::__private::serde::Serialize for $name {
            fn serialize<S: $crate::__private::serde::Serializer>(
                &self,
                serializer: S,
            ) -> Result<S::Ok, S::Error> {
                $crate::object::serialize(self, serializer)
            }
        }

        impl<'de> $crate::__private::serde::Deserialize<'de> for $name {
            fn deserialize<D: $crate::__private::serde::Deserializer<'de>>(
                deserializer: D,
            ) -> Result<Self, D::Error> {
                $crate::object::deserialize(deserializer)
            }
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __union {
    (
        $name:ident { $($variant:ident($type:ty) $tag:literal),* }
        |$type_name:ident, $reader:ident| { $other:expr },
        |$serializer:ident| { $($serialize_other:tt)* }
    ) => {
        impl $crate::object::Union for $name {
            fn read_member<'de, A: $crate::__private::serde::de::MapAccess<'de>>(
                $type_name: &str,
                $reader: $crate::object::MemberReader<'de, A>,
            ) -> Result<Self, A::Error> {
                match $type_name {
                    $($tag => $reader.object().map(Self::$variant),)*
                    _ => $other,
                }
            }
        }

        impl $crate::__private::serde::Serialize for $name {
            fn serialize<S: $crate::__private::serde::Serializer>(
                &self,
                $serializer: S,
            ) -> Result<S::Ok, S::Error> {
                match self {
                    $(Self::$variant(member) => {
                        $crate::object::serialize_member(&**member, $tag, $serializer)
                    })*
                    $($serialize_other)*
                }
            }
        }

        impl<'de> $crate::__private::serde::Deserialize<'de> for $name {
            fn deserialize<D: $crate::__private::serde::Deserializer<'de>>(
                deserializer: D,
            ) -> Result<Self, D::Error> {
                $crate::object::deserialize_union(deserializer)
            }
        }

        $(impl From<$type> for $name {
            fn from(member: $type) -> Self {
                Self::$variant(Box::new(member))
            }
        })*
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __enum {
    ($name:ident) => {
        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl PartialEq<str> for $name {
            fn eq(&self, other: &str) -> bool {
                self.as_str() == other
            }
        }

        impl PartialEq<&str> for $name {
            fn eq(&self, other: &&str) -> bool {
                self.as_str() == *other
            }
        }

        impl $crate::__private::serde::Serialize for $name {
            fn serialize<S: $crate::__private::serde::Serializer>(
                &self,
                serializer: S,
            ) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> $crate::__private::serde::Deserialize<'de> for $name {
            fn deserialize<D: $crate::__private::serde::Deserializer<'de>>(
                deserializer: D,
            ) -> Result<Self, D::Error> {
                $crate::object::deserialize_enumeration(deserializer)
            }
        }
    };
}
