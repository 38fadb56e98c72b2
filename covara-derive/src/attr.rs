//! Parsing of `#[diesel(…)]` and `#[seedable(…)]`.

use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{
    Attribute, DeriveInput, Error, Expr, Ident, LitStr, Path, Result, Token, Type, parenthesized,
    token,
};

use crate::model::Errors;

/// The attributes of Diesel that the derive uses; other attributes belong to other derives.
#[derive(Default)]
pub(crate) struct StructAttrs {
    pub(crate) table_name: Option<Path>,
    pub(crate) krate: Option<Path>,
    /// The columns by which rows are updated.
    pub(crate) conflict: Option<Vec<Ident>>,
}

#[derive(Default)]
pub(crate) struct FieldAttrs {
    pub(crate) column_name: Option<Ident>,
    pub(crate) embed: Option<Ident>,
    pub(crate) serialize_as: Option<Type>,
    pub(crate) skip_insertion: Option<Ident>,
    pub(crate) from_str: Option<Ident>,
}

impl StructAttrs {
    pub(crate) fn parse(input: &DeriveInput, errors: &mut Errors) -> Self {
        let mut attrs = Self::default();
        for item in items::<StructItem>(&input.attrs, "diesel", errors) {
            if let StructItem::TableName(name, path) = item {
                errors.set_once(&mut attrs.table_name, &name, path);
            }
        }
        // An attribute that could not be parsed may have been meant to name the table.
        if attrs.table_name.is_none() && errors.is_empty() {
            errors.add(Error::new(
                input.ident.span(),
                "no table is named; add `#[diesel(table_name = your_table)]`",
            ));
        }
        for item in items(&input.attrs, "seedable", errors) {
            match item {
                SeedableItem::Crate(name, path) => {
                    errors.set_once(&mut attrs.krate, &name, path);
                }
                SeedableItem::Conflict(name, columns) => {
                    errors.set_once(&mut attrs.conflict, &name, columns);
                }
            }
        }
        attrs
    }
}

impl FieldAttrs {
    pub(crate) fn parse(attributes: &[Attribute], errors: &mut Errors) -> Self {
        let mut attrs = Self::default();
        for item in items(attributes, "diesel", errors) {
            match item {
                FieldItem::ColumnName(name, column) => {
                    errors.set_once(&mut attrs.column_name, &name, column);
                }
                FieldItem::Embed(name) => {
                    errors.set_once(&mut attrs.embed, &name, name.clone());
                }
                FieldItem::SerializeAs(name, ty) => {
                    errors.set_once(&mut attrs.serialize_as, &name, ty);
                }
                FieldItem::SkipInsertion(name) => {
                    errors.set_once(&mut attrs.skip_insertion, &name, name.clone());
                }
                FieldItem::Other => {}
            }
        }
        for FromStrItem(name) in items(attributes, "seedable", errors) {
            errors.set_once(&mut attrs.from_str, &name, name.clone());
        }
        attrs
    }
}

/// Returns the items of all `#[name(…)]` among `attributes`.
pub(crate) fn items<T: Parse>(attributes: &[Attribute], name: &str, errors: &mut Errors) -> Vec<T> {
    let mut found = Vec::new();
    for attribute in attributes.iter().filter(|a| a.path().is_ident(name)) {
        match attribute.parse_args_with(Punctuated::<T, Token![,]>::parse_terminated) {
            Ok(items) => found.extend(items),
            Err(error) => errors.add(error),
        }
    }
    found
}

enum StructItem {
    TableName(Ident, Path),
    Other,
}

impl Parse for StructItem {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let name: Ident = input.parse()?;
        match name.to_string().as_str() {
            "table_name" => {
                let path = value(input, &name, "table_name = cities")?;
                return Ok(Self::TableName(name, path));
            }
            "aggregate" | "not_sized" | "foreign_derive" => {}
            "sql_type" | "error_type" | "base_query_type" => {
                value::<Type>(input, &name, "… = Type")?;
            }
            "treat_none_as_default_value" | "treat_none_as_null" | "base_query" => {
                value::<Expr>(input, &name, "… = value")?;
            }
            "belongs_to" | "mysql_type" | "sqlite_type" | "postgres_type" | "primary_key"
            | "check_for_backend" => arguments(input)?,
            _ => return Err(unknown(&name, "a struct", "table_name")),
        }
        Ok(Self::Other)
    }
}

