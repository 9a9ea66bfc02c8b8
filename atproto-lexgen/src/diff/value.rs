//! Values of every kind.

use std::fmt::Display;

use atproto_core::lexicon::{
    BlobSchema, Definition, ObjectSchema, Schema, StringFormat, StringSchema, UnionSchema,
};

use super::{Differ, Effect, Place, Rule, Set};

/// What a schema is, references followed.
#[derive(Clone, Copy)]
pub(super) enum Shape<'a> {
    Object(&'a ObjectSchema),
    Other(&'a Schema),
}

impl Shape<'_> {
    /// Tells one type of the two sets from another.
    fn address(self) -> usize {
        match self {
            Self::Object(object) => std::ptr::from_ref(object).addr(),
            Self::Other(schema) => std::ptr::from_ref(schema).addr(),
        }
    }
}

impl<'a> Differ<'a> {
    pub(super) fn schema(&mut self, place: &Place, old: &'a Schema, new: &'a Schema) {
        match (old, new) {
            // The same reference means a definition that is compared where it stands.
            (Schema::Ref(old), Schema::Ref(new)) if old == new => {}
            (Schema::Ref(_), _) | (_, Schema::Ref(_)) => self.follow(place, old, new),
            (Schema::Boolean(old), Schema::Boolean(new)) => {
                self.values(place, only(&old.constant, None), only(&new.constant, None));
                self.default(place, &old.default, &new.default);
            }
            (Schema::Integer(old), Schema::Integer(new)) => {
                self.bounds(
                    place,
                    Rule::Range,
                    "value",
                    (old.minimum, old.maximum),
                    (new.minimum, new.maximum),
                );
                let values = only(&old.constant, old.enumeration.as_deref());
                self.values(place, values, only(&new.constant, new.enumeration.as_deref()));
                self.default(place, &old.default, &new.default);
            }
            (Schema::String(old), Schema::String(new)) => self.string(place, old, new),
            (Schema::Bytes(old), Schema::Bytes(new)) => {
                self.bounds(
                    place,
                    Rule::Length,
                    "length",
                    (old.min_length, old.max_length),
                    (new.min_length, new.max_length),
                );
            }
            (Schema::Blob(old), Schema::Blob(new)) => self.blob(place, old, new),
            (Schema::Array(old), Schema::Array(new)) => {
                self.bounds(
                    place,
                    Rule::Length,
                    "length",
                    (old.min_length, old.max_length),
                    (new.min_length, new.max_length),
                );
                self.schema(&place.at("items"), &old.items, &new.items);
            }
            (Schema::Object(old), Schema::Object(new)) => self.object(place, old, new),
            (Schema::Union(old), Schema::Union(new)) => self.union(place, old, new),
            (Schema::Object(_), Schema::Unknown) => {
                let what = "what was an object with known fields is any object";
                self.report(place, Rule::Type, Effect::Widens, what);
            }
            (Schema::Unknown, Schema::Object(_)) => {
                let what = "what was any object is one with known fields";
                self.report(place, Rule::Type, Effect::Narrows, what);
            }
            (Schema::CidLink, Schema::CidLink) | (Schema::Unknown, Schema::Unknown) => {}
            _ => {
                let what = format!("what was {} is {}", kind(old), kind(new));
                self.report(place, Rule::Type, Effect::Both, what);
            }
        }
    }

    /// Another reference, or none any more, may lead to a type that is the same
    /// nevertheless.
    fn follow(&mut self, place: &Place, old: &'a Schema, new: &'a Schema) {
        let what = format!("what was {} is {}", kind(old), kind(new));
        let shapes = (self.shape(self.old, old), self.shape(self.new, new));
        let (Some(old), Some(new_shape)) = shapes else {
            return self.report(place, Rule::Type, Effect::Both, what);
        };
        self.report(place, Rule::Reference, Effect::None, what);
        let place = match new {
            Schema::Ref(target) => Place::definition(target).with_roles(place.roles()),
            _ => place.clone(),
        };
        // Types may refer to themselves; and what was found once need not be said again.
        if self.followed.insert((old.address(), new_shape.address(), place.roles())) {
            self.pending.push_back((place, old, new_shape));
        }
    }

