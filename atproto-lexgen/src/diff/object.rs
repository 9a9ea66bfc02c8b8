//! Objects and parameters.

use atproto_core::lexicon::{ObjectSchema, Property};

use super::{Differ, Effect, Place, Rule};

impl<'a> Differ<'a> {
    pub(super) fn object(&mut self, place: &Place, old: &'a ObjectSchema, new: &'a ObjectSchema) {
        let place = place.at("properties");
        let mut added: Vec<&Property> = new
            .properties
            .iter()
            .filter(|property| old.property(&property.name).is_none())
            .collect();
        for before in &old.properties {
            let place = place.at(&before.name);
            match new.property(&before.name) {
                Some(after) => self.property(&place, before, after),
                None => self.removed(&place, before, &mut added),
            }
        }
        for after in added {
            let (effect, what) = match after.required {
                true => (Effect::Narrows, "the field is new and required"),
                false => (Effect::None, "the field is new and optional"),
            };
            self.report(&place.at(&after.name), Rule::FieldAdded, effect, what);
        }
    }

    fn property(&mut self, place: &Place, old: &'a Property, new: &'a Property) {
        match (old.required, new.required) {
            (false, true) => {
                let what = "the field was optional and is required";
                self.report(place, Rule::Required, Effect::Narrows, what);
            }
            (true, false) => {
                let what = "the field was required and is optional";
                self.report(place, Rule::Required, Effect::Widens, what);
            }
            _ => {}
        }
        match (old.nullable, new.nullable) {
            (false, true) => {
                let what = "the field may be null now";
                self.report(place, Rule::Nullable, Effect::Widens, what);
            }
            (true, false) => {
                let what = "the field may not be null any more";
                self.report(place, Rule::Nullable, Effect::Narrows, what);
            }
            _ => {}
        }
        self.schema(place, &old.schema, &new.schema);
    }

    /// A field that is gone, perhaps under another name: one that was added and is alike.
    /// With a new name its values are lost on whoever goes by the other version.
    fn removed(&mut self, place: &Place, old: &Property, added: &mut Vec<&Property>) {
        let alike = |new: &&Property| new.schema == old.schema && new.required == old.required;
        if let Some(index) = added.iter().position(alike) {
            let name = &added.remove(index).name;
            let what = format!("the field is gone, and `{name}` is like it");
            return self.report(place, Rule::FieldRenamed, Effect::Both, what);
        }
        let (effect, what) = match old.required {
            true => (Effect::Widens, "the field was required and is gone"),
            false => (Effect::None, "the field was optional and is gone"),
        };
        self.report(place, Rule::FieldRemoved, effect, what);
    }
}
