//! Structs that are read from files.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use covara_diesel::fixture::{Cell, FixtureValue};
use covara_diesel::{Seed, Seedable};
use diesel::backend::Backend;
use diesel::deserialize::FromSqlRow;
use diesel::expression::AsExpression;
use diesel::prelude::*;
use diesel::serialize::{self, Output, ToSql};
use diesel::sql_types::Text;

use crate::database;

diesel::table! {
    users (id) {
        id -> Integer,
        name -> Text,
        email -> Nullable<Text>,
        city -> Nullable<Text>,
        role -> Text,
    }
}

const CREATE: &str = "CREATE TABLE users (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT, city TEXT,
    role TEXT NOT NULL DEFAULT 'guest'
)";

type Row = (i32, String, Option<String>, Option<String>, String);

fn stored(conn: &mut SqliteConnection) -> Vec<Row> {
    users::table.order(users::id).load(conn).expect("the users")
}

/// A type of the user's own, by its own rule.
#[derive(Debug, Clone, AsExpression, FromSqlRow)]
#[diesel(sql_type = Text)]
struct Role(String);

impl<DB: Backend> ToSql<Text, DB> for Role
where
    String: ToSql<Text, DB>,
{
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, DB>) -> serialize::Result {
        self.0.to_sql(out)
    }
}

impl FixtureValue for Role {
    fn from_cell(cell: &Cell<'_>) -> Option<Self> {
        let known = ["admin", "guest"];
        let name = cell.text()?;
        known.contains(&name).then(|| Self(name.to_uppercase()))
    }

    fn expected() -> String {
        "admin or guest".to_owned()
    }
}

/// A type as other crates have them: it knows `FromStr`.
#[derive(Debug, Clone, AsExpression, FromSqlRow)]
#[diesel(sql_type = Text)]
struct Address(String);

struct NoAddress;

impl fmt::Display for NoAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no @ in it")
    }
}

impl FromStr for Address {
    type Err = NoAddress;

    fn from_str(text: &str) -> Result<Self, NoAddress> {
        text.contains('@')
            .then(|| Self(text.to_lowercase()))
            .ok_or(NoAddress)
    }
}

impl<DB: Backend> ToSql<Text, DB> for Address
where
    String: ToSql<Text, DB>,
{
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, DB>) -> serialize::Result {
        self.0.to_sql(out)
    }
}

#[derive(Debug, Clone)]
struct Quiet(String);

impl From<Quiet> for String {
    fn from(quiet: Quiet) -> Self {
        quiet.0.to_uppercase()
    }
}

impl FixtureValue for Quiet {
    fn from_cell(cell: &Cell<'_>) -> Option<Self> {
        String::from_cell(cell).map(Self)
    }

    fn expected() -> String {
        String::expected()
    }
}

#[derive(Seedable)]
#[diesel(table_name = users)]
struct Person<T> {
    #[diesel(column_name = "name", serialize_as = String)]
    called: Quiet,
    #[diesel(column_name = id)]
    number: T,
}

#[derive(Seedable)]
#[diesel(table_name = users)]
struct User {
    #[diesel(embed)]
    person: Person<i32>,
    #[diesel(skip_insertion)]
    _seen: usize,
    #[seedable(from_str)]
    email: Option<Address>,
    #[diesel(column_name = city)]
    #[seedable(from_str)]
    town: Option<String>,
    role: Role,
}

#[test]
fn all_attributes_mean_the_same_for_files() {
    let mut conn = database(CREATE);
    let csv = "role,id,name,email,city\nadmin,1,Ada,ADA@example.org,\nguest,2,Bob,,Oslo\n";
    let summary = Seed::new().csv::<User>(csv.as_bytes()).run(&mut conn);
    assert_eq!(summary.expect("good rows").inserted(), 2);
    let text = |text: &str| Some(text.to_owned());
    let expected = [
        (
            1,
            "ADA".to_owned(),
            text("ada@example.org"),
            None,
            "ADMIN".to_owned(),
        ),
        (2, "BOB".to_owned(), None, text("Oslo"), "GUEST".to_owned()),
    ];
    assert_eq!(stored(&mut conn), expected);

    for (row, said) in [
        (
            "king,1,Ada,,",
            "column role: found \"king\", expected admin or guest",
        ),
        (
            "guest,1,Ada,home,",
            "column email: found \"home\", expected another value (no @ in it)",
        ),
        (
            "guest,one,Ada,,",
            "column id: found \"one\", expected an integer",
        ),
    ] {
        let csv = format!("role,id,name,email,city\n{row}\n");
        let seed = Seed::new().csv::<User>(csv.as_bytes());
        let error = seed.run(&mut conn).expect_err("a bad row").to_string();
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn tuple_structs_and_cows_are_read() {
    #[derive(Seedable)]
    #[diesel(table_name = users)]
    struct Pair(
        #[diesel(column_name = name)] Cow<'static, str>,
        #[diesel(column_name = id)] i32,
        #[diesel(skip_insertion)] std::marker::PhantomData<u8>,
    );

    let mut conn = database(CREATE);
    let rows = "{\"id\": 7, \"name\": \"Eve\"}";
    let seed = Seed::new().ndjson::<Pair>(rows.as_bytes());
    assert_eq!(seed.run(&mut conn).expect("a good row").inserted(), 1);
    assert_eq!(stored(&mut conn)[0].1, "Eve");
}

/// That a struct cannot be read from a file is no hindrance to seeding it.
#[test]
fn a_struct_that_borrows_is_seeded_as_ever() {
    #[derive(Seedable)]
    #[diesel(table_name = users)]
    struct Borrowed<'a, 'b> {
        id: i32,
        name: &'a str,
        city: Option<&'b str>,
        #[diesel(skip_insertion)]
        _seen: &'a [u8],
    }

    let mut conn = database(CREATE);
    let rows = [Borrowed {
        id: 1,
        name: "Ada",
        city: None,
        _seen: &[],
    }];
    let summary = Borrowed::seed(&mut conn, &rows).expect("a good row");
    assert_eq!(summary.inserted(), 1);
}

#[test]
fn an_option_from_another_macro_is_seen() {
    macro_rules! user {
        ($email:ty) => {
            #[derive(Seedable)]
            #[diesel(table_name = users)]
            struct Made {
                id: i32,
                name: String,
                #[seedable(from_str)]
                email: $email,
            }
        };
    }
    user!(Option<Address>);

    let mut conn = database(CREATE);
    let csv = "id,name,email\n1,Ada,\n";
    let seed = Seed::new().csv::<Made>(csv.as_bytes());
    assert_eq!(seed.run(&mut conn).expect("a good row").inserted(), 1);
}