    pub(super) fn shapes(&mut self, place: &Place, old: Shape<'a>, new: Shape<'a>) {
        match (old, new) {
            (Shape::Object(old), Shape::Object(new)) => self.object(place, old, new),
            (Shape::Other(old), Shape::Other(new)) => self.schema(place, old, new),
            (Shape::Object(_), Shape::Other(new)) => {
                let what = format!("what was an object is {}", kind(new));
                self.report(place, Rule::Type, Effect::Both, what);
            }
            (Shape::Other(old), Shape::Object(_)) => {
                let what = format!("what was {} is an object", kind(old));
                self.report(place, Rule::Type, Effect::Both, what);
            }
        }
    }

    fn shape(&self, set: &Set<'a>, schema: &'a Schema) -> Option<Shape<'a>> {
        let reference = match schema {
            Schema::Ref(reference) => reference,
            Schema::Object(object) => return Some(Shape::Object(object)),
            other => return Some(Shape::Other(other)),
        };
        // Only records and values can be referred to.
        match set.definition(reference.nsid.as_str(), &reference.name)? {
            Definition::Record(record) => Some(Shape::Object(&record.record)),
            Definition::Value(value) => Some(match &value.schema {
                // No type is defined as a reference; a chain of them is not followed.
                Schema::Ref(_) => return None,
                Schema::Object(object) => Shape::Object(object),
                other => Shape::Other(other),
            }),
            _ => None,
        }
    }

    fn string(&mut self, place: &Place, old: &StringSchema, new: &StringSchema) {
        if old.format != new.format {
            let name = |format: Option<StringFormat>| {
                format.map_or_else(|| "none".to_owned(), |format| format!("`{}`", format.name()))
            };
            let what = format!("the format was {} and is {}", name(old.format), name(new.format));
            let effect =
                Effect::of_sets(includes(new.format, old.format), includes(old.format, new.format));
            self.report(place, Rule::Format, effect, what);
        }
        self.bounds(
            place,
            Rule::Length,
            "length",
            (old.min_length, old.max_length),
            (new.min_length, new.max_length),
        );
        let graphemes = "number of graphemes";
        self.bounds(
            place,
            Rule::Graphemes,
            graphemes,
            (old.min_graphemes, old.max_graphemes),
            (new.min_graphemes, new.max_graphemes),
        );
        let values = only(&old.constant, old.enumeration.as_deref());
        self.values(place, values, only(&new.constant, new.enumeration.as_deref()));
        let same = |a: &[String], b: &[String]| a.iter().all(|value| b.contains(value));
        if !same(&old.known_values, &new.known_values)
            || !same(&new.known_values, &old.known_values)
        {
            self.report(place, Rule::KnownValues, Effect::None, "other values are known");
        }
        self.default(place, &old.default, &new.default);
    }

    fn blob(&mut self, place: &Place, old: &BlobSchema, new: &BlobSchema) {
        let any = [String::from("*/*")];
        let (before, after) =
            (old.accept.as_deref().unwrap_or(&any), new.accept.as_deref().unwrap_or(&any));
        let effect = media_types(before, after);
        if effect != Effect::None {
            let list = |types: &[String]| match types {
                [] => "none".to_owned(),
                types => types.join(", "),
            };
            let what = format!("the media types were {} and are {}", list(before), list(after));
            self.report(place, Rule::BlobTypes, effect, what);
        }
        self.bounds(place, Rule::BlobSize, "size", (None, old.max_size), (None, new.max_size));
    }

    pub(super) fn union(&mut self, place: &Place, old: &UnionSchema, new: &UnionSchema) {
        match (old.closed, new.closed) {
            (false, true) => {
                let what = "the union was open and is closed";
                self.report(place, Rule::UnionClosed, Effect::Narrows, what);
            }
            (true, false) => {
                let what = "the union was closed and is open";
                self.report(place, Rule::UnionClosed, Effect::Widens, what);
            }
            _ => {}
        }
        // An open union admits what it does not list, before and after.
        let closed = old.closed && new.closed;
        for gone in old.refs.iter().filter(|member| !new.refs.contains(member)) {
            let effect = if closed { Effect::Narrows } else { Effect::None };
            let what = format!("{gone} is not listed any more");
            self.report(place, Rule::UnionMembers, effect, what);
        }
        for added in new.refs.iter().filter(|member| !old.refs.contains(member)) {
            let effect = if closed { Effect::Widens } else { Effect::None };
            self.report(place, Rule::UnionMembers, effect, format!("{added} is listed"));
        }
    }

    /// The values that `enum` or `const` admit; none of both admits all.
    fn values<T: PartialEq + Display>(
        &mut self,
        place: &Place,
        old: Option<&[T]>,
        new: Option<&[T]>,
    ) {
        let within = |inner: Option<&[T]>, outer: Option<&[T]>| match (inner, outer) {
            (_, None) => true,
            (None, Some(_)) => false,
            (Some(inner), Some(outer)) => inner.iter().all(|value| outer.contains(value)),
        };
        let effect = Effect::of_sets(within(old, new), within(new, old));
        if effect == Effect::None {
            return;
        }
        let list = |values: Option<&[T]>| match values {
            None => "any".to_owned(),
            Some(values) => values.iter().map(T::to_string).collect::<Vec<_>>().join(", "),
        };
        let what = format!("the values admitted were {} and are {}", list(old), list(new));
        self.report(place, Rule::Values, effect, what);
    }

    fn default<T: PartialEq + Display>(&mut self, place: &Place, old: &Option<T>, new: &Option<T>) {
        if old != new {
            let what = format!("the default was {} and is {}", text(old), text(new));
            self.report(place, Rule::Default, Effect::None, what);
        }
    }

    /// Compares a least and a greatest value.
    fn bounds<T: Ord + Copy + Display>(
        &mut self,
        place: &Place,
        rule: Rule,
        of: &str,
        old: (Option<T>, Option<T>),
        new: (Option<T>, Option<T>),
    ) {
        let bounds = [
            ("greatest", old.1, new.1, Effect::of_maximum(old.1, new.1)),
            ("least", old.0, new.0, Effect::of_minimum(old.0, new.0)),
        ];
        for (which, old, new, effect) in bounds.into_iter().filter(|(_, old, new, _)| old != new) {
            let what = format!("the {which} {of} was {} and is {}", text(&old), text(&new));
            self.report(place, rule, effect, what);
        }
    }
}

