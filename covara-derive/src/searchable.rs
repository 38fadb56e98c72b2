//! The derive `Searchable`.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Error, Expr, Ident, LitStr, Member, Path, Result, Type};

use crate::attr::{FieldAttrs, StructAttrs, items, value};
use crate::model::Errors;

const KINDS: [&str; 7] = [
    "text", "keyword", "keywords", "integer", "float", "boolean", "date",
];

/// The validated model of a struct.
pub(crate) struct Searchable<'i> {
    input: &'i DeriveInput,
    table: Path,
    index: String,
    krate: TokenStream,
    id: Field<'i>,
    fields: Vec<Field<'i>>,
}

struct Field<'i> {
    member: Member,
    ty: &'i Type,
    column: Ident,
    /// The name of the document's field.
    name: String,
    /// The expression of the index's `Field`; empty for the id.
    options: TokenStream,
}

impl<'i> Searchable<'i> {
    pub(crate) fn parse(input: &'i DeriveInput) -> Result<Self> {
        let mut errors = Errors::default();
        let attrs = StructAttrs::parse(input, &mut errors);
        let (mut krate, mut index) = (None, None);
        for item in items(&input.attrs, "searchable", &mut errors) {
            match item {
                StructItem::Crate(name, path) => errors.set_once(&mut krate, &name, path),
                StructItem::Index(name, text) => errors.set_once(&mut index, &name, text),
            }
        }
        let Data::Struct(data) = &input.data else {
            return Err(Error::new(
                input.ident.span(),
                "`Searchable` can be derived for structs only: a row has a field per column",
            ));
        };
        let mut id = None;
        let mut fields = Vec::new();
        for (field, member) in data.fields.iter().zip(data.fields.members()) {
            let all = items::<FieldItem>(&field.attrs, "searchable", &mut errors);
            let attrs = FieldAttrs::parse(&field.attrs, &mut errors);
            let Some(first) = all.first() else {
                continue;
            };
            let Some(column) = attrs.column_name.or_else(|| field.ident.clone()) else {
                errors.add(Error::new_spanned(
                    &field.ty,
                    "a field without a name needs `#[diesel(column_name = …)]`",
                ));
                continue;
            };
            let mut found = Field {
                member,
                ty: &field.ty,
                name: field.ident.as_ref().unwrap_or(&column).unraw().to_string(),
                column,
                options: TokenStream::new(),
            };
            if let FieldItem::Id(name) = first {
                errors.set_once(&mut id, name, found);
                continue;
            }
            found.options = options(&all, &mut errors);
            fields.push(found);
        }
        if errors.is_empty() {
            if id.is_none() {
                errors.add(Error::new(
                    input.ident.span(),
                    "no field is marked as the id; mark the table's key with `#[searchable(id)]`",
                ));
            }
            if fields.is_empty() {
                errors.add(Error::new(
                    input.ident.span(),
                    "there is nothing to search; mark a field with `#[searchable(text)]`",
                ));
            }
        }
        errors.finish()?;
        let table: Path = attrs
            .table_name
            .unwrap_or_else(|| input.ident.clone().into());
        let index = match index {
            Some(index) => index,
            None => table
                .segments
                .last()
                .map(|name| name.ident.unraw().to_string())
                .unwrap_or_default(),
        };
        let krate = krate
            .or(attrs.krate)
            .map_or_else(|| quote!(::covara_diesel), Path::into_token_stream);
        let id =
            id.ok_or_else(|| Error::new(input.ident.span(), "no field is marked as the id"))?;
        Ok(Self {
            input,
            table,
            index,
            krate,
            id,
            fields,
        })
    }

