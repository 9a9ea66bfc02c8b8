//! Structs.

use atproto_core::lexicon::StringFormat;
use proc_macro2::TokenStream;
use quote::quote;

use super::{
    Context,
    pieces::Group,
    tokens::{deprecation, docs, ident},
};
use crate::plan::{Field, Presence, RecordKey, Struct, Type};

impl Context<'_> {
    pub(super) fn object(&mut self, object: &Struct) -> Group {
        let (comment, deprecated) = (docs(&object.docs), deprecation(object.deprecated));
        let name = ident(&object.name);
        let default = object.arguments.is_empty().then(|| quote!(, Default));
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
            .items(record(object))
    }

    fn field(&mut self, field: &Field) -> TokenStream {
        let (comment, name, of) = (docs(&field.docs), ident(&field.name), self.ty(&field.of));
        let of = match field.presence {
            Presence::Required => of,
            Presence::Optional | Presence::Nullable => quote!(Option<#of>),
            Presence::OptionalNullable => quote!(Option<Option<#of>>),
        };
        quote! { #comment pub #name: #of }
    }

    /// `new` with what is required; without requirements there is `Default`.
    fn constructor(&mut self, object: &Struct) -> TokenStream {
        if object.arguments.is_empty() {
            return TokenStream::new();
        }
        let name = ident(&object.name);
        let arguments: Vec<TokenStream> =
            object.arguments.iter().map(|place| self.argument(&object.fields[*place])).collect();
        let values = object.fields.iter().enumerate().map(|(place, field)| {
            let name = ident(&field.name);
            if !object.arguments.contains(&place) {
                return quote!(#name: None);
            }
            match (&field.of, field.presence) {
                (Type::Boxed(_), Presence::Required) => quote!(#name: Box::new(#name)),
                (of, Presence::Required) if converts(of) => quote!(#name: #name.into()),
                _ => quote!(#name),
            }
        });
        let extra = object.extra.then(|| {
            let extra = self.core("data", "Extra");
            quote!(extra: #extra::default(),)
        });
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
        match (&field.of, field.presence) {
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
}

/// Types that callers would rather not spell out.
fn converts(of: &Type) -> bool {
    matches!(of, Type::Text | Type::Value | Type::Format(StringFormat::AtIdentifier))
}

/// The macro call that makes the struct an object: its name, subject and rows.
fn table(object: &Struct) -> (&'static str, String, Vec<String>) {
    let mut fields: Vec<&Field> = object.fields.iter().collect();
    fields.sort_by(|a, b| (a.key.len(), &a.key).cmp(&(b.key.len(), &b.key)));
    let rows = fields.iter().map(|field| {
        let kind = match field.presence {
            Presence::Required => "required",
            Presence::Optional | Presence::OptionalNullable => "optional",
            Presence::Nullable => "nullable",
        };
        format!("{} {:?} {kind}", field.name, field.key)
    });
    let subject = match &object.record {
        Some((nsid, _)) => format!("{} = {nsid:?}", object.name),
        None => object.name.clone(),
    };
    (if object.extra { "object" } else { "params" }, subject, rows.collect())
}

fn record(object: &Struct) -> TokenStream {
    let Some((nsid, key)) = &object.record else { return TokenStream::new() };
    let name = ident(&object.name);
    let key = match key {
        RecordKey::Tid => quote!(Tid),
        RecordKey::Nsid => quote!(Nsid),
        RecordKey::Literal(key) => quote!(Literal(#key)),
        RecordKey::Any => quote!(Any),
    };
    quote! {
        impl atproto_core::endpoint::Record for #name {
            const NSID: &'static str = #nsid;
            const KEY: atproto_core::endpoint::KeyKind = atproto_core::endpoint::KeyKind::#key;
        }
    }
}