enum FieldItem {
    ColumnName(Ident, Ident),
    Embed(Ident),
    SerializeAs(Ident, Type),
    SkipInsertion(Ident),
    Other,
}

impl Parse for FieldItem {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let name: Ident = input.parse()?;
        match name.to_string().as_str() {
            "column_name" => {
                let ColumnName(column) = value(input, &name, "column_name = country_code")?;
                return Ok(Self::ColumnName(name, column));
            }
            "embed" => return Ok(Self::Embed(name)),
            "serialize_as" => {
                let ty = value(input, &name, "serialize_as = Type")?;
                return Ok(Self::SerializeAs(name, ty));
            }
            "skip_insertion" => return Ok(Self::SkipInsertion(name)),
            "skip_update" => {}
            "sql_type" | "deserialize_as" | "select_expression_type" => {
                value::<Type>(input, &name, "… = Type")?;
            }
            "treat_none_as_default_value" | "treat_none_as_null" | "select_expression" => {
                value::<Expr>(input, &name, "… = value")?;
            }
            _ => {
                return Err(unknown(
                    &name,
                    "a field",
                    "column_name, embed, serialize_as and skip_insertion",
                ));
            }
        }
        Ok(Self::Other)
    }
}

/// A column, as Diesel accepts it: an identifier or a string.
struct ColumnName(Ident);

impl Parse for ColumnName {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let (name, span) = if input.peek(LitStr) {
            let text: LitStr = input.parse()?;
            (text.value(), text.span())
        } else {
            let ident = input.call(Ident::parse_any)?.unraw();
            (ident.to_string(), ident.span())
        };
        // A raw identifier, as the column's name may be a keyword.
        let mut ident: Ident = syn::parse_str(&format!("r#{name}")).map_err(|_| {
            Error::new(
                span,
                format!("`{name}` cannot name a column; give its name in the `table!`"),
            )
        })?;
        ident.set_span(span);
        Ok(Self(ident))
    }
}

enum SeedableItem {
    Crate(Ident, Path),
    Conflict(Ident, Vec<Ident>),
}

impl Parse for SeedableItem {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let name: Ident = input.call(Ident::parse_any)?;
        match name.to_string().as_str() {
            "crate" => {
                let path = value(input, &name, "crate = path::to::covara_diesel")?;
                Ok(Self::Crate(name, path))
            }
            "conflict" if input.peek(token::Paren) => {
                let content;
                parenthesized!(content in input);
                let columns = Punctuated::<ColumnName, Token![,]>::parse_terminated(&content)?;
                if columns.is_empty() {
                    return Err(Error::new(
                        name.span(),
                        "`conflict` needs a column, as in `conflict(email, tenant)`",
                    ));
                }
                let columns = columns.into_iter().map(|ColumnName(column)| column);
                Ok(Self::Conflict(name, columns.collect()))
            }
            "conflict" => {
                let ColumnName(column) = value(input, &name, "conflict = email")?;
                Ok(Self::Conflict(name, vec![column]))
            }
            _ => Err(Error::new(
                name.span(),
                format!(
                    "unknown seedable attribute `{name}` on a struct; known are `crate = path` \
                     and `conflict = column`, and `from_str` on a field"
                ),
            )),
        }
    }
}

struct FromStrItem(Ident);

impl Parse for FromStrItem {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let name: Ident = input.call(Ident::parse_any)?;
        if name != "from_str" {
            return Err(Error::new(
                name.span(),
                format!(
                    "unknown seedable attribute `{name}` on a field; known is `from_str`, and \
                     `crate = path` and `conflict = column` on the struct"
                ),
            ));
        }
        Ok(Self(name))
    }
}

/// Parses the value after `name =`.
pub(crate) fn value<T: Parse>(input: ParseStream<'_>, name: &Ident, example: &str) -> Result<T> {
    if !input.peek(Token![=]) {
        return Err(Error::new(
            name.span(),
            format!("`{name}` needs a value, as in `{example}`"),
        ));
    }
    input.parse::<Token![=]>()?;
    input.parse()
}

/// Skips `(…)`, which another derive parses.
fn arguments(input: ParseStream<'_>) -> Result<()> {
    let content;
    parenthesized!(content in input);
    content.parse::<proc_macro2::TokenStream>().map(drop)
}

fn unknown(name: &Ident, place: &str, known: &str) -> Error {
    Error::new(
        name.span(),
        format!(
            "unknown diesel attribute `{name}` on {place}; Seedable reads {known}, and \
             leaves Diesel's others alone"
        ),
    )
}
