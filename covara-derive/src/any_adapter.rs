//! Gives a type the methods of a trait, for connections whose type is known only at run time.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::visit_mut::VisitMut;
use syn::{Ident, ItemTrait, TraitBound, TraitItem, TraitItemFn, parse_quote};

use crate::any_database::arguments;

/// Emits the trait, and for each method over `C: BackendConnection` one of `adapter` over
/// `C: SearchDatabase` with the same documentation. That one calls the method of `adapter::of(conn)`
/// with the typed connection.
pub(crate) fn expand(adapter: &Ident, methods: &ItemTrait) -> syn::Result<TokenStream> {
    let widened = methods
        .items
        .iter()
        .filter_map(|item| match item {
            TraitItem::Fn(method) => Some(widen(method)),
            _ => None,
        })
        .collect::<syn::Result<Vec<_>>>()?;
    Ok(quote! {
        #methods

        impl #adapter {
            #(#widened)*
        }
    })
}

fn widen(method: &TraitItemFn) -> syn::Result<TokenStream> {
    let (conn, others) = arguments(&method.sig)?;
    let types = method.sig.generics.type_params();
    let types = types.map(|parameter| match &parameter.ident {
        connection if connection == "C" => quote!(_),
        other => other.to_token_stream(),
    });
    let name = &method.sig.ident;
    let attributes = &method.attrs;
    let call = quote! {
        crate::backend::typed::with_typed!(#conn, |#conn| {
            Self::of(#conn).#name::<#(#types),*>(#conn, #(#others),*)
        })
    };
    let mut signature = method.sig.clone();
    Widen.visit_generics_mut(&mut signature.generics);
    Ok(quote! {
        #(#attributes)*
        pub #signature {
            #call
        }
    })
}

struct Widen;

impl VisitMut for Widen {
    fn visit_trait_bound_mut(&mut self, bound: &mut TraitBound) {
        let last = bound.path.segments.last();
        if last.is_some_and(|segment| segment.ident == "BackendConnection") {
            bound.path = parse_quote!(crate::search::SearchDatabase);
        }
    }
}
