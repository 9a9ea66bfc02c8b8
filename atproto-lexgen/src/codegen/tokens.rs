//! Identifiers, comments and types as tokens.

use atproto_core::lexicon::StringFormat;
use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;

use super::Context;
use crate::plan::{Path, Type};

/// An identifier; `r#` makes it raw.
pub(super) fn ident(name: &str) -> Ident {
    match name.strip_prefix("r#") {
        Some(raw) => Ident::new_raw(raw, Span::call_site()),
        None => Ident::new(name, Span::call_site()),
    }
}

/// A path or number without the spaces that tokens print with.
pub(super) fn compact(tokens: &TokenStream) -> String {
    tokens.to_string().replace(' ', "")
}

/// Lines as a doc comment.
pub(super) fn docs(lines: &[String]) -> TokenStream {
    let lines =
        lines.iter().map(|line| if line.is_empty() { String::new() } else { format!(" {line}") });
    quote! { #(#[doc = #lines])* }
}

/// `#[deprecated]`, if so.
pub(super) fn deprecation(deprecated: bool) -> TokenStream {
    if deprecated { quote!(#[deprecated]) } else { TokenStream::new() }
}

impl Context<'_> {
    /// A field's type.
    pub(super) fn ty(&mut self, of: &Type) -> TokenStream {
        match of {
            Type::Blob => self.core("data", "BlobRef"),
            Type::Bool => quote!(bool),
            Type::Boxed(inner) => {
                let inner = self.ty(inner);
                quote!(Box<#inner>)
            }
            Type::Bytes => self.core("data", "Bytes"),
            Type::Enumeration(path) | Type::Path(path) => self.path(path),
            Type::Format(format) => self.core("syntax", format_type(*format)),
            Type::Integer => quote!(i64),
            Type::Link => self.core("data", "CidLink"),
            Type::List(inner) => {
                let inner = self.ty(inner);
                quote!(Vec<#inner>)
            }
            Type::Text => quote!(String),
            Type::Value => self.core("data", "Value"),
        }
    }

    /// A generated type: by its name alone in its own module, else from the root.
    pub(super) fn path(&mut self, path: &Path) -> TokenStream {
        let name = ident(&path.name);
        if path.module == self.current.path {
            return quote!(#name);
        }
        self.reaches_out = true;
        let shown = path.module.len() - usize::from(self.exported.contains(path));
        let modules = path.module[..shown].iter().map(|module| ident(module));
        let alias = self.root_alias();
        quote!(#alias #(::#modules)* ::#name)
    }

    /// A type of the core crate, imported unless the name is taken here.
    pub(super) fn core(&mut self, module: &'static str, name: &'static str) -> TokenStream {
        let ident_of = ident(name);
        if self.local.contains(name) {
            let module = ident(module);
            return quote!(atproto_core::#module::#ident_of);
        }
        self.imports.insert((module, name));
        quote!(#ident_of)
    }
}

fn format_type(format: StringFormat) -> &'static str {
    match format {
        StringFormat::AtIdentifier => "AtIdentifier",
        StringFormat::AtUri => "AtUri",
        StringFormat::Cid => "Cid",
        StringFormat::Datetime => "Datetime",
        StringFormat::Did => "Did",
        StringFormat::Handle => "Handle",
        StringFormat::Language => "Language",
        StringFormat::Nsid => "Nsid",
        StringFormat::RecordKey => "RecordKey",
        StringFormat::Tid => "Tid",
        // The only one left; a format added to the core crate is a URI until it is listed.
        _ => "Uri",
    }
}