    pub(crate) fn expand(&self) -> TokenStream {
        let Self {
            input,
            table,
            index,
            krate,
            id,
            fields,
        } = self;
        let ident = &input.ident;
        let (impl_generics, ty_generics, where_clause) = input.generics.split_for_impl();
        let diesel = quote!(#krate::__private::diesel);
        let json = quote!(#krate::__private::serde_json);
        let names: Vec<&String> = fields.iter().map(|field| &field.name).collect();
        let options = fields.iter().map(|field| &field.options);
        let columns = fields.iter().map(|field| &field.column);
        let values = fields.iter().map(|Field { member, ty, .. }| {
            let span = proc_macro2::Span::call_site().located_at(ty.span());
            quote_spanned!(span=> #json::to_value(&self.#member)?)
        });
        let id_member = &id.member;
        let id_column = &id.column;
        let id_span = proc_macro2::Span::call_site().located_at(id.ty.span());
        let id_text = quote_spanned! {id_span=>
            ::std::string::ToString::to_string(&self.#id_member)
        };
        quote! {
            #[allow(non_local_definitions, clippy::all, clippy::pedantic, clippy::nursery)]
            const _: () = {
                use #krate::search as __search;

                #[automatically_derived]
                impl #impl_generics __search::Searchable for #ident #ty_generics #where_clause {
                    const INDEX: &'static ::core::primitive::str = #index;

                    type Table = #table::table;

                    fn definition() -> __search::IndexDefinition {
                        __search::IndexDefinition::new()
                            #(.field(#names, __search::Field::#options))*
                    }

                    fn id(&self) -> ::std::string::String {
                        #id_text
                    }

                    fn document(&self) -> #json::Result<#json::Value> {
                        let mut __values = #json::Map::new();
                        #(
                            __values.insert(
                                <::std::string::String as ::core::convert::From<&::core::primitive::str>>::from(#names),
                                #values,
                            );
                        )*
                        ::core::result::Result::Ok(#json::Value::Object(__values))
                    }

                    fn key() -> &'static ::core::primitive::str {
                        <#table::#id_column as #diesel::query_source::Column>::NAME
                    }

                    fn columns() -> ::std::vec::Vec<&'static ::core::primitive::str> {
                        ::std::vec![
                            #(<#table::#columns as #diesel::query_source::Column>::NAME),*
                        ]
                    }
                }
            };
        }
    }
}

/// Generates an expression such as `text().weight(2.0)`.
fn options(all: &[FieldItem], errors: &mut Errors) -> TokenStream {
    let mut kind: Option<Ident> = None;
    let mut calls = TokenStream::new();
    for item in all {
        match item {
            FieldItem::Id(name) => errors.add(Error::new(
                name.span(),
                "the id is not a field of the document; remove the other attribute",
            )),
            FieldItem::Kind(name) => errors.set_once(&mut kind, name, name.clone()),
            FieldItem::Weight(weight) => calls.extend(quote!(.weight(#weight as f64))),
            FieldItem::Language(language) => {
                calls.extend(quote!(.language(__search::Language::#language)));
            }
            FieldItem::Flag(name) => calls.extend(quote!(.#name())),
        }
    }
    if kind.is_none()
        && let Some(first) = all.first()
    {
        errors.add(Error::new(
            first.span(),
            format!(
                "the kind of the field is missing; it is one of {}",
                KINDS.join(", ")
            ),
        ));
    }
    quote!(#kind() #calls)
}

enum StructItem {
    Crate(Ident, Path),
    Index(Ident, String),
}

impl Parse for StructItem {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let name: Ident = input.call(Ident::parse_any)?;
        match name.to_string().as_str() {
            "crate" => {
                let path = value(input, &name, "crate = path::to::covara_diesel")?;
                Ok(Self::Crate(name, path))
            }
            "index" => {
                let text: LitStr = value(input, &name, "index = \"cities\"")?;
                let index = text.value();
                let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_';
                if index.is_empty() || !index.chars().all(allowed) {
                    return Err(Error::new(
                        text.span(),
                        format!("`{index}` cannot name an index: use letters A to Z, digits and _"),
                    ));
                }
                Ok(Self::Index(name, index))
            }
            _ => Err(Error::new(
                name.span(),
                format!(
                    "unknown searchable attribute `{name}` on a struct; known are \
                     `index = \"name\"` and `crate = path`"
                ),
            )),
        }
    }
}

enum FieldItem {
    Id(Ident),
    Kind(Ident),
    Weight(Expr),
    Language(Ident),
    /// `keep_accents`, `unsearched`, `fuzzy` or `joined`.
    Flag(Ident),
}

impl FieldItem {
    fn span(&self) -> proc_macro2::Span {
        match self {
            Self::Id(name) | Self::Kind(name) | Self::Language(name) | Self::Flag(name) => {
                name.span()
            }
            Self::Weight(weight) => weight.span(),
        }
    }
}

impl Parse for FieldItem {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let name: Ident = input.call(Ident::parse_any)?;
        match name.to_string().as_str() {
            "id" => Ok(Self::Id(name)),
            "weight" => Ok(Self::Weight(value(input, &name, "weight = 2.0")?)),
            "language" => Ok(Self::Language(value(input, &name, "language = English")?)),
            "keep_accents" | "unsearched" | "fuzzy" | "joined" => Ok(Self::Flag(name)),
            kind if KINDS.contains(&kind) => Ok(Self::Kind(name)),
            _ => Err(Error::new(
                name.span(),
                format!(
                    "unknown searchable attribute `{name}` on a field; known are `id`, `{}`, \
                     `weight`, `language`, `keep_accents`, `unsearched`, `fuzzy` and `joined`",
                    KINDS.join("`, `")
                ),
            )),
        }
    }
}
