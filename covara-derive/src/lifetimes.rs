//! Bounds on types that differ only in their lifetimes.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};
use syn::visit_mut::VisitMut;
use syn::{Lifetime, Type};

/// Returns each type in the form it has on the left of a bound.
///
/// The compiler finds `&'a str: Trait` and `&'b str: Trait` ambiguous if both bound one
/// impl, so these become `for<'any> &'any str: Trait`.
pub(crate) fn bounded<'t>(types: impl Iterator<Item = &'t Type>) -> Vec<TokenStream> {
    let types: Vec<_> = types.map(|ty| (ty, ForAny::new(ty))).collect();
    let bounded = types.iter().map(|(ty, any)| {
        if types.iter().any(|(_, other)| any.is_ambiguous_with(other)) {
            let ForAny { ty, lifetimes, .. } = any;
            quote!(for<#(#lifetimes),*> #ty)
        } else {
            ty.to_token_stream()
        }
    });
    bounded.collect()
}

/// A type in which each lifetime is replaced by a new one.
struct ForAny {
    ty: TokenStream,
    lifetimes: Vec<Lifetime>,
    replaced: Vec<Lifetime>,
}

impl ForAny {
    fn new(ty: &Type) -> Self {
        let mut ty = ty.clone();
        let mut any = Self {
            ty: TokenStream::new(),
            lifetimes: Vec::new(),
            replaced: Vec::new(),
        };
        any.visit_type_mut(&mut ty);
        any.ty = ty.into_token_stream();
        any
    }

    fn is_ambiguous_with(&self, other: &Self) -> bool {
        self.replaced != other.replaced && self.ty.to_string() == other.ty.to_string()
    }
}

impl VisitMut for ForAny {
    fn visit_lifetime_mut(&mut self, lifetime: &mut Lifetime) {
        let name = format!("'__any{}", self.lifetimes.len());
        let any = Lifetime::new(&name, Span::call_site());
        self.lifetimes.push(any.clone());
        self.replaced.push(std::mem::replace(lifetime, any));
    }
}
