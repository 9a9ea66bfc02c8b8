//! Definitions of every kind.

use std::sync::LazyLock;

use atproto_core::lexicon::{
    BodySchema, Definition, ErrorDefinition, ObjectSchema, PermissionSet, RecordKeyRule,
};
use atproto_core::syntax::RecordKey;

use super::{Differ, Effect, Party, Place, Rule, value::media_types};
use crate::roles::Roles;

impl<'a> Differ<'a> {
    pub(super) fn definition(&mut self, place: &Place, old: &'a Definition, new: &'a Definition) {
        match (old, new) {
            (Definition::Record(old), Definition::Record(new)) => {
                self.record_key(&place.at("key"), &old.key, &new.key);
                self.object(&place.at("record"), &old.record, &new.record);
            }
            (Definition::Query(old), Definition::Query(new)) => {
                self.parameters(place, old.parameters.as_ref(), new.parameters.as_ref());
                self.output(place, old.output.as_ref(), new.output.as_ref());
                self.errors(place, &old.errors, &new.errors);
            }
            (Definition::Procedure(old), Definition::Procedure(new)) => {
                self.parameters(place, old.parameters.as_ref(), new.parameters.as_ref());
                self.input(place, old.input.as_ref(), new.input.as_ref());
                self.output(place, old.output.as_ref(), new.output.as_ref());
                self.errors(place, &old.errors, &new.errors);
            }
            (Definition::Subscription(old), Definition::Subscription(new)) => {
                self.parameters(place, old.parameters.as_ref(), new.parameters.as_ref());
                let messages = place.at("message").with_roles(Roles::OUTPUT);
                self.union(&messages.at("schema"), &old.message, &new.message);
                self.errors(place, &old.errors, &new.errors);
            }
            (Definition::PermissionSet(old), Definition::PermissionSet(new)) => {
                self.permissions(place, old, new);
            }
            (Definition::Token(_), Definition::Token(_)) => {}
            (Definition::Value(old), Definition::Value(new)) => {
                self.schema(place, &old.schema, &new.schema);
            }
            (old, new) => {
                let what = format!("what was a {} is a {}", kind(old), kind(new));
                self.push(place, Rule::Type, removal(old), what);
            }
        }
    }

    fn record_key(&mut self, place: &Place, old: &RecordKeyRule, new: &RecordKeyRule) {
        if old == new {
            return;
        }
        let includes = |outer: &RecordKeyRule, inner: &RecordKeyRule| match (outer, inner) {
            (RecordKeyRule::Any, _) => true,
            // A record may be called what a type of keys happens to admit.
            (rule, RecordKeyRule::Literal(literal)) => {
                RecordKey::new(literal).is_ok_and(|key| rule.admits(&key))
            }
            _ => false,
        };
        let effect = Effect::of_sets(includes(new, old), includes(old, new));
        let what = format!("the record key was `{old}` and is `{new}`");
        self.report(place, Rule::RecordKey, effect, what);
    }

    fn parameters(
        &mut self,
        place: &Place,
        old: Option<&'a ObjectSchema>,
        new: Option<&'a ObjectSchema>,
    ) {
        let place = place.at("parameters").with_roles(Roles::INPUT);
        self.object(&place, old.unwrap_or(&NO_PARAMETERS), new.unwrap_or(&NO_PARAMETERS));
    }

    fn input(&mut self, place: &Place, old: Option<&'a BodySchema>, new: Option<&'a BodySchema>) {
        let place = place.at("input").with_roles(Roles::INPUT);
        match (old, new) {
            (None, None) => {}
            (Some(old), Some(new)) => self.body(&place, old, new),
            (None, Some(_)) => {
                let what = "there was no input and there is one";
                self.report(&place, Rule::Body, Effect::Narrows, what);
            }
            (Some(_), None) => {
                let what = "there was an input and there is none";
                self.report(&place, Rule::Body, Effect::Both, what);
            }
        }
    }

