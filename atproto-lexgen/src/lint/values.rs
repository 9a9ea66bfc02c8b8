//! Values of every kind.

use atproto_core::{
    lexicon::{
        BooleanSchema, BytesSchema, Definition, ObjectSchema, Property, Reference, Schema,
        StringFormat, StringSchema, UnionSchema,
    },
    syntax::Nsid,
};

use super::{Rule, linter::Linter, names::is_lower_camel};

/// What is larger than this should be a blob, in bytes. The reference implementation's
/// linter has the same limit.
const LARGE: usize = 20 << 10;
/// How many bytes to admit for each grapheme. Source:
/// <https://atproto.com/guides/lexicon-style-guide#other-guidelines>.
const BYTES_PER_GRAPHEME: std::ops::RangeInclusive<usize> = 10..=20;

impl Linter<'_> {
    pub(super) fn schema(&mut self, schema: &Schema, in_record: bool) {
        match schema {
            Schema::Integer(integer) if integer.enumeration.is_some() => self.closed_enum(),
            Schema::String(string) => self.string(string, in_record),
            Schema::Bytes(bytes) => self.bytes(bytes, in_record),
            Schema::Array(array) => {
                if in_record && array.max_length.is_none() {
                    self.report(Rule::UnlimitedArray, "there is no maxLength");
                }
                self.at("items", |this| this.schema(&array.items, in_record));
            }
            Schema::Object(object) => self.object(object, in_record),
            Schema::Ref(target) => self.reference(target),
            Schema::Union(union) => self.union(union),
            _ => {}
        }
    }

    pub(super) fn object(&mut self, object: &ObjectSchema, in_record: bool) {
        self.at("properties", |this| {
            for property in &object.properties {
                this.at(&property.name, |this| this.property(property, in_record));
            }
        });
    }

    pub(super) fn union(&mut self, union: &UnionSchema) {
        if union.closed {
            self.report(Rule::ClosedUnion, "a closed union cannot be extended");
        }
        self.at("refs", |this| {
            for (index, target) in union.refs.iter().enumerate() {
                this.at(&index.to_string(), |this| this.reference(target));
            }
        });
    }

    fn property(&mut self, property: &Property, in_record: bool) {
        let name = &property.name;
        if name.starts_with('$') {
            self.report(Rule::FieldNameSyntax, format!("`{name}`: names with `$` are reserved"));
        } else if !is_lower_camel(name) {
            self.report(Rule::FieldNameSyntax, format!("`{name}` is not lowerCamelCase"));
        }
        if property.nullable && !property.required {
            self.report(Rule::NullableAndOptional, "the field may be absent, and null too");
        }
        if property.required && has_default(&property.schema) {
            self.report(Rule::DefaultOnRequired, "the field is required, its default unused");
        }
        if let Schema::Boolean(BooleanSchema { default: Some(true), .. }) = &property.schema
            && !property.required
        {
            self.report(Rule::BooleanDefaultTrue, "absence means true");
        }
        self.schema(&property.schema, in_record);
    }

    fn string(&mut self, string: &StringSchema, in_record: bool) {
        let listed = string.enumeration.is_some() || string.constant.is_some();
        if string.enumeration.is_some() {
            self.closed_enum();
        }
        match (string.format, string.max_length, string.max_graphemes) {
            (None, None, None) if in_record && !listed => {
                self.report(Rule::UnlimitedString, "there is neither a format nor a maxLength");
            }
            (Some(format), _, _) if limits_length(string) => {
                let message = format!("`{}` limits the length already", format.name());
                self.report(Rule::FormatAndLength, message);
            }
            (None, None, Some(_)) => {
                let message = "maxGraphemes limits no bytes, and there is no maxLength";
                self.report(Rule::GraphemesWithoutLength, message);
            }
            (None, Some(bytes), Some(graphemes)) => self.grapheme_ratio(bytes, graphemes),
            _ => {}
        }
        if in_record
            && matches!(string.format, Some(StringFormat::Handle | StringFormat::AtIdentifier))
        {
            self.report(Rule::HandleInRecord, "handles change: a record needs the DID");
        }
        if string.max_length.is_some_and(|length| length > LARGE) {
            self.report(Rule::LargeString, format!("more than {LARGE} bytes should be a blob"));
        }
        self.known_values(&string.known_values);
    }

    fn grapheme_ratio(&mut self, bytes: usize, graphemes: usize) {
        let (least, most) = (BYTES_PER_GRAPHEME.start(), BYTES_PER_GRAPHEME.end());
        if bytes < graphemes.saturating_mul(*least) || bytes > graphemes.saturating_mul(*most) {
            let message = format!(
                "{graphemes} graphemes in {bytes} bytes: {least} to {most} bytes for each are usual"
            );
            self.report(Rule::GraphemeRatio, message);
        }
    }

    fn bytes(&mut self, bytes: &BytesSchema, in_record: bool) {
        match bytes.max_length {
            None if in_record => self.report(Rule::UnlimitedBytes, "there is no maxLength"),
            Some(length) if length > LARGE => {
                self.report(Rule::LargeBytes, format!("more than {LARGE} bytes should be a blob"));
            }
            _ => {}
        }
    }

    fn closed_enum(&mut self) {
        self.report(Rule::ClosedEnum, "an enum cannot be extended, knownValues can");
    }

    /// A known value is any string; one that looks like the name of a definition should be
    /// that of a token.
    fn known_values(&mut self, values: &[String]) {
        self.at("knownValues", |this| {
            for (index, value) in values.iter().enumerate() {
                this.at(&index.to_string(), |this| this.known_value(value));
            }
        });
    }

    fn known_value(&mut self, value: &str) {
        let Some((nsid, name)) = value.split_once('#') else { return };
        if nsid.is_empty() {
            let message = format!("`{value}` is no reference here: tokens are named in full");
            return self.report(Rule::KnownStringLocalRef, message);
        }
        let Ok(nsid) = Nsid::new(nsid) else { return };
        match self.catalog.resolve(&Reference::new(nsid, name)) {
            Some(Definition::Token(_)) => {}
            Some(_) => self.report(Rule::KnownStringNotToken, format!("{value} is no token")),
            None => self.report(Rule::KnownStringNotToken, format!("{value} is not defined")),
        }
    }
}

fn has_default(schema: &Schema) -> bool {
    match schema {
        Schema::Boolean(boolean) => boolean.default.is_some(),
        Schema::Integer(integer) => integer.default.is_some(),
        Schema::String(string) => string.default.is_some(),
        _ => false,
    }
}

fn limits_length(string: &StringSchema) -> bool {
    string.max_length.is_some() || string.max_graphemes.is_some()
}
