use serde::{
    Deserializer,
    de::{
        DeserializeSeed, IntoDeserializer, MapAccess, SeqAccess, Visitor,
        value::{StrDeserializer, StringDeserializer},
    },
    forward_to_deserialize_any,
};

use super::parse::{Pairs, QueryError};

/// The pairs of a query string as a serde map whose repeated names are one entry.
pub(super) struct PairsDeserializer<'a> {
    groups: Vec<(&'a str, Vec<&'a str>)>,
}

impl<'a> PairsDeserializer<'a> {
    pub(super) fn new(pairs: &'a Pairs) -> Self {
        let mut groups: Vec<(&str, Vec<&str>)> = Vec::with_capacity(pairs.len());
        for (name, value) in pairs {
            // Quadratic, but the number of pairs is bounded and most requests have three.
            match groups.iter_mut().find(|(known, _)| known == name) {
                Some((_, values)) => values.push(value),
                None => groups.push((name, vec![value])),
            }
        }
        Self { groups }
    }
}

impl<'de> Deserializer<'de> for PairsDeserializer<'_> {
    type Error = QueryError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, QueryError> {
        visitor.visit_map(Groups { rest: self.groups.into_iter(), next: None })
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, QueryError> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option
        unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

struct Groups<'a> {
    rest: std::vec::IntoIter<(&'a str, Vec<&'a str>)>,
    next: Option<Values<'a>>,
}

impl<'de> MapAccess<'de> for Groups<'_> {
    type Error = QueryError;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, QueryError> {
        let Some((name, values)) = self.rest.next() else { return Ok(None) };
        self.next = Some(Values { name, values });
        let key: StrDeserializer<'_, QueryError> = name.into_deserializer();
        seed.deserialize(key).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(
        &mut self,
        seed: V,
    ) -> Result<V::Value, QueryError> {
        let values = self.next.take().expect("serde asks for a value only after its key");
        seed.deserialize(values)
    }
}

/// All values of one name.
struct Values<'a> {
    name: &'a str,
    values: Vec<&'a str>,
}

impl<'a> Values<'a> {
    fn one(&self) -> Result<&'a str, QueryError> {
        match self.values[..] {
            [value] => Ok(value),
            _ => Err(QueryError::Value(format!("{} must be given once", self.name))),
        }
    }

    fn scalar<T: std::str::FromStr>(&self, kind: &str) -> Result<T, QueryError> {
        let wrong = |_| QueryError::Value(format!("{} must be {kind}", self.name));
        self.one()?.parse().map_err(wrong)
    }

    fn named(name: &str, error: &QueryError) -> QueryError {
        QueryError::Value(format!("{name}: {error}"))
    }
}

macro_rules! integers {
    ($($method:ident $visit:ident)+) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, QueryError> {
            visitor.$visit(self.scalar("an integer")?)
        }
    )+};
}

impl<'de> Deserializer<'de> for Values<'_> {
    type Error = QueryError;

    integers! {
        deserialize_i8 visit_i8 deserialize_i16 visit_i16
        deserialize_i32 visit_i32 deserialize_i64 visit_i64
        deserialize_u8 visit_u8 deserialize_u16 visit_u16
        deserialize_u32 visit_u32 deserialize_u64 visit_u64
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, QueryError> {
        let name = self.name;
        let text: StringDeserializer<QueryError> = self.one()?.to_owned().into_deserializer();
        text.deserialize_any(visitor).map_err(|error| Values::named(name, &error))
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, QueryError> {
        visitor.visit_bool(self.scalar("a boolean")?)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, QueryError> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, QueryError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, QueryError> {
        visitor.visit_seq(Items { name: self.name, rest: self.values.into_iter() })
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, QueryError> {
        let text: StringDeserializer<QueryError> = self.one()?.to_owned().into_deserializer();
        visitor.visit_enum(text)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, QueryError> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        f32 f64 char str string bytes byte_buf unit unit_struct tuple tuple_struct map struct
        identifier
    }
}

struct Items<'a> {
    name: &'a str,
    rest: std::vec::IntoIter<&'a str>,
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = QueryError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, QueryError> {
        let Some(value) = self.rest.next() else { return Ok(None) };
        seed.deserialize(Values { name: self.name, values: vec![value] }).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::super::{QueryError, from_str};

    #[derive(Debug, PartialEq, Deserialize)]
    struct Params {
        actor: String,
        limit: Option<i64>,
        #[serde(default)]
        uris: Vec<String>,
        reverse: Option<bool>,
    }

    #[test]
    fn xr_003_the_type_decides_and_arrays_repeat() {
        let params: Params = from_str("uris=a&actor=5&limit=7&uris=b&reverse=true&x=y", 9).unwrap();
        let expected = Params {
            actor: "5".into(),
            limit: Some(7),
            uris: vec!["a".into(), "b".into()],
            reverse: Some(true),
        };
        assert_eq!(params, expected);
    }

    #[test]
    fn says_what_is_wrong() {
        let message = |query| from_str::<Params>(query, 9).unwrap_err().to_string();
        assert_eq!(message("limit=1"), "Params must have the property \"actor\"");
        assert_eq!(message("actor=a&limit=x"), "limit must be an integer");
        assert_eq!(message("actor=a&reverse=1"), "reverse must be a boolean");
        assert_eq!(message("actor=a&actor=b"), "actor must be given once");
        assert!(matches!(from_str::<Params>("a=%", 9), Err(QueryError::Encoding)));
    }
}
