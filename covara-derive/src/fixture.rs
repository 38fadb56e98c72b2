//! Generation of the impl that reads a row from a file.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{GenericArgument, PathArguments, Type, parse_quote};

use crate::lifetimes::bounded;
use crate::model::{Field, Kind, Model};

/// Generates the impl, inside a macro that is empty without the feature `fixtures`. The derive has
/// no such feature itself: Cargo builds derives for the host, so the derive could be built with the
/// feature for a library without it.
///
/// As for the backends, the bounds are generic, so a field that no file can hold causes an error
/// only when a file is read.
pub(crate) fn fixture_row(model: &Model<'_>, diesel: &TokenStream) -> TokenStream {
    let Model {
        ident,
        generics,
        krate,
        fields,
        skipped,
        ..
    } = model;
    let (_, ty_generics, _) = generics.split_for_impl();
    let read_cell = quote!(#krate::__private::ReadCell<__DB>);
    let read_from_str = quote!(#krate::__private::ReadFromStr<__DB>);
    let fixture_row = quote!(#krate::__private::FixtureRow<__DB>);
    let skipped_field = quote!(#krate::__private::SkippedField<__DB>);

    let (mut cells, mut parsed, mut embedded) = (Vec::new(), Vec::new(), Vec::new());
    let mut values = Vec::new();
    for Field {
        member,
        ty,
        kind,
        from_str,
    } in fields
    {
        let ty = *ty;
        let value = match (kind, from_str, optional(ty)) {
            (Kind::Embed, ..) => {
                embedded.push(ty);
                quote!(<#ty as #fixture_row>::read)
            }
            (_, true, Some(inner)) => {
                parsed.push(inner);
                quote!(<#inner as #read_from_str>::read_optional)
            }
            (_, true, None) => {
                parsed.push(ty);
                quote!(<#ty as #read_from_str>::read)
            }
            (_, false, _) => {
                cells.push(ty);
                quote!(<#ty as #read_cell>::read)
            }
        };
        values.push(quote!(#member: #value(__cells)?));
    }
    for (member, ty) in skipped {
        values.push(quote!(#member: <#ty as #skipped_field>::skipped()));
    }

    let mut generics = (*generics).clone();
    generics.params.push(parse_quote!(__DB));
    let bounds = generics.make_where_clause();
    bounds
        .predicates
        .push(parse_quote!(__DB: #diesel::backend::Backend));
    let skipped = skipped.iter().map(|(_, ty)| *ty).collect();
    for (types, needed) in [
        (cells, read_cell),
        (parsed, read_from_str),
        (embedded, fixture_row.clone()),
        (skipped, skipped_field),
    ] {
        for ty in bounded(types.into_iter()) {
            bounds.predicates.push(parse_quote!(#ty: #needed));
        }
    }
    let (impl_generics, _, where_clause) = generics.split_for_impl();

    quote! {
        #krate::__private::fixture_row! {
        #[automatically_derived]
        impl #impl_generics #fixture_row for #ident #ty_generics
        #where_clause
        {
            fn read(
                __cells: &mut #krate::__private::Cells<'_>,
            ) -> ::core::result::Result<Self, #krate::__private::BadCell> {
                ::core::result::Result::Ok(Self { #(#values),* })
            }
        }
        }
    }
}

/// Returns the type in an `Option`, recognized by the name `Option`.
fn optional(ty: &Type) -> Option<&Type> {
    let path = match ty {
        Type::Path(path) => path,
        // The form in which another macro passes a type.
        Type::Group(group) => return optional(&group.elem),
        Type::Paren(paren) => return optional(&paren.elem),
        _ => return None,
    };
    let last = path.path.segments.last()?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else {
        return None;
    };
    match arguments.args.first()? {
        GenericArgument::Type(inner) if last.ident == "Option" => Some(inner),
        _ => None,
    }
}
