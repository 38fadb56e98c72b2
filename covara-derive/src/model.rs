//! What the derive knows of a struct, after all mistakes have been told.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Error, Fields, Generics, Ident, Member, Path, Result, Type};

use crate::attr::{FieldAttrs, StructAttrs};

pub(crate) struct Model<'i> {
    pub(crate) ident: &'i Ident,
    pub(crate) generics: &'i Generics,
    /// The `table!` module.
    pub(crate) table: Path,
    /// Where covara-diesel is.
    pub(crate) krate: TokenStream,
    pub(crate) fields: Vec<Field<'i>>,
}

pub(crate) struct Field<'i> {
    pub(crate) member: Member,
    pub(crate) ty: &'i Type,
    pub(crate) kind: Kind,
}

pub(crate) enum Kind {
    Column { column: Ident },
    SerializeAs { column: Ident, ty: Type },
    Embed,
}

/// Collects mistakes, so that all are told at once.
#[derive(Default)]
pub(crate) struct Errors(Option<Error>);

impl Errors {
    pub(crate) fn add(&mut self, error: Error) {
        match &mut self.0 {
            Some(first) => first.combine(error),
            None => self.0 = Some(error),
        }
    }

    /// Sets `slot`, or blames the second attribute of the same name.
    pub(crate) fn set_once<T>(&mut self, slot: &mut Option<T>, name: &Ident, value: T) {
        if slot.is_some() {
            self.add(Error::new(
                name.span(),
                format!("`{name}` is given twice; remove this one"),
            ));
        } else {
            *slot = Some(value);
        }
    }

    fn finish(self) -> Result<()> {
        self.0.map_or(Ok(()), Err)
    }
}

impl<'i> Model<'i> {
    pub(crate) fn parse(input: &'i DeriveInput) -> Result<Self> {
        let mut errors = Errors::default();
        let attrs = StructAttrs::parse(&input.attrs, &mut errors);
        let fields = match &input.data {
            Data::Struct(data) => fields(&data.fields, &mut errors),
            Data::Enum(_) | Data::Union(_) => {
                return Err(Error::new(
                    input.ident.span(),
                    "`Seedable` can be derived for structs only: a row has a field per column",
                ));
            }
        };
        if attrs.table_name.is_none() && errors.0.is_none() {
            errors.add(Error::new(
                input.ident.span(),
                "no table is named; add `#[diesel(table_name = your_table)]`",
            ));
        }
        if fields.is_empty() && errors.0.is_none() {
            errors.add(Error::new(
                input.ident.span(),
                "there is no column to seed; add a field that is not skipped",
            ));
        }
        errors.finish()?;
        Ok(Self {
            ident: &input.ident,
            generics: &input.generics,
            table: attrs
                .table_name
                .unwrap_or_else(|| input.ident.clone().into()),
            krate: attrs
                .krate
                .map_or_else(|| quote::quote!(::covara_diesel), Path::into_token_stream),
            fields,
        })
    }
}

fn fields<'i>(fields: &'i Fields, errors: &mut Errors) -> Vec<Field<'i>> {
    let mut columns: Vec<Ident> = Vec::new();
    let mut found = Vec::new();
    for (field, member) in fields.iter().zip(fields.members()) {
        let attrs = FieldAttrs::parse(&field.attrs, errors);
        if attrs.skip_insertion.is_some() {
            continue;
        }
        let kind = if let Some(embed) = &attrs.embed {
            if attrs.column_name.is_some() || attrs.serialize_as.is_some() {
                errors.add(Error::new(
                    embed.span(),
                    "`embed` takes its columns from the field's type; remove the other attribute",
                ));
            }
            Kind::Embed
        } else {
            let Some(column) = attrs.column_name.or_else(|| field.ident.clone()) else {
                errors.add(Error::new(
                    field.ty.span(),
                    "a field without a name needs `#[diesel(column_name = …)]`",
                ));
                continue;
            };
            if columns.contains(&column) {
                errors.add(Error::new(
                    column.span(),
                    format!("column `{column}` has a field already"),
                ));
            }
            columns.push(column.clone());
            match attrs.serialize_as {
                Some(ty) => Kind::SerializeAs { column, ty },
                None => Kind::Column { column },
            }
        };
        found.push(Field {
            member,
            ty: &field.ty,
            kind,
        });
    }
    found
}
