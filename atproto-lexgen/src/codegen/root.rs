//! The root module, which declares the others and lists what they hold.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use proc_macro2::TokenStream;
use quote::quote;

use super::{
    pieces::{Group, print},
    tokens::ident,
};
use crate::{
    error::Error,
    plan::{Module, Plan},
};

/// `lexicons.rs`, and `lexicons/schemas.rs` with the schemas themselves.
pub(super) fn emit(
    plan: &Plan,
    prefix: &Path,
    files: &mut BTreeMap<PathBuf, String>,
) -> Result<(), Error> {
    let records = plan.records.iter().map(|record| {
        let (cfg, path) = (cfg(record.feature.as_deref()), &record.path);
        let modules = path.module.iter().map(|module| ident(module));
        let name = ident(&path.name);
        quote! { #cfg atproto_core::lexicon::RecordType::of::<#(#modules::)*#name>() }
    });
    let children = plan.root.children.keys().map(|name| child(name));
    let groups: [Group; 3] = [
        quote! {
            #(#children)*
            #[allow(unreachable_pub)]
            mod schemas;
            #[allow(unreachable_pub, unused_imports)]
            pub use schemas::SCHEMAS;
        }
        .into(),
        quote! {
            /// The generated record types, for a catalog's typed decoding.
            #[allow(dead_code, unreachable_pub)]
            pub const RECORDS: &[atproto_core::lexicon::RecordType] = &[#(#records),*];
        }
        .into(),
        quote! {
            /// A catalog of the generated record types and of every schema.
            #[allow(dead_code, unreachable_pub)]
            pub fn catalog() -> atproto_core::lexicon::Catalog {
                atproto_core::lexicon::Catalog::of(RECORDS).with_generated(SCHEMAS)
            }
        }
        .into(),
    ];
    let path = PathBuf::from("lexicons.rs");
    let text = print(&path, &groups)?;
    files.insert(path, text);

    let schemas = plan.schemas.iter().map(|schema| {
        let (cfg, nsid, json) = (cfg(schema.feature.as_deref()), &schema.nsid, &schema.json);
        quote! { #cfg (#nsid, #json) }
    });
    let path = prefix.join("schemas.rs");
    let groups: [Group; 1] = [quote! {
        #![doc = " The schemas of the generated types."]

        /// NSID and schema of each document, without the texts that are for people only.
        pub const SCHEMAS: &[(&str, &str)] = &[#(#schemas),*];
    }
    .into()];
    let text = print(&path, &groups)?;
    files.insert(path, text);
    Ok(())
}

/// The declaration of a top module. Its attributes stand outside, and not once at the head
/// of the root file, because an included file cannot begin with inner ones.
fn child(name: &str) -> TokenStream {
    let name = ident(name);
    quote! {
        #[allow(
            clippy::doc_lazy_continuation,
            clippy::enum_variant_names,
            clippy::large_enum_variant,
            clippy::module_inception,
            clippy::too_many_arguments,
            dead_code,
            deprecated,
            missing_docs,
            unreachable_pub,
            unused_imports,
        )]
        pub mod #name;
    }
}

/// The declarations of a module's children, and what it shows of them.
pub(super) fn submodules(module: &Module) -> TokenStream {
    let declarations = module.children.iter().map(|(name, child)| {
        let (cfg, name) = (cfg(feature_of(child)), ident(name));
        quote! { #cfg pub mod #name; }
    });
    let uses = module.children.iter().filter(|(_, child)| !child.exports.is_empty()).map(
        |(name, child)| {
            let (cfg, name) = (cfg(feature_of(child)), ident(name));
            let exports = child.exports.iter().map(|export| ident(export));
            quote! { #cfg pub use #name::{#(#exports),*}; }
        },
    );
    quote! { #(#declarations)* #(#uses)* }
}

/// Only the second level hides behind a feature; deeper levels go with it.
fn feature_of(module: &Module) -> Option<&str> {
    module.feature.as_deref().filter(|_| module.path.len() == 2)
}

fn cfg(feature: Option<&str>) -> TokenStream {
    match feature {
        Some(feature) => quote!(#[cfg(feature = #feature)]),
        None => TokenStream::new(),
    }
}
