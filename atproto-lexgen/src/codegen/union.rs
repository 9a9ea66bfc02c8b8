//! Enums told apart by `$type`, and messages told apart by a frame's header.

use proc_macro2::TokenStream;
use quote::quote;

use super::{
    Context,
    pieces::Group,
    tokens::{compact, docs, ident},
};
use crate::plan::Union;

impl Context<'_> {
    pub(super) fn union(&mut self, union: &Union) -> Group {
        let (variants, rows) = self.members(union);
        let (comment, name) = (docs(&union.docs), ident(&union.name));
        let (call, other) = if union.closed {
            ("closed_union", None)
        } else {
            let value = self.core("data", "Value");
            let comment = docs(&["A type that the lexicon does not list.".to_owned()]);
            ("open_union", Some(quote! { #comment Other(#value), }))
        };
        let definition = quote! {
            #comment
            #[derive(Debug, Clone, PartialEq)]
            pub enum #name { #variants #other }
        };
        Group::from(definition).call(call, &union.name, &rows)
    }

    pub(super) fn messages(&mut self, union: &Union) -> Group {
        let (variants, rows) = self.members(union);
        let (comment, name) = (docs(&union.docs), ident(&union.name));
        let value = self.core("data", "Value");
        let other = docs(&["A kind that the lexicon does not list.".to_owned()]);
        let kind = docs(&["What the frame's header says.".to_owned()]);
        let body = docs(&["The frame's body.".to_owned()]);
        let definition = quote! {
            #comment
            #[derive(Debug, Clone, PartialEq)]
            pub enum #name {
                #variants
                #other
                Other {
                    #kind
                    kind: String,
                    #body
                    body: #value,
                },
            }
        };
        Group::from(definition).call("messages", &union.name, &rows)
    }

    fn members(&mut self, union: &Union) -> (TokenStream, Vec<String>) {
        let (mut variants, mut rows) = (TokenStream::new(), Vec::new());
        for variant in &union.variants {
            let (name, of, tag) = (ident(&variant.name), self.path(&variant.of), &variant.tag);
            let comment = docs(&[format!("`{tag}`")]);
            variants.extend(quote! { #comment #name(Box<#of>), });
            rows.push(format!("{name}({}) {tag:?}", compact(&of)));
        }
        (variants, rows)
    }
}
