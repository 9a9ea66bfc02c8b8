//! References among definitions.

use super::schema::{BodySchema, Definition, ObjectSchema, Reference, Schema};

/// Calls a function with every reference in a definition, in the document's order.
pub(super) fn each_reference<'a>(
    definition: &'a Definition,
    visit: &mut impl FnMut(&'a Reference),
) {
    match definition {
        Definition::Record(record) => in_object(&record.record, visit),
        Definition::Query(query) => in_body(query.output.as_ref(), visit),
        Definition::Procedure(procedure) => {
            in_body(procedure.input.as_ref(), visit);
            in_body(procedure.output.as_ref(), visit);
        }
        Definition::Subscription(subscription) => {
            subscription.message.iter().flat_map(|union| &union.refs).for_each(visit);
        }
        Definition::Value(value) => in_schema(&value.schema, visit),
        Definition::PermissionSet(_) | Definition::Token(_) => {}
    }
}

fn in_body<'a>(body: Option<&'a BodySchema>, visit: &mut impl FnMut(&'a Reference)) {
    if let Some(schema) = body.and_then(|body| body.schema.as_ref()) {
        in_schema(schema, visit);
    }
}

fn in_object<'a>(object: &'a ObjectSchema, visit: &mut impl FnMut(&'a Reference)) {
    for property in &object.properties {
        in_schema(&property.schema, visit);
    }
}

/// Nesting is bounded because the document's JSON was.
fn in_schema<'a>(schema: &'a Schema, visit: &mut impl FnMut(&'a Reference)) {
    match schema {
        Schema::Array(array) => in_schema(&array.items, visit),
        Schema::Object(object) => in_object(object, visit),
        Schema::Ref(reference) => visit(reference),
        Schema::Union(union) => union.refs.iter().for_each(visit),
        _ => {}
    }
}
