//! Generation of the impls.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Generics, Ident, Index, Type, parse_quote};

use crate::fixture;
use crate::lifetimes::bounded;
use crate::model::{Field, Kind, Model};

pub(crate) fn seedable(model: &Model<'_>) -> TokenStream {
    let Model {
        ident,
        generics,
        table,
        krate,
        fields,
        conflict,
        ..
    } = model;
    let diesel = quote!(#krate::__private::diesel);
    let (impl_generics, ty_generics, where_clause) = generics.split_for_impl();

    let converted: Vec<_> = fields.iter().filter_map(converted).collect();
    let embedded: Vec<_> = fields.iter().filter_map(embedded).collect();
    let converted_types = converted.iter().map(|(_, ty)| ty);
    let converted_values = converted.iter().map(|(field, ty)| {
        let member = &field.member;
        quote_spanned! {at(field.ty)=>
            ::core::convert::Into::<#ty>::into(::core::clone::Clone::clone(&self.#member))
        }
    });
    let embedded_types = embedded.iter().map(|field| field.ty);
    let embedded_values = embedded.iter().map(|field| {
        let member = &field.member;
        let ty = field.ty;
        quote!(<#ty as #krate::__private::TableRow>::row(&self.#member))
    });

    let keys = fields.iter().map(|Field { ty, kind, .. }| match kind {
        Kind::Column { column } | Kind::SerializeAs { column, .. } => quote!(#table::#column),
        Kind::Embed => quote!(<#ty as #krate::__private::TableRow>::Key),
    });
    let names = fields.iter().map(|Field { ty, kind, .. }| match kind {
        Kind::Column { column } | Kind::SerializeAs { column, .. } => quote! {
            __names.push(<#table::#column as #diesel::query_source::Column>::NAME);
        },
        Kind::Embed => quote!(<#ty as #krate::__private::TableRow>::columns(__names);),
    });

    let conflict = (!conflict.is_empty()).then(|| {
        quote! {
            fn conflict(__names: &mut ::std::vec::Vec<&'static ::core::primitive::str>) {
                #(__names.push(<#table::#conflict as #diesel::query_source::Column>::NAME);)*
            }
        }
    });
    let seed_row = seed_row(model, &diesel);
    let fixture_row = fixture::fixture_row(model, &diesel);
    let checks = checks(model, &diesel);

    quote! {
        #[allow(non_local_definitions, clippy::all, clippy::pedantic, clippy::nursery)]
        const _: () = {
            #[automatically_derived]
            impl #impl_generics #krate::__private::TableRow for #ident #ty_generics #where_clause {
                type Table = #table::table;
                type Key = (#table::table, (#(#keys,)*));
                type Row<'__row> = (
                    &'__row Self,
                    (#(#converted_types,)*),
                    (#(<#embedded_types as #krate::__private::TableRow>::Row<'__row>,)*),
                )
                where
                    Self: '__row;

                fn columns(__names: &mut ::std::vec::Vec<&'static ::core::primitive::str>) {
                    #(#names)*
                }

                #conflict

                fn row(&self) -> Self::Row<'_> {
                    (self, (#(#converted_values,)*), (#(#embedded_values,)*))
                }
            }

            #seed_row
            #fixture_row
            #checks
        };
    }
}

/// Generates the impl for every backend that can store the columns. The bounds are on the generic
/// backend, so a type that one backend does not support causes an error only when a seed uses that
/// backend.
fn seed_row(model: &Model<'_>, diesel: &TokenStream) -> TokenStream {
    let Model {
        ident,
        generics,
        table,
        krate,
        fields,
        ..
    } = model;
    let (_, ty_generics, _) = generics.split_for_impl();
    let mut generics = (*generics).clone();
    generics.params.push(parse_quote!(__DB));
    let bounds = generics.make_where_clause();
    bounds
        .predicates
        .push(parse_quote!(__DB: #diesel::backend::Backend));
    bounds
        .predicates
        .push(parse_quote!(#table::table: #diesel::query_builder::QueryFragment<__DB>));

    let stored: Vec<_> = fields.iter().filter_map(Field::stored).collect();
    for ((column, _), ty) in stored.iter().zip(bounded(stored.iter().map(|(_, ty)| *ty))) {
        let sql_type = quote!(#diesel::dsl::SqlTypeOf<#table::#column>);
        bounds
            .predicates
            .push(parse_quote!(__DB: #diesel::sql_types::HasSqlType<#sql_type>));
        bounds
            .predicates
            .push(parse_quote!(#ty: #diesel::serialize::ToSql<#sql_type, __DB>));
    }
    for field in fields.iter().filter_map(embedded) {
        let ty = field.ty;
        bounds
            .predicates
            .push(parse_quote!(#ty: #krate::__private::SeedRow<__DB>));
        if mentions_parameter(ty, model.generics) {
            bounds
                .predicates
                .push(parse_quote!(#ty: #krate::__private::TableRow<Table = #table::table>));
        }
    }

    let (mut conversions, mut embeds) = (0, 0);
    let visits = fields.iter().map(|Field { member, ty, kind, .. }| {
        let (column, stored, value) = match kind {
            Kind::Column { column } => (column, *ty, quote!(&__row.0.#member)),
            Kind::SerializeAs { column, ty } => {
                let position = Index::from(conversions);
                conversions += 1;
                (column, ty.as_ref(), quote!(&__row.1.#position))
            }
            Kind::Embed => {
                let position = Index::from(embeds);
                embeds += 1;
                return quote! {
                    <#ty as #krate::__private::SeedRow<__DB>>::visit(&__row.2.#position, __visitor)?;
                };
            }
        };
        quote! {
            #krate::__private::ColumnVisitor::column::<
                #diesel::dsl::SqlTypeOf<#table::#column>,
                #stored,
            >(__visitor, #value)?;
        }
    });
    let (impl_generics, _, where_clause) = generics.split_for_impl();

    quote! {
        #[automatically_derived]
        impl #impl_generics #krate::__private::SeedRow<__DB> for #ident #ty_generics
        #where_clause
        {
            fn visit<'__value, __V>(
                __row: &'__value <Self as #krate::__private::TableRow>::Row<'_>,
                __visitor: &mut __V,
            ) -> #diesel::QueryResult<()>
            where
                __V: #krate::__private::ColumnVisitor<'__value, __DB>,
            {
                #(#visits)*
                ::core::result::Result::Ok(())
            }
        }
    }
}

/// Generates checks that compare each field's type with its column's type at the field. Without
/// them a mistake would show only where the struct is seeded. A type that depends on a parameter
/// can only be checked there. The tables of embedded fields are checked in the same way.
fn checks(model: &Model<'_>, diesel: &TokenStream) -> TokenStream {
    let Model { table, krate, .. } = model;
    let checks = model.fields.iter().filter_map(|field| {
        let (ty, check) = match field.stored() {
            Some((column, ty)) => (
                ty,
                quote!(__fits_column::<#ty, #diesel::dsl::SqlTypeOf<#table::#column>>();),
            ),
            None => {
                let ty = field.ty;
                let embedded = quote_spanned!(at(ty)=> <#ty as #krate::__private::TableRow>::Table);
                (ty, quote!(__same_table::<#embedded, #table::table>();))
            }
        };
        (!mentions_parameter(ty, model.generics)).then_some(check)
    });
    let lifetimes = model.generics.lifetimes();
    quote! {
        #[allow(dead_code)]
        fn __check<#(#lifetimes),*>() {
            fn __fits_column<__T: #krate::__private::FitsColumn<__ST>, __ST>() {}
            fn __same_table<__T: #krate::__private::SameTable<__Table>, __Table>() {}
            #(#checks)*
        }
    }
}

/// Returns a span located at a type, for generated code: lints ignore such code, and `self`
/// resolves consistently in it even if the type came from another macro.
fn at(ty: &Type) -> Span {
    Span::call_site().located_at(ty.span())
}

fn converted<'f>(field: &'f Field<'_>) -> Option<(&'f Field<'f>, &'f Type)> {
    match &field.kind {
        Kind::SerializeAs { ty, .. } => Some((field, ty)),
        _ => None,
    }
}

fn embedded<'f, 'i>(field: &'f Field<'i>) -> Option<&'f Field<'i>> {
    matches!(field.kind, Kind::Embed).then_some(field)
}

fn mentions_parameter(ty: &Type, generics: &Generics) -> bool {
    fn mentions(tokens: TokenStream, names: &[&Ident]) -> bool {
        tokens.into_iter().any(|token| match token {
            TokenTree::Ident(ident) => ident == "Self" || names.contains(&&ident),
            TokenTree::Group(group) => mentions(group.stream(), names),
            _ => false,
        })
    }
    let types = generics.type_params().map(|parameter| &parameter.ident);
    let consts = generics.const_params().map(|parameter| &parameter.ident);
    mentions(
        ty.to_token_stream(),
        &types.chain(consts).collect::<Vec<_>>(),
    )
}
