//! Structs.

use atproto_core::lexicon::StringFormat;
use proc_macro2::TokenStream;
use quote::quote;

use super::{
    Context,
    pieces::Group,
    tokens::{compact, deprecation, docs, ident},
};
use crate::plan::{Field, Literal, Presence, RecordKey, Struct, Type};

impl Context<'_> {
    pub(super) fn object(&mut self, object: &Struct) -> Group {
        let (comment, deprecated) = (docs(&object.docs), deprecation(object.deprecated));
        let name = ident(&object.name);
        let default = is_empty_by_default(object).then(|| quote!(, Default));
        let mut fields: Vec<TokenStream> =
            object.fields.iter().map(|field| self.field(field)).collect();
        if object.extra {
            let extra = self.core("data", "Extra");
            let comment = docs(&["Fields that the lexicon does not know.".to_owned()]);
            fields.push(quote! { #comment pub extra: #extra });
        }
        let definition = quote! {
            #comment
            #deprecated
            #[derive(Debug, Clone, PartialEq #default)]
            pub struct #name { #(#fields),* }
        };
        let (call, subject, rows) = table(object);
        Group::from(definition)
            .call(call, &subject, &rows)
            .items(self.constructor(object))
            .items(self.record(object))
    }

    fn field(&mut self, field: &Field) -> TokenStream {
        let (comment, name, of) = (docs(&field.docs), ident(&field.name), self.ty(&field.of));
        let deprecated = deprecation(field.deprecated);
        let of = match field.presence {
            Presence::Required | Presence::Default(_) => of,
            Presence::Optional | Presence::Nullable => quote!(Option<#of>),
            Presence::OptionalNullable => quote!(Option<Option<#of>>),
        };
        quote! { #comment #deprecated pub #name: #of }
    }

    /// `new` with what is required; without requirements there is `Default`.
    fn constructor(&mut self, object: &Struct) -> TokenStream {
        if is_empty_by_default(object) {
            return TokenStream::new();
        }
        let name = ident(&object.name);
        let arguments: Vec<TokenStream> =
            object.arguments.iter().map(|place| self.argument(&object.fields[*place])).collect();
        let values = object.fields.iter().enumerate().map(|(place, field)| {
            let name = ident(&field.name);
            if let Presence::Default(default) = &field.presence {
                let default = literal(default, &field.of);
                return quote!(#name: #default);
            }
            if !object.arguments.contains(&place) {
                return quote!(#name: None);
            }
            match (&field.of, &field.presence) {
                (Type::Boxed(_), Presence::Required) => quote!(#name: Box::new(#name)),
                (of, Presence::Required) if converts(of) => quote!(#name: #name.into()),
                _ => quote!(#name),
            }
        });
        let extra = object.extra.then(|| {
            let extra = self.core("data", "Extra");
            quote!(extra: #extra::default(),)
        });
        if object.arguments.is_empty() {
            return quote! {
                impl Default for #name {
                    fn default() -> Self {
                        Self { #(#values,)* #extra }
                    }
                }
            };
        }
        let comment = docs(&["With what the lexicon requires, and nothing else.".to_owned()]);
        quote! {
            impl #name {
                #comment
                pub fn new(#(#arguments),*) -> Self {
                    Self { #(#values,)* #extra }
                }
            }
        }
    }

    fn argument(&mut self, field: &Field) -> TokenStream {
        let name = ident(&field.name);
        match (&field.of, &field.presence) {
            (Type::Boxed(inner), Presence::Required) => {
                let inner = self.ty(inner);
                quote!(#name: #inner)
            }
            (of, Presence::Required) if converts(of) => {
                let of = self.ty(of);
                quote!(#name: impl Into<#of>)
            }
            (of, Presence::Required) => {
                let of = self.ty(of);
                quote!(#name: #of)
            }
            (of, _) => {
                let of = self.ty(of);
                quote!(#name: Option<#of>)
            }
        }
    }

    fn record(&mut self, object: &Struct) -> TokenStream {
        let Some((nsid, key)) = &object.record else { return TokenStream::new() };
        let name = ident(&object.name);
        let key = match key {
            RecordKey::Tid => quote!(Tid),
            RecordKey::Nsid => quote!(Nsid),
            RecordKey::Literal(key) => quote!(Literal(#key)),
            RecordKey::Any => quote!(Any),
        };
        let (record, kind) = (self.core("endpoint", "Record"), self.core("endpoint", "KeyKind"));
        quote! {
            impl #record for #name {
                const NSID: &'static str = #nsid;
                const KEY: #kind = #kind::#key;
            }
        }
    }
}

/// The macro call that makes the struct an object: its name, subject and rows.
fn table(object: &Struct) -> (&'static str, String, Vec<String>) {
    let mut fields: Vec<&Field> = object.fields.iter().collect();
    fields.sort_by(|a, b| (a.key.len(), &a.key).cmp(&(b.key.len(), &b.key)));
    let rows = fields.iter().map(|field| {
        let kind = match &field.presence {
            Presence::Required => "required".to_owned(),
            Presence::Optional | Presence::OptionalNullable => "optional".to_owned(),
            Presence::Nullable => "nullable".to_owned(),
            Presence::Default(default) => {
                format!("default = {}", compact(&literal(default, &field.of)))
            }
        };
        format!("{} {:?} {kind}", field.name, field.key)
    });
    let subject = match &object.record {
        Some((nsid, _)) => format!("{} = {nsid:?}", object.name),
        None => object.name.clone(),
    };
    (if object.extra { "object" } else { "params" }, subject, rows.collect())
}

/// Whether each field is empty if nothing is said, so that `Default` can be derived.
fn is_empty_by_default(object: &Struct) -> bool {
    object
        .fields
        .iter()
        .all(|field| matches!(field.presence, Presence::Optional | Presence::OptionalNullable))
}

/// Types that callers would rather not spell out.
fn converts(of: &Type) -> bool {
    matches!(
        of,
        Type::Text | Type::Value | Type::Enumeration(_) | Type::Format(StringFormat::AtIdentifier)
    )
}

fn literal(literal: &Literal, of: &Type) -> TokenStream {
    match (literal, of) {
        (Literal::Bool(value), _) => quote!(#value),
        (Literal::Integer(value), _) => {
            let value = proc_macro2::Literal::i64_unsuffixed(*value);
            quote!(#value)
        }
        (Literal::Variant(name), Type::Enumeration(path) | Type::Path(path)) => {
            let (of, name) = (ident(&path.name), ident(name));
            quote!(#of::#name)
        }
        (Literal::Text(text) | Literal::Variant(text), _) => quote!(String::from(#text)),
    }
}
