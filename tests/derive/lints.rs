//! What the derive writes is no reason for a warning, however strict the crate is.

#![deny(
    warnings,
    let_underscore,
    nonstandard_style,
    unused,
    elided_lifetimes_in_paths,
    explicit_outlives_requirements,
    macro_use_extern_crate,
    meta_variable_misuse,
    missing_copy_implementations,
    missing_debug_implementations,
    missing_docs,
    redundant_lifetimes,
    single_use_lifetimes,
    trivial_casts,
    trivial_numeric_casts,
    unit_bindings,
    unnameable_types,
    unreachable_pub,
    unsafe_code,
    unused_import_braces,
    unused_lifetimes,
    unused_macro_rules,
    unused_qualifications,
    unused_results,
    variant_size_differences,
    clippy::all,
    clippy::pedantic,
    clippy::nursery,
    clippy::absolute_paths,
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    clippy::clone_on_ref_ptr,
    clippy::expect_used,
    clippy::min_ident_chars,
    clippy::missing_docs_in_private_items,
    clippy::missing_inline_in_public_items,
    clippy::missing_trait_methods,
    clippy::multiple_inherent_impl,
    clippy::same_name_method,
    clippy::single_char_lifetime_names,
    clippy::std_instead_of_core,
    clippy::unwrap_used
)]

use core::error::Error;

mod schema {
    diesel::table! {
        lints (id) {
            id -> Integer,
            name -> Text,
            group_name -> Nullable<Text>,
            level -> Integer,
        }
    }
}

/// Each kind of field, with conversions that lints call needless.
#[derive(Clone, Copy, Debug, covara_diesel::Seedable)]
#[diesel(table_name = schema::lints)]
struct Lint<'text, Level: Clone> {
    /// Converted to what it is.
    #[diesel(serialize_as = i32)]
    id: i32,
    /// Converted from something that is `Copy`.
    #[diesel(serialize_as = String)]
    name: &'text str,
    /// A row of its own.
    #[diesel(embed)]
    group: Group<'text>,
    /// Of any type.
    level: Level,
}

/// A part of a row.
#[derive(Clone, Copy, Debug, covara_diesel::Seedable)]
#[diesel(table_name = schema::lints)]
struct Group<'text>(
    /// The only column.
    #[diesel(column_name = group_name)]
    Option<&'text str>,
);

#[test]
fn strict_lints() -> Result<(), Box<dyn Error>> {
    use covara_diesel::Seedable as _;
    use diesel::prelude::*;

    let mut conn = crate::database(
        "CREATE TABLE lints (
            id INTEGER PRIMARY KEY, name TEXT NOT NULL, group_name TEXT, level INTEGER NOT NULL
        )",
    );
    let lint = Lint {
        id: 1,
        name: "unused",
        group: Group(None),
        level: 2,
    };
    let _summary = Lint::seed(&mut conn, &[lint])?;

    let stored: Vec<(i32, String, Option<String>, i32)> = schema::lints::table.load(&mut conn)?;
    assert_eq!(stored, [(1, "unused".to_owned(), None, 2)]);
    Ok(())
}
