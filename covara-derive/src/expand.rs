//! Writes the impls.

use proc_macro2::{TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Generics, Ident, Index, Type, parse_quote};

use crate::model::{Field, Kind, Model};

pub(crate) fn seedable(model: &Model<'_>) -> TokenStream {
    let Model {
        ident,
        generics,
        table,
        krate,
        fields,
    } = model;
    let diesel = quote!(#krate::__private::diesel);
    let (impl_generics, ty_generics, where_clause) = generics.split_for_impl();

    let converted: Vec<_> = fields.iter().filter_map(converted).collect();
    let embedded: Vec<_> = fields.iter().filter_map(embedded).collect();
    let converted_types = converted.iter().map(|(_, ty)| ty);
    let converted_values = converted.iter().map(|(field, ty)| {
        let member = &field.member;
        quote_spanned! {field.ty.span()=>
            ::core::convert::Into::<#ty>::into(::core::clone::Clone::clone(&self.#member))
        }
    });
    let embedded_types = embedded.iter().map(|field| field.ty);
    let embedded_values = embedded.iter().map(|field| {
        let member = &field.member;
        let ty = field.ty;
        quote!(<#ty as #krate::Seedable>::row(&self.#member))
    });

    let keys = fields.iter().map(|Field { ty, kind, .. }| match kind {
        Kind::Column { column } | Kind::SerializeAs { column, .. } => quote!(#table::#column),
        Kind::Embed => quote!(<#ty as #krate::Seedable>::Key),
    });
    let names = fields.iter().map(|Field { ty, kind, .. }| match kind {
        Kind::Column { column } | Kind::SerializeAs { column, .. } => quote! {
            names.push(<#table::#column as #diesel::query_source::Column>::NAME);
        },
        Kind::Embed => quote!(<#ty as #krate::Seedable>::columns(names);),
    });

    let seed_row = seed_row(model, &diesel);
    let checks = checks(model, &diesel);

    quote! {
        #[allow(non_local_definitions, clippy::all, clippy::pedantic, clippy::nursery)]
        const _: () = {
            #[automatically_derived]
            impl #impl_generics #krate::Seedable for #ident #ty_generics #where_clause {
                type Table = #table::table;
                type Key = (#table::table, (#(#keys,)*));
                type Row<'__row> = (
                    &'__row Self,
                    (#(#converted_types,)*),
                    (#(<#embedded_types as #krate::Seedable>::Row<'__row>,)*),
                )
                where
                    Self: '__row;

                fn columns(names: &mut ::std::vec::Vec<&'static str>) {
                    #(#names)*
                }

                fn row(&self) -> Self::Row<'_> {
                    (self, (#(#converted_values,)*), (#(#embedded_values,)*))
                }
            }

            #seed_row
            #checks
        };
    }
}

/// The impl for every backend that can store the columns: the bounds are on the generic
/// backend, so a type that one backend lacks is no error until a seed meets that backend.
fn seed_row(model: &Model<'_>, diesel: &TokenStream) -> TokenStream {
    let Model {
        ident,
        generics,
        table,
        krate,
        fields,
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

    let mut visits = Vec::new();
    let (mut conversions, mut embeds) = (0, 0);
    for Field { member, ty, kind } in fields {
        let (column, stored, value) = match kind {
            Kind::Column { column } => (column, *ty, quote!(&row.0.#member)),
            Kind::SerializeAs { column, ty } => {
                let position = Index::from(conversions);
                conversions += 1;
                (column, ty, quote!(&row.1.#position))
            }
            Kind::Embed => {
                let position = Index::from(embeds);
                embeds += 1;
                bounds
                    .predicates
                    .push(parse_quote!(#ty: #krate::__private::SeedRow<__DB>));
                visits.push(quote! {
                    <#ty as #krate::__private::SeedRow<__DB>>::visit(&row.2.#position, visitor)?;
                });
                continue;
            }
        };
        let sql_type = quote!(#diesel::dsl::SqlTypeOf<#table::#column>);
        bounds
            .predicates
            .push(parse_quote!(__DB: #diesel::sql_types::HasSqlType<#sql_type>));
        bounds
            .predicates
            .push(parse_quote!(#stored: #diesel::serialize::ToSql<#sql_type, __DB>));
        visits.push(quote! {
            #krate::__private::ColumnVisitor::column::<#sql_type, #stored>(visitor, #value)?;
        });
    }
    let (impl_generics, _, where_clause) = generics.split_for_impl();

    quote! {
        #[automatically_derived]
        impl #impl_generics #krate::__private::SeedRow<__DB> for #ident #ty_generics
        #where_clause
        {
            fn visit<'__value, __V>(
                row: &'__value <Self as #krate::Seedable>::Row<'_>,
                visitor: &mut __V,
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

/// Compares each field's type with its column's at the derive, where the field is; without
/// this a mistake would show only where the struct is seeded. A type that depends on a
/// parameter can only be checked there.
fn checks(model: &Model<'_>, diesel: &TokenStream) -> TokenStream {
    let table = &model.table;
    let checks = model.fields.iter().filter_map(|field| {
        let (column, ty) = match &field.kind {
            Kind::Column { column } => (column, field.ty),
            Kind::SerializeAs { column, ty } => (column, ty),
            Kind::Embed => return None,
        };
        let check = quote_spanned! {ty.span()=>
            __fits_column::<#diesel::dsl::SqlTypeOf<#table::#column>, #ty>();
        };
        (!mentions_parameter(ty, model.generics)).then_some(check)
    });
    let lifetimes = model.generics.lifetimes();
    quote! {
        #[allow(dead_code, clippy::extra_unused_lifetimes)]
        fn __check<#(#lifetimes),*>() {
            fn __fits_column<__ST, __F>()
            where
                __ST: #diesel::sql_types::SqlType + #diesel::expression::TypedExpressionType,
                __F: #diesel::expression::AsExpression<__ST>,
            {
            }
            #(#checks)*
        }
    }
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
            TokenTree::Ident(ident) => names.iter().any(|name| **name == ident),
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
