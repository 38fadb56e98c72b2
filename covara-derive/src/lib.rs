//! Derive macros of [covara-diesel](https://docs.rs/covara-diesel), which re-exports and documents
//! them.

mod any_adapter;
mod any_database;
mod attr;
mod expand;
mod fixture;
mod lifetimes;
mod model;
mod searchable;

use proc_macro::TokenStream;
use syn::{DeriveInput, Ident, ItemImpl, ItemTrait, parse_macro_input};

/// Makes a struct seedable: `Seed` and `Struct::seed` insert rows of it, and skip or update existing
/// ones.
///
/// On the struct:
///
/// - `#[diesel(table_name = path)]`, required: the `table!` the rows are inserted into.
/// - `#[seedable(crate = path)]`: the path of covara-diesel, if not `::covara_diesel`.
/// - `#[seedable(conflict = column)]` or `#[seedable(conflict(a, b))]`: the unique column or columns
///   by which rows are updated under `OnConflict::Update`, if not by the primary key.
///
/// On a field, each with its meaning in Diesel's `Insertable`:
///
/// - `#[diesel(column_name = name)]`: the column, if its name differs from the field's; required in
///   a tuple struct.
/// - `#[diesel(embed)]`: the field is itself `Seedable` for the same table.
/// - `#[diesel(serialize_as = Type)]`: the field is cloned and converted with `Into` first.
/// - `#[diesel(skip_insertion)]`: the column gets its default.
/// - `#[seedable(from_str)]`: values in files are parsed by the type's `FromStr`; for types of
///   other crates, such as `uuid::Uuid`, and `Option`s of them.
///
/// Diesel's other attributes belong to other derives and are ignored.
#[proc_macro_derive(Seedable, attributes(diesel, seedable))]
pub fn derive_seedable(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    model::Model::parse(&input)
        .map(|model| expand::seedable(&model))
        .unwrap_or_else(|error| error.to_compile_error())
        .into()
}

/// Used only inside covara-diesel; see the module.
#[doc(hidden)]
#[proc_macro_attribute]
pub fn any_database(database: TokenStream, item: TokenStream) -> TokenStream {
    let database = parse_macro_input!(database as Ident);
    let methods = parse_macro_input!(item as ItemImpl);
    any_database::expand(&database, methods)
        .unwrap_or_else(|error| error.to_compile_error())
        .into()
}

/// Used only inside covara-diesel; see the module.
#[doc(hidden)]
#[proc_macro_attribute]
pub fn any_adapter(adapter: TokenStream, item: TokenStream) -> TokenStream {
    let adapter = parse_macro_input!(adapter as Ident);
    let methods = parse_macro_input!(item as ItemTrait);
    any_adapter::expand(&adapter, &methods)
        .unwrap_or_else(|error| error.to_compile_error())
        .into()
}

/// Makes a struct searchable: `SearchAdapter::index_rows` indexes rows of it, and
/// `SearchAdapter::follow` keeps an index of its table current.
///
/// On the struct:
///
/// - `#[diesel(table_name = path)]`, required: the `table!` of the rows.
/// - `#[searchable(index = "name")]`: the index, if its name differs from the table's.
/// - `#[searchable(crate = path)]`: the path of covara-diesel, if not `::covara_diesel`.
///
/// On a field (fields without these attributes are not indexed):
///
/// - `#[searchable(id)]`, required once: the table's key, whose text is the document's id.
/// - `#[searchable(text)]`, or `keyword`, `keywords`, `integer`, `float`, `boolean` or `date`: the
///   kind of the field. Its type implements serde's `Serialize`.
/// - In addition `weight = 2.0`, `language = English`, `keep_accents`, `unsearched`, `fuzzy`, `joined`.
/// - `#[diesel(column_name = name)]`: the column, if its name differs from the field's.
#[proc_macro_derive(Searchable, attributes(diesel, searchable))]
pub fn derive_searchable(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    searchable::Searchable::parse(&input)
        .map(|searchable| searchable.expand())
        .unwrap_or_else(|error| error.to_compile_error())
        .into()
}
