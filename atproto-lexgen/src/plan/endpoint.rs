//! Queries, procedures and subscriptions.

use atproto_core::lexicon::{
    BodySchema, ErrorDefinition, ObjectSchema, ProcedureDefinition, QueryDefinition, Schema,
    SubscriptionDefinition,
};

use super::{
    Alias, Body, Endpoint, Errors, Input, Item, Procedure, Struct, Type, Union, docs,
    documents::{Draft, Planner},
};
use crate::names::Scope;

impl<'a> Planner<'a> {
    pub(super) fn query(
        &mut self,
        draft: &mut Draft<'a>,
        query: &'a QueryDefinition,
        name: String,
        docs: Vec<String>,
        deprecated: bool,
    ) {
        self.parameters(draft, query.parameters.as_ref(), name.clone(), docs, deprecated);
        let output_name = draft.derived.output.clone();
        let output = self.body(draft, query.output.as_ref(), output_name, "output");
        let errors = self.errors(draft, &query.errors);
        let nsid = draft.nsid.to_owned();
        draft.items.push(Item::Query(Endpoint { name, nsid, output, errors }));
    }

    pub(super) fn procedure(
        &mut self,
        draft: &mut Draft<'a>,
        procedure: &'a ProcedureDefinition,
        name: String,
        docs: Vec<String>,
        deprecated: bool,
    ) {
        let params = draft.derived.params.clone();
        if let Some(params) = &params {
            let docs = vec![format!("The parameters of `{}`.", draft.nsid)];
            self.parameters(draft, procedure.parameters.as_ref(), params.clone(), docs, false);
        }
        let input = match &procedure.input {
            Some(BodySchema { schema: Some(Schema::Object(object)), .. }) if params.is_none() => {
                self.add_object(draft, object, name.clone(), docs.clone(), |made| {
                    made.deprecated = deprecated;
                });
                Input::Itself
            }
            input => {
                let input_name = draft.derived.input.clone();
                Input::Body(self.body(draft, input.as_ref(), input_name, "input"))
            }
        };
        let output_name = draft.derived.output.clone();
        let output = self.body(draft, procedure.output.as_ref(), output_name, "output");
        let errors = self.errors(draft, &procedure.errors);
        let nsid = draft.nsid.to_owned();
        draft.items.push(Item::Procedure(Procedure {
            name,
            docs,
            deprecated,
            nsid,
            params,
            input,
            output,
            errors,
        }));
    }

    pub(super) fn subscription(
        &mut self,
        draft: &mut Draft<'a>,
        subscription: &'a SubscriptionDefinition,
        name: String,
        docs: Vec<String>,
        deprecated: bool,
    ) {
        self.parameters(draft, subscription.parameters.as_ref(), name.clone(), docs, deprecated);
        let mut output = Body::None;
        if let Some(message) = draft.derived.message.clone() {
            let mut variants = self.variants(draft, &subscription.message);
            for variant in &mut variants {
                // A frame's header names the types of its own document by fragment alone.
                if let Some(fragment) = variant.tag.strip_prefix(draft.nsid) {
                    variant.tag = fragment.to_owned();
                }
            }
            let docs = vec![format!("A message of `{}`.", draft.nsid)];
            let closed = false;
            output = Body::Typed(draft.path(&message));
            draft.items.push(Item::Messages(Union { name: message, docs, closed, variants }));
        }
        let errors = self.errors(draft, &subscription.errors);
        let nsid = draft.nsid.to_owned();
        draft.items.push(Item::Subscription(Endpoint { name, nsid, output, errors }));
    }

    fn parameters(
        &mut self,
        draft: &mut Draft<'a>,
        parameters: Option<&'a ObjectSchema>,
        name: String,
        docs: Vec<String>,
        deprecated: bool,
    ) {
        let place = draft.items.len();
        let mut made = match parameters {
            Some(parameters) => self.object(draft, parameters, name, docs, false),
            None => Struct {
                name,
                docs,
                deprecated,
                record: None,
                fields: Vec::new(),
                arguments: Vec::new(),
                extra: false,
            },
        };
        made.deprecated = deprecated;
        draft.items.insert(place, Item::Struct(made));
    }

    /// A body: JSON of a known type, bytes, or none. What has a schema that no type can be
    /// made for is bytes too.
    fn body(
        &mut self,
        draft: &mut Draft<'a>,
        body: Option<&'a BodySchema>,
        name: Option<String>,
        role: &str,
    ) -> Body {
        let (Some(body), Some(name)) = (body, name) else { return Body::None };
        let docs = vec![format!("The {role} of `{}`.", draft.nsid)];
        match &body.schema {
            Some(Schema::Object(object)) => {
                self.add_object(draft, object, name.clone(), docs, |_| {});
                Body::Typed(draft.path(&name))
            }
            Some(schema @ Schema::Ref(_)) => match self.type_of(draft, schema, &name, false) {
                target @ Type::Path(_) if self.is_object(&target) => {
                    let path = draft.path(&name);
                    draft.items.push(Item::Alias(Alias { name, docs, target }));
                    Body::Typed(path)
                }
                _ => Body::Raw,
            },
            _ => Body::Raw,
        }
    }

    fn is_object(&self, found: &Type) -> bool {
        self.targets.values().any(|target| match (target, found) {
            (super::documents::Target::Object(path), Type::Path(found)) => path == found,
            _ => false,
        })
    }

    fn errors(&self, draft: &mut Draft<'a>, errors: &[ErrorDefinition]) -> Option<String> {
        let name = draft.derived.error.clone()?;
        let mut scope = Scope::default();
        let mut variants: Vec<(String, String, Vec<String>)> = Vec::new();
        for error in errors {
            if variants.iter().any(|(_, known, _)| *known == error.name) {
                continue;
            }
            let docs = docs::item(
                &format!("`{}`", error.name),
                error.description.as_deref(),
                self.style.descriptions,
            );
            variants.push((scope.type_name(&error.name, "Error"), error.name.clone(), docs));
        }
        let docs = vec![format!("The errors that `{}` declares.", draft.nsid)];
        draft.items.push(Item::Errors(Errors { name: name.clone(), docs, variants }));
        Some(name)
    }
}
