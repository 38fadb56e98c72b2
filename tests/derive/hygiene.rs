//! What is in scope where the derive stands does not matter to it.

use diesel::prelude::*;

use crate::database;

diesel::table! {
    entries (id) {
        id -> Integer,
        row -> Text,
        names -> Nullable<Text>,
        visitor -> Text,
    }
}

const CREATE: &str = "CREATE TABLE entries (
    id INTEGER PRIMARY KEY, row TEXT NOT NULL, names TEXT, visitor TEXT NOT NULL
)";

type Row = (i32, String, Option<String>, String);

fn stored(conn: &mut SqliteConnection) -> Vec<Row> {
    entries::table
        .order(entries::id)
        .load(conn)
        .expect("the entries")
}

fn expected() -> [Row; 1] {
    [(1, "r".into(), None, "v".into())]
}

/// Every name the derive could have used means something else, but for the two crates,
/// which are named from their root.
mod shadowed {
    #![allow(
        dead_code,
        non_camel_case_types,
        reason = "only there to be in the way"
    )]

    use super::entries;

    mod std {}
    mod core {}
    mod alloc {}
    mod diesel {}
    mod covara_diesel {}
    mod seed {}
    struct Option;
    struct Some;
    struct None;
    struct Result;
    struct Ok;
    struct Err;
    struct String;
    struct Vec;
    struct Box;
    struct Table;
    struct Key;
    struct DB;
    struct V;
    struct ST;
    trait Into {}
    trait From {}
    trait Clone {}
    trait Default {}
    trait Sized {}
    trait Seed {}
    trait Seedable {}
    trait SeedRow {}
    trait Column {}
    trait ToSql {}
    trait Backend {}
    struct str;

    #[derive(::covara_diesel::Seedable)]
    #[diesel(table_name = entries)]
    pub(super) struct Entry<'a> {
        pub(super) id: i32,
        #[diesel(embed)]
        pub(super) rest: Rest<'a>,
    }

    #[derive(::covara_diesel::Seedable)]
    #[diesel(table_name = entries)]
    pub(super) struct Rest<'a> {
        #[diesel(serialize_as = ::std::string::String)]
        pub(super) row: &'a ::core::primitive::str,
        pub(super) names: ::std::option::Option<::std::string::String>,
        pub(super) visitor: ::std::string::String,
    }
}

#[test]
fn shadowed_names() {
    use covara_diesel::Seedable;

    let mut conn = database(CREATE);
    let entry = shadowed::Entry {
        id: 1,
        rest: shadowed::Rest {
            row: "r",
            names: None,
            visitor: "v".into(),
        },
    };
    shadowed::Entry::seed(&mut conn, &[entry]).expect("a seed");
    assert_eq!(stored(&mut conn), expected());
}

/// Diesel's `dsl` modules bring a value per column, which no variable may shadow.
mod columns_in_scope {
    use super::entries;
    use super::entries::dsl::*;
    use covara_diesel::Seedable;

    #[derive(Seedable)]
    #[diesel(table_name = entries)]
    pub(super) struct Entry {
        pub(super) id: i32,
        #[diesel(serialize_as = String)]
        pub(super) row: &'static str,
        pub(super) names: Option<String>,
        pub(super) visitor: String,
    }

    pub(super) fn in_scope() -> (row, names, visitor) {
        (row, names, visitor)
    }
}

#[test]
fn columns_named_as_the_derives_variables() {
    use covara_diesel::Seedable;

    let mut conn = database(CREATE);
    let entry = columns_in_scope::Entry {
        id: 1,
        row: "r",
        names: None,
        visitor: "v".into(),
    };
    columns_in_scope::Entry::seed(&mut conn, &[entry]).expect("a seed");
    let (row, names, visitor) = columns_in_scope::in_scope();
    let stored: Vec<(String, Option<String>, String)> = entries::table
        .select((row, names, visitor))
        .load(&mut conn)
        .expect("the entries");
    assert_eq!(stored, [("r".into(), None, "v".into())]);
}

/// The derive stands in the macro, while types come from where it is called: `self` of the
/// one is not `self` of the other.
macro_rules! entry {
    ($name:ident, $table:path, $id:ty, $text:ident, $($null:tt)*) => {
        #[derive(covara_diesel::Seedable)]
        #[diesel(table_name = $table)]
        struct $name<'a> {
            id: $id,
            #[diesel(serialize_as = String)]
            row: $text<'a>,
            names: $($null)*,
            #[diesel(column_name = visitor, serialize_as = $text<'a>)]
            guest: &'a str,
        }
    };
}

#[test]
fn structs_written_by_macros() {
    use covara_diesel::Seedable;

    type Word<'a> = std::borrow::Cow<'a, str>;
    entry!(Entry, entries, i32, Word, Option<String>);

    let mut conn = database(CREATE);
    let entry = Entry {
        id: 1,
        row: "r".into(),
        names: None,
        guest: "v",
    };
    Entry::seed(&mut conn, &[entry]).expect("a seed");
    assert_eq!(stored(&mut conn), expected());
}
