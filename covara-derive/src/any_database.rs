//! Lets methods written for a typed connection also take one whose type is known only at run time.

use proc_macro2::TokenStream;
use quote::{ToTokens, format_ident, quote};
use syn::visit_mut::VisitMut;
use syn::{
    FnArg, Ident, ImplItem, ImplItemFn, ItemImpl, Pat, Signature, TraitBound, Visibility,
    parse_quote,
};

/// Splits each public method over `C: BackendConnection` in two: a private one with its body, and
/// a public one over the trait `database`, which calls the private one with the typed connection.
pub(crate) fn expand(database: &Ident, mut methods: ItemImpl) -> syn::Result<TokenStream> {
    let mut items = Vec::new();
    for item in methods.items {
        match item {
            ImplItem::Fn(method) if is_over_connections(&method) => {
                let (public, typed) = split(database, method)?;
                items.push(ImplItem::Fn(public));
                items.push(ImplItem::Fn(typed));
            }
            other => items.push(other),
        }
    }
    methods.items = items;
    Ok(methods.into_token_stream())
}

fn is_over_connections(method: &ImplItemFn) -> bool {
    let parameters = method.sig.generics.type_params();
    matches!(method.vis, Visibility::Public(_))
        && parameters
            .into_iter()
            .any(|parameter| parameter.ident == "C")
}

/// Returns the name of the connection, the first argument, and those of the others.
pub(crate) fn arguments(signature: &Signature) -> syn::Result<(&Pat, Vec<&Pat>)> {
    let mut arguments = Vec::new();
    for argument in signature.inputs.iter().skip(1) {
        match argument {
            FnArg::Typed(argument) if matches!(&*argument.pat, Pat::Ident(_)) => {
                arguments.push(&*argument.pat);
            }
            other => return Err(syn::Error::new_spanned(other, "expected a name")),
        }
    }
    match arguments.split_first() {
        Some((conn, others)) => Ok((conn, others.to_vec())),
        None => Err(syn::Error::new_spanned(signature, "expected a connection")),
    }
}

fn split(database: &Ident, mut public: ImplItemFn) -> syn::Result<(ImplItemFn, ImplItemFn)> {
    let (conn, others) = arguments(&public.sig)?;
    let name = format_ident!("{}_typed", public.sig.ident);
    let call: TokenStream = quote! {
        crate::backend::typed::with_typed!(#conn, |#conn| self.#name(#conn, #(#others),*))
    };
    let mut typed = public.clone();
    typed.attrs.clear();
    typed.vis = Visibility::Inherited;
    typed.sig.ident = name;
    public.block = parse_quote!({ #call });
    Widen(database).visit_generics_mut(&mut public.sig.generics);
    Ok((public, typed))
}

struct Widen<'d>(&'d Ident);

impl VisitMut for Widen<'_> {
    fn visit_trait_bound_mut(&mut self, bound: &mut TraitBound) {
        let mut segments = bound.path.segments.iter();
        if segments.any(|segment| segment.ident == "BackendConnection") {
            let database = self.0;
            bound.path = parse_quote!(#database);
        }
    }
}
