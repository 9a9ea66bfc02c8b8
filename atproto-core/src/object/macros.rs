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
#[macro_export]
macro_rules! params {
    ($name:ident { $($field:ident $key:literal $kind:ident),* $(,)? }) => {
        impl $crate::object::Object for $name {
            const RECORD: Option<&'static str> = None;
            const KEYS: $crate::object::Keys = &[$($key),*];

            fn read<'de, A: $crate::__private::serde::de::MapAccess<'de>>(
                reader: &mut $crate::object::ObjectReader<'de, A>,
            ) -> Result<Self, A::Error> {
                $(let mut $field = None;)*
                $crate::__read_fields!(reader { $($field)* });
                Ok(Self { $($field: $crate::__take!($kind $field $key),)* })
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
