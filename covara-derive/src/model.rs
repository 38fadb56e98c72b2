//! The validated model of a struct, built after all mistakes have been reported.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::{Data, DeriveInput, Error, Fields, Generics, Ident, Member, Path, Result, Type};

use crate::attr::{FieldAttrs, StructAttrs};

pub(crate) struct Model<'i> {
    pub(crate) ident: &'i Ident,
    pub(crate) generics: &'i Generics,
    /// The `table!` module.
    pub(crate) table: Path,
    /// The path of covara-diesel.
    pub(crate) krate: TokenStream,
    pub(crate) fields: Vec<Field<'i>>,
    /// The columns by which rows are updated.
    pub(crate) conflict: Vec<Ident>,
    /// The fields that are not seeded.
    pub(crate) skipped: Vec<(Member, &'i Type)>,
}

pub(crate) struct Field<'i> {
    pub(crate) member: Member,
    pub(crate) ty: &'i Type,
    pub(crate) kind: Kind,
    /// `true` if values in files are parsed by the type's `FromStr`.
    pub(crate) from_str: bool,
}

pub(crate) enum Kind {
    Column { column: Ident },
    SerializeAs { column: Ident, ty: Box<Type> },
    Embed,
}

impl Field<'_> {
    /// Returns the column and the type stored in it, unless the field has several columns.
    pub(crate) fn stored(&self) -> Option<(&Ident, &Type)> {
        match &self.kind {
            Kind::Column { column } => Some((column, self.ty)),
            Kind::SerializeAs { column, ty } => Some((column, ty.as_ref())),
            Kind::Embed => None,
        }
    }
}

/// The mistakes found so far, so that all are reported at once.
#[derive(Default)]
pub(crate) struct Errors(Vec<Error>);

impl Errors {
    pub(crate) fn add(&mut self, error: Error) {
        self.0.push(error);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn len(&self) -> usize {
        self.0.len()
    }

    /// Sets `slot`, or reports the second attribute of the same name.
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

    pub(crate) fn finish(self) -> Result<()> {
        let all = self.0.into_iter().reduce(|mut all, error| {
            all.combine(error);
            all
        });
        all.map_or(Ok(()), Err)
    }
}

impl<'i> Model<'i> {
    pub(crate) fn parse(input: &'i DeriveInput) -> Result<Self> {
        let mut errors = Errors::default();
        let attrs = StructAttrs::parse(input, &mut errors);
        let (fields, skipped) = match &input.data {
            Data::Struct(data) => fields(input, &data.fields, &mut errors),
            Data::Enum(_) | Data::Union(_) => {
                return Err(Error::new(
                    input.ident.span(),
                    "`Seedable` can be derived for structs only: a row has a field per column",
                ));
            }
        };
        let conflict = attrs.conflict.unwrap_or_default();
        check_conflict(&conflict, &fields, &mut errors);
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
            conflict,
            skipped,
        })
    }
}

/// Checks that the columns by which rows are updated are columns of the struct. Those of embedded
/// structs are not known; such a column is looked for when the seed runs.
fn check_conflict(conflict: &[Ident], fields: &[Field<'_>], errors: &mut Errors) {
    let has_embedded = fields.iter().any(|field| matches!(field.kind, Kind::Embed));
    for (position, column) in conflict.iter().enumerate() {
        let name = column.unraw();
        let mut stored = fields.iter().filter_map(Field::stored);
        if !has_embedded && !stored.any(|(stored, _)| stored.unraw() == name) {
            errors.add(Error::new(
                column.span(),
                format!("`{name}` is not a column of a field of this struct"),
            ));
        }
        if conflict[..position].contains(column) {
            errors.add(Error::new(
                column.span(),
                format!("`{name}` is given twice; remove this one"),
            ));
        }
    }
}

type Found<'i> = (Vec<Field<'i>>, Vec<(Member, &'i Type)>);

fn fields<'i>(input: &DeriveInput, fields: &'i Fields, errors: &mut Errors) -> Found<'i> {
    let (mut seeded, mut skipped) = (false, Vec::new());
    let mut columns: Vec<Ident> = Vec::new();
    let mut found = Vec::new();
    for (field, member) in fields.iter().zip(fields.members()) {
        let errors_before = errors.len();
        let attrs = FieldAttrs::parse(&field.attrs, errors);
        if let (Some(from_str), true) = (
            &attrs.from_str,
            attrs.skip_insertion.is_some() || attrs.embed.is_some(),
        ) {
            errors.add(Error::new(
                from_str.span(),
                "`from_str` is for a field that is a column; remove it or the other attribute",
            ));
        }
        if attrs.skip_insertion.is_some() {
            skipped.push((member, &field.ty));
            continue;
        }
        seeded = true;
        if errors.len() > errors_before {
            // Further mistakes in this field may only follow from those reported.
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
                errors.add(Error::new_spanned(
                    &field.ty,
                    "a field without a name needs `#[diesel(column_name = …)]`",
                ));
                continue;
            };
            let name = column.unraw();
            if columns.contains(&name) {
                errors.add(Error::new(
                    column.span(),
                    format!("column `{name}` already has a field"),
                ));
            }
            columns.push(name);
            match attrs.serialize_as {
                Some(ty) => Kind::SerializeAs {
                    column,
                    ty: Box::new(ty),
                },
                None => Kind::Column { column },
            }
        };
        found.push(Field {
            member,
            ty: &field.ty,
            kind,
            from_str: attrs.from_str.is_some(),
        });
    }
    if !seeded {
        errors.add(Error::new(
            input.ident.span(),
            "there is no column to seed; add a field that is not skipped",
        ));
    }
    (found, skipped)
}
