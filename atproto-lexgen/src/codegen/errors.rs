//! Declared errors.

use proc_macro2::TokenStream;
use quote::quote;

use super::tokens::{docs, ident};
use crate::plan::Errors;

pub(super) fn errors(errors: &Errors) -> TokenStream {
    let (comment, name) = (docs(&errors.docs), ident(&errors.name));
    let variants = errors.variants.iter().map(|(name, _, lines)| {
        let (comment, name) = (docs(lines), ident(name));
        quote! { #comment #name(Option<String>) }
    });
    let rows = errors.variants.iter().map(|(name, wire, _)| {
        let name = ident(name);
        quote!(#name #wire)
    });
    quote! {
        #comment
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum #name { #(#variants),* }
        atproto_core::error_set!(#name { #(#rows),* });
    }
}
