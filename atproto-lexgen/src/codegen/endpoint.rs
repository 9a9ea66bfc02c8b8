//! The impls of endpoints.

use proc_macro2::TokenStream;
use quote::quote;

use super::{
    Context,
    pieces::Group,
    tokens::{deprecation, docs, ident},
};
use crate::plan::{Body, Endpoint, Input, Procedure};

impl Context<'_> {
    pub(super) fn query(&mut self, query: &Endpoint) -> Group {
        let (name, nsid) = (ident(&query.name), &query.nsid);
        let output = self.body(&query.output);
        let errors = self.error_type(query.errors.as_deref());
        let of = self.core("endpoint", "Query");
        quote! {
            impl #of for #name {
                const NSID: &'static str = #nsid;
                type Output = #output;
                type Error = #errors;
            }
        }
        .into()
    }

    pub(super) fn subscription(&mut self, subscription: &Endpoint) -> Group {
        let (name, nsid) = (ident(&subscription.name), &subscription.nsid);
        let message = self.body(&subscription.output);
        let errors = self.error_type(subscription.errors.as_deref());
        let of = self.core("endpoint", "Subscription");
        quote! {
            impl #of for #name {
                const NSID: &'static str = #nsid;
                type Message = #message;
                type Error = #errors;
            }
        }
        .into()
    }

    pub(super) fn procedure(&mut self, procedure: &Procedure) -> Group {
        let (name, nsid) = (ident(&procedure.name), &procedure.nsid);
        let params = match &procedure.params {
            Some(params) => {
                let params = ident(params);
                quote!(#params)
            }
            None => self.core("endpoint", "NoParams"),
        };
        let parts = self.parts(procedure);
        let output = self.body(&procedure.output);
        let errors = self.error_type(procedure.errors.as_deref());
        let of = self.core("endpoint", "Procedure");
        let Parts { definition, input, take, put: (params_name, input_name, put) } = parts;
        quote! {
            #definition
            impl #of for #name {
                const NSID: &'static str = #nsid;
                type Params = #params;
                type Input = #input;
                type Output = #output;
                type Error = #errors;
                fn into_parts(self) -> (Self::Params, Self::Input) { #take }
                fn from_parts(#params_name: Self::Params, #input_name: Self::Input) -> Self {
                    #put
                }
            }
        }
        .into()
    }

    /// The struct of a procedure, if it is not its own input, and how it comes apart.
    fn parts(&mut self, procedure: &Procedure) -> Parts {
        let Input::Body(body) = &procedure.input else {
            return Parts {
                definition: TokenStream::new(),
                input: quote!(Self),
                take: quote!((Default::default(), self)),
                put: (quote!(_params), quote!(input), quote!(input)),
            };
        };
        let (name, comment) = (ident(&procedure.name), docs(&procedure.docs));
        let deprecated = deprecation(procedure.deprecated);
        let input = self.body(body);
        let has_input = !matches!(body, Body::None);
        let params = procedure.params.as_deref().map(|params| {
            let (params, comment) = (ident(params), docs(&["The query parameters.".to_owned()]));
            quote! { #comment pub params: #params, }
        });
        let body = has_input.then(|| {
            let comment = docs(&["The request body.".to_owned()]);
            quote! { #comment pub input: #input, }
        });
        let (take_params, put_params) = match params {
            Some(_) => (quote!(self.params), quote!(params)),
            None => (quote!(Default::default()), TokenStream::new()),
        };
        let take_input =
            if has_input { quote!(self.input) } else { self.core("endpoint", "NoBody") };
        let put_input = has_input.then(|| quote!(input));
        let params_name = if params.is_some() { quote!(params) } else { quote!(_params) };
        let input_name = if has_input { quote!(input) } else { quote!(_input) };
        let comma = (params.is_some() && has_input).then(|| quote!(,));
        let default = (params.is_none() && !has_input).then(|| quote!(, Default));
        Parts {
            definition: quote! {
                #comment
                #deprecated
                #[derive(Debug, Clone, PartialEq #default)]
                pub struct #name { #params #body }
            },
            input,
            take: quote!((#take_params, #take_input)),
            put: (params_name, input_name, quote!(Self { #put_params #comma #put_input })),
        }
    }

    fn body(&mut self, body: &Body) -> TokenStream {
        match body {
            Body::None => self.core("endpoint", "NoBody"),
            Body::Raw => self.core("endpoint", "RawBody"),
            Body::Typed(path) => self.path(path),
        }
    }

    fn error_type(&mut self, errors: Option<&str>) -> TokenStream {
        match errors {
            Some(name) => {
                let name = ident(name);
                quote!(#name)
            }
            None => self.core("endpoint", "NoErrors"),
        }
    }
}

struct Parts {
    definition: TokenStream,
    input: TokenStream,
    take: TokenStream,
    /// The names of the two arguments, and the expression.
    put: (TokenStream, TokenStream, TokenStream),
}
