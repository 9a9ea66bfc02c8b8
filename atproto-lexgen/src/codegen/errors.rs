//! Declared errors.

use quote::quote;

use super::{
    pieces::Group,
    tokens::{docs, ident},
};
use crate::plan::Errors;

pub(super) fn errors(errors: &Errors) -> Group {
    let (comment, name) = (docs(&errors.docs), ident(&errors.name));
    let variants = errors.variants.iter().map(|(name, _, lines)| {
        let (comment, name) = (docs(lines), ident(name));
        quote! { #comment #name(Option<String>) }
    });
    let rows: Vec<String> =
        errors.variants.iter().map(|(name, wire, _)| format!("{name} {wire:?}")).collect();
    let definition = quote! {
        #comment
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum #name { #(#variants),* }
    };
    Group::from(definition).call("error_set", &errors.name, &rows)
}