    fn output(&mut self, place: &Place, old: Option<&'a BodySchema>, new: Option<&'a BodySchema>) {
        let place = place.at("output").with_roles(Roles::OUTPUT);
        match (old, new) {
            (None, None) => {}
            (Some(old), Some(new)) => self.body(&place, old, new),
            // Who expects no answer ignores one.
            (None, Some(_)) => {
                let what = "there was no output and there is one";
                self.report(&place, Rule::Body, Effect::Narrows, what);
            }
            (Some(_), None) => {
                let what = "there was an output and there is none";
                self.report(&place, Rule::Body, Effect::Widens, what);
            }
        }
    }

    fn body(&mut self, place: &Place, old: &'a BodySchema, new: &'a BodySchema) {
        let types = |body: &BodySchema| [body.encoding.clone()];
        let effect = media_types(&types(old), &types(new));
        if effect != Effect::None {
            let what = format!("the encoding was {} and is {}", old.encoding, new.encoding);
            self.report(&place.at("encoding"), Rule::Encoding, effect, what);
        }
        let place = place.at("schema");
        match (&old.schema, &new.schema) {
            (None, None) => {}
            (Some(old), Some(new)) => self.schema(&place, old, new),
            (None, Some(_)) => {
                let what = "there was no schema and there is one";
                self.report(&place, Rule::Type, Effect::Narrows, what);
            }
            (Some(_), None) => {
                let what = "there was a schema and there is none";
                self.report(&place, Rule::Type, Effect::Widens, what);
            }
        }
    }

    /// Any error may come from a server; those that are declared are those that a caller
    /// can tell apart by name.
    fn errors(&mut self, place: &Place, old: &[ErrorDefinition], new: &[ErrorDefinition]) {
        let place = place.at("errors");
        let names =
            |errors: &[ErrorDefinition], name: &str| errors.iter().any(|error| error.name == name);
        for gone in old.iter().filter(|error| !names(new, &error.name)) {
            let what = format!("the error {} is declared no longer", gone.name);
            let parties = vec![Party::OldCallers, Party::OldServers];
            self.push(&place, Rule::ErrorRemoved, parties, what);
        }
        for added in new.iter().filter(|error| !names(old, &error.name)) {
            let what = format!("the error {} is declared", added.name);
            self.report(&place, Rule::ErrorAdded, Effect::None, what);
        }
    }

    /// A set that loses a permission leaves programs without what they asked for. One that
    /// gains some breaks nobody; accounts are asked again.
    fn permissions(&mut self, place: &Place, old: &PermissionSet, new: &PermissionSet) {
        let place = place.at("permissions");
        let count = |one: &PermissionSet, other: &PermissionSet| {
            one.permissions.iter().filter(|it| !other.permissions.contains(it)).count()
        };
        let (gone, added) = (count(old, new), count(new, old));
        if gone > 0 {
            let what = format!("{gone} permissions are gone or changed");
            self.push(&place, Rule::PermissionRemoved, vec![Party::OldCallers], what);
        }
        if added > 0 {
            let what = format!("{added} permissions are new or changed");
            self.report(&place, Rule::PermissionAdded, Effect::None, what);
        }
    }
}

/// Who is left with nothing when a definition goes.
pub(super) fn removal(definition: &Definition) -> Vec<Party> {
    match definition {
        Definition::Record(_) => {
            vec![Party::ReadersOfOldRecords, Party::OldReaders, Party::OldWriters]
        }
        Definition::Query(_) | Definition::Procedure(_) | Definition::Subscription(_) => {
            vec![Party::OldCallers, Party::OldServers]
        }
        Definition::PermissionSet(_) => vec![Party::OldCallers],
        _ => vec![Party::Referrers],
    }
}

fn kind(definition: &Definition) -> &'static str {
    match definition {
        Definition::Record(_) => "record",
        Definition::Query(_) => "query",
        Definition::Procedure(_) => "procedure",
        Definition::Subscription(_) => "subscription",
        Definition::PermissionSet(_) => "permission-set",
        Definition::Token(_) => "token",
        Definition::Value(value) => value.schema.kind(),
        _ => "definition",
    }
}

/// What a missing `parameters` means.
static NO_PARAMETERS: LazyLock<ObjectSchema> = LazyLock::new(ObjectSchema::default);