/// A `const` is a list of one.
fn only<'a, T>(constant: &'a Option<T>, listed: Option<&'a [T]>) -> Option<&'a [T]> {
    constant.as_ref().map(std::slice::from_ref).or(listed)
}

/// The effect of a change of media type patterns; an empty list admits none.
pub(super) fn media_types(old: &[String], new: &[String]) -> Effect {
    let covers = |patterns: &[String], other: &str| {
        patterns.iter().any(|pattern| includes_media(pattern, other))
    };
    let within =
        |inner: &[String], outer: &[String]| inner.iter().all(|pattern| covers(outer, pattern));
    Effect::of_sets(within(old, new), within(new, old))
}

fn includes_media(pattern: &str, other: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some("*/") => true,
        Some(prefix) => other.starts_with(prefix),
        None => pattern == other,
    }
}

/// Whether every text of one format is of the other too.
fn includes(outer: Option<StringFormat>, inner: Option<StringFormat>) -> bool {
    use StringFormat::{AtIdentifier, AtUri, Did, Handle, RecordKey, Tid, Uri};
    match (outer, inner) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(outer), Some(inner)) => {
            outer == inner
                || matches!(
                    (outer, inner),
                    (AtIdentifier, Did | Handle) | (RecordKey, Tid) | (Uri, AtUri | Did)
                )
        }
    }
}

/// A kind for a sentence.
fn kind(schema: &Schema) -> String {
    match schema {
        Schema::Ref(target) => format!("a reference to {target}"),
        Schema::Array(_) | Schema::Integer(_) | Schema::Object(_) => {
            format!("an {}", schema.kind())
        }
        Schema::Bytes(_) => "bytes".to_owned(),
        Schema::Unknown => "any object".to_owned(),
        _ => format!("a {}", schema.kind()),
    }
}

fn text<T: Display>(value: &Option<T>) -> String {
    value.as_ref().map_or_else(|| "none".to_owned(), T::to_string)
}
