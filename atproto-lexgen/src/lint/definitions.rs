//! Documents and their definitions.

use atproto_core::lexicon::{
    BodySchema, Definition, ErrorDefinition, ObjectSchema, Permission, PermissionSet, UnionSchema,
};

use super::{
    Rule,
    linter::Linter,
    names::{is_lower_camel, is_upper_camel},
};

impl<'a> Linter<'a> {
    /// Checks the whole document; other documents may have its name as their group.
    pub(super) fn document(&mut self, is_group: bool) {
        let document = self.document;
        let name = document.id.name();
        self.at("id", |this| {
            if !is_lower_camel(name) {
                this.report(Rule::NsidNameSyntax, format!("`{name}` is not lowerCamelCase"));
            }
            if is_group {
                let message = format!("there are documents below {}", document.id);
                this.report(Rule::NameIsGroup, message);
            }
        });
        self.at("defs", |this| {
            for (name, definition) in &document.defs {
                this.at(name, |this| this.definition(name, definition));
            }
        });
    }

    fn definition(&mut self, name: &str, definition: &'a Definition) {
        if !is_lower_camel(name) {
            self.report(Rule::DefNameSyntax, format!("`{name}` is not lowerCamelCase"));
        }
        if name == "main" && self.document.id.name() == "defs" {
            self.report(Rule::DefsMainDefinition, "a collection of definitions has no main one");
        }
        let needs_description = definition.is_primary()
            // It has a title and a detail for people.
            && !matches!(definition, Definition::PermissionSet(_));
        if needs_description && is_blank(definition.description()) {
            self.report(Rule::MissingPrimaryDescription, "there is no description");
        }
        match definition {
            Definition::Record(record) => {
                self.at("record", |this| this.object(&record.record, true));
            }
            Definition::Query(query) => {
                self.parameters(query.parameters.as_ref());
                self.output(query.output.as_ref());
                self.errors(&query.errors);
            }
            Definition::Procedure(procedure) => {
                self.parameters(procedure.parameters.as_ref());
                if let Some(input) = &procedure.input {
                    self.at("input", |this| this.body(input));
                }
                self.output(procedure.output.as_ref());
                self.errors(&procedure.errors);
            }
            Definition::Subscription(subscription) => {
                self.parameters(subscription.parameters.as_ref());
                self.messages(&subscription.message);
                self.errors(&subscription.errors);
            }
            Definition::PermissionSet(set) => self.permissions(set),
            Definition::Token(token) if is_blank(token.description.as_deref()) => {
                self.report(Rule::UndescribedToken, "there is no description");
            }
            Definition::Value(value) => self.schema(&value.schema, self.is_in_records(name)),
            _ => {}
        }
    }

    fn parameters(&mut self, parameters: Option<&ObjectSchema>) {
        if let Some(parameters) = parameters {
            self.at("parameters", |this| this.object(parameters, false));
        }
    }

    fn output(&mut self, output: Option<&BodySchema>) {
        match output {
            Some(output) => self.at("output", |this| this.body(output)),
            None => self.report(Rule::EndpointOutputUndefined, "there is no output"),
        }
    }

    fn body(&mut self, body: &BodySchema) {
        if let Some(schema) = &body.schema {
            self.at("schema", |this| this.schema(schema, false));
        }
    }

    fn messages(&mut self, messages: &UnionSchema) {
        if messages.refs.is_empty() {
            self.report(Rule::SubscriptionNoMessages, "there are no message types");
        } else {
            self.at("message", |this| this.at("schema", |this| this.union(messages)));
        }
    }

    fn errors(&mut self, errors: &[ErrorDefinition]) {
        self.at("errors", |this| {
            for (index, error) in errors.iter().enumerate() {
                if !is_upper_camel(&error.name) {
                    let message = format!("`{}` is not UpperCamelCase", error.name);
                    this.at(&index.to_string(), |this| {
                        this.report(Rule::ErrorNameSyntax, message);
                    });
                }
            }
        });
    }

    fn permissions(&mut self, set: &PermissionSet) {
        if is_blank(set.title.as_deref()) {
            self.report(Rule::PermissionsetNoTitle, "there is no title");
        }
        if set.permissions.is_empty() {
            self.report(Rule::PermissionsetNoPermissions, "there are no permissions");
        }
        self.at("permissions", |this| {
            for (index, permission) in set.permissions.iter().enumerate() {
                if matches!(permission, Permission::Ignored(_)) {
                    this.at(&index.to_string(), |this| {
                        this.report(Rule::PermissionIgnored, "the permission grants nothing");
                    });
                }
            }
        });
    }
}

fn is_blank(text: Option<&str>) -> bool {
    text.is_none_or(|text| text.trim().is_empty())
}
