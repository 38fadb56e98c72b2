//! Derive macros of [covara-diesel](https://docs.rs/covara-diesel), which re-exports them
//! and documents what they are for.

mod any_database;
mod attr;
mod expand;
mod fixture;
mod lifetimes;
mod model;
mod searchable;

use proc_macro::TokenStream;
use syn::{DeriveInput, ItemImpl, parse_macro_input};

/// Makes a struct seedable: `Seed` and `Struct::seed` insert rows of it, ignoring those
/// that are there already.
///
/// On the struct:
///
/// - `#[diesel(table_name = path)]`, required: the `table!` the rows go to.
/// - `#[seedable(crate = path)]`: where covara-diesel is, if not at `::covara_diesel`.
///
/// On a field, each with its meaning in Diesel's `Insertable`:
///
/// - `#[diesel(column_name = name)]`: the column, if it is not named as the field; required
///   in a tuple struct.
/// - `#[diesel(embed)]`: the field is itself `Seedable` for the same table.
/// - `#[diesel(serialize_as = Type)]`: the field is cloned and converted with `Into` first.
/// - `#[diesel(skip_insertion)]`: the column is left to its default.
/// - `#[seedable(from_str)]`: values in files are read by the type's `FromStr`; for types of
///   other crates, such as `uuid::Uuid`, and `Option`s of them.
///
/// Diesel's other attributes are for other derives and are left alone.
#[proc_macro_derive(Seedable, attributes(diesel, seedable))]
pub fn derive_seedable(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    model::Model::parse(&input)
        .map(|model| expand::seedable(&model))
        .unwrap_or_else(|error| error.to_compile_error())
        .into()
}

/// Of covara-diesel's own: see the module.
#[doc(hidden)]
#[proc_macro_attribute]
pub fn any_database(_: TokenStream, item: TokenStream) -> TokenStream {
    let methods = parse_macro_input!(item as ItemImpl);
    any_database::expand(methods)
        .unwrap_or_else(|error| error.to_compile_error())
        .into()
}

/// Makes a struct searchable: `SearchAdapter::index_rows` indexes rows of it, and
/// `SearchAdapter::follow` keeps an index of its table current.
///
/// On the struct:
///
/// - `#[diesel(table_name = path)]`, required: the `table!` the rows are of.
/// - `#[searchable(index = "name")]`: the index, if it is not named as the table.
/// - `#[searchable(crate = path)]`: where covara-diesel is, if not at `::covara_diesel`.
///
/// On a field; those without are not indexed:
///
/// - `#[searchable(id)]`, required once: the table's key, which is the document's id as text.
/// - `#[searchable(text)]`, or `keyword`, `integer`, `float`, `boolean` or `date`: what it
///   holds. Its type implements serde's `Serialize`.
/// - Beside it `weight = 2.0`, `language = English`, `keep_accents`, `unsearched`.
/// - `#[diesel(column_name = name)]`: the column, if it is not named as the field.
#[proc_macro_derive(Searchable, attributes(diesel, searchable))]
pub fn derive_searchable(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    searchable::Searchable::parse(&input)
        .map(|searchable| searchable.expand())
        .unwrap_or_else(|error| error.to_compile_error())
        .into()
}
