//! Holds values against schemas.
//!
//! What the data model asks for by itself (the shapes of links, bytes and blobs) has been
//! checked when the value was decoded. Unknown properties are allowed; a reference to a
//! document that the catalog does not have constrains nothing.

mod blob;
mod fault;
mod format;
pub(super) mod scalar;
mod walk;

use self::{fault::Fault, walk::Validator};
use super::{
    catalog::Catalog,
    cursor::{Cursor, Subject},
    linked::{Endpoint, Main, Type, TypeId},
    rule::{Rule, ValidationError},
    schema::Reference,
};
use crate::syntax::Nsid;

/// What is checked is a [`Value`](crate::data::Value) or, without one being made, the bytes
/// of one that were [`Checked`](crate::data::cbor::Checked). Success allocates nothing. Of
/// several faults the first in canonical order is told.
impl Catalog {
    /// Checks a record against the main definition of its collection's document. Its
    /// `$type` has to be the collection.
    pub fn validate_record<'a>(
        &self,
        nsid: &Nsid,
        record: impl Subject<'a>,
    ) -> Result<(), ValidationError> {
        match self.linked().main(nsid) {
            Some(Main::Record(id)) => self.hold(Some(*id), record),
            _ => Err(no_schema(nsid)),
        }
    }

    /// Checks the query parameters of an endpoint, given as a map. Parameters that the
    /// lexicon does not know are allowed.
    pub fn validate_params<'a>(
        &self,
        nsid: &Nsid,
        params: impl Subject<'a>,
    ) -> Result<(), ValidationError> {
        match self.linked().main(nsid) {
            Some(Main::Query(it) | Main::Procedure(it) | Main::Subscription(it)) => {
                self.hold(it.parameters, params)
            }
            _ => Err(no_schema(nsid)),
        }
    }

    /// Checks the JSON input of a procedure. An input without a schema constrains nothing.
    pub fn validate_input<'a>(
        &self,
        nsid: &Nsid,
        input: impl Subject<'a>,
    ) -> Result<(), ValidationError> {
        match self.linked().main(nsid) {
            Some(Main::Procedure(procedure)) => self.hold(procedure.input, input),
            _ => Err(no_schema(nsid)),
        }
    }

    /// Checks the JSON output of a query or procedure. An output without a schema
    /// constrains nothing.
    pub fn validate_output<'a>(
        &self,
        nsid: &Nsid,
        output: impl Subject<'a>,
    ) -> Result<(), ValidationError> {
        match self.linked().main(nsid) {
            Some(Main::Query(it) | Main::Procedure(it)) => self.hold(it.output, output),
            _ => Err(no_schema(nsid)),
        }
    }

    /// Checks the body of a subscription's message. `kind` is what the frame's header says,
    /// for example `#commit`. Kinds that an open union does not list are allowed.
    pub fn validate_message<'a>(
        &self,
        nsid: &Nsid,
        kind: &str,
        body: impl Subject<'a>,
    ) -> Result<(), ValidationError> {
        let linked = self.linked();
        let Some(Main::Subscription(Endpoint { output, .. })) = linked.main(nsid) else {
            return Err(no_schema(nsid));
        };
        let Some(Type::Union(union)) = output.map(|message| linked.get(message)) else {
            return Ok(());
        };
        match union.message(nsid, kind) {
            Some(member) => self.hold(Some(member), body),
            None if union.closed => Err(Fault::new(Rule::UnionMember(kind.to_owned())).into()),
            None => Ok(()),
        }
    }

    /// Checks a value against any definition that describes values. A reference that leads
    /// nowhere constrains nothing.
    pub fn validate<'a>(
        &self,
        target: &Reference,
        value: impl Subject<'a>,
    ) -> Result<(), ValidationError> {
        self.hold(self.linked().value(target), value)
    }

    fn hold<'a>(&self, id: Option<TypeId>, value: impl Subject<'a>) -> Result<(), ValidationError> {
        let Some(id) = id else { return Ok(()) };
        let mut cursor = value.open();
        let item = cursor.read();
        let validator = Validator { linked: self.linked(), options: self.validation() };
        validator.item(id, item, &mut cursor, 0).map_err(ValidationError::from)
    }
}

fn no_schema(nsid: &Nsid) -> ValidationError {
    Fault::new(Rule::NoSchema(nsid.clone())).into()
}
