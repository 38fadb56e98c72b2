//! Diesel's attributes, each with its meaning in `Insertable`.

use covara_diesel::{Seed, Seedable, pool};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
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
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL DEFAULT 'nobody',
    email TEXT DEFAULT 'none@example.org',
    city TEXT,
    role TEXT NOT NULL DEFAULT 'guest'
)";

type Row = (i32, String, Option<String>, Option<String>, String);

fn stored(conn: &mut SqliteConnection) -> Vec<Row> {
    users::table.order(users::id).load(conn).expect("the users")
}

fn row(id: i32, name: &str, email: Option<&str>, city: Option<&str>, role: &str) -> Row {
    let owned = |text: Option<&str>| text.map(str::to_owned);
    (id, name.into(), owned(email), owned(city), role.into())
}

#[test]
fn pooled_connections_take_the_columns_in_the_order_of_the_fields() {
    #[derive(Seedable)]
    #[diesel(table_name = users)]
    struct User {
        role: &'static str,
        email: Option<&'static str>,
        id: i32,
        name: &'static str,
    }

    let pool = pool::sqlite(":memory:").expect("a pool");
    let mut conn = pool.get().expect("a connection");
    conn.batch_execute(CREATE).expect("a table");
    let users = [User {
        role: "admin",
        email: None,
        id: 1,
        name: "Ada",
    }];
    let summary = User::seed(&mut conn, &users).expect("a seed");

    assert_eq!((summary.inserted(), summary.skipped()), (1, 0));
    assert_eq!(
        stored(&mut conn),
        [row(1, "Ada", None, None, "admin")],
        "None is NULL even where the column has a default"
    );
}

#[test]
fn column_name_is_an_identifier_or_a_string() {
    #[derive(Seedable)]
    #[diesel(table_name = users)]
    struct User {
        #[diesel(column_name = id)]
        number: i32,
        #[diesel(column_name = "name")]
        full_name: &'static str,
        // Swapped, so that a derive that went by the fields' names would show.
        #[diesel(column_name = city)]
        email: Option<&'static str>,
        #[diesel(column_name = "email")]
        city: Option<&'static str>,
    }

    let mut conn = database(CREATE);
    let users = [User {
        number: 1,
        full_name: "Ada",
        email: Some("London"),
        city: Some("ada@example.org"),
    }];
    User::seed(&mut conn, &users).expect("a seed");

    assert_eq!(
        stored(&mut conn),
        [row(
            1,
            "Ada",
            Some("ada@example.org"),
            Some("London"),
            "guest"
        )]
    );
}

#[test]
fn skipped_columns_have_their_default() {
    #[derive(Seedable)]
    #[diesel(table_name = users)]
    struct User {
        id: i32,
        #[diesel(skip_insertion)]
        #[expect(dead_code, reason = "never inserted")]
        name: &'static str,
        // Not even a column.
        #[diesel(skip_insertion)]
        #[expect(dead_code, reason = "never inserted")]
        note: std::cell::Cell<u8>,
    }

    let mut conn = database(CREATE);
    let users = [User {
        id: 1,
        name: "Ada",
        note: std::cell::Cell::new(0),
    }];
    User::seed(&mut conn, &users).expect("a seed");

    assert_eq!(
        stored(&mut conn),
        [row(1, "nobody", Some("none@example.org"), None, "guest")]
    );
}

#[test]
fn embedded_rows_may_embed_and_borrow() {
    #[derive(Seedable)]
    #[diesel(table_name = users)]
    struct User<'a> {
        #[diesel(embed)]
        person: Person<'a>,
        id: i32,
        #[diesel(embed)]
        role: Role,
    }

    #[derive(Seedable)]
    #[diesel(table_name = users)]
    struct Person<'a> {
        name: &'a str,
        #[diesel(embed)]
        contact: Contact<'a>,
    }

    #[derive(Seedable)]
    #[diesel(table_name = users)]
    struct Contact<'a> {
        #[diesel(column_name = city)]
        place: Option<&'a str>,
        #[diesel(serialize_as = Lowercase)]
        email: &'a str,
    }

    #[derive(Seedable)]
    #[diesel(table_name = users)]
    struct Role(#[diesel(column_name = role)] String);

    let mut conn = database(CREATE);
    let text = String::from("Ada ADA@example.org London");
    let mut words = text.split(' ');
    let mut word = || words.next().expect("three words");
    let user = User {
        id: 1,
        person: Person {
            name: word(),
            contact: Contact {
                email: word(),
                place: Some(word()),
            },
        },
        role: Role("admin".into()),
    };
    User::seed(&mut conn, &[user]).expect("a seed");

    assert_eq!(
        stored(&mut conn),
        [row(
            1,
            "Ada",
            Some("ada@example.org"),
            Some("London"),
            "admin"
        )]
    );
}

/// Stored otherwise than it was given.
#[derive(Debug, diesel::expression::AsExpression)]
#[diesel(sql_type = Text)]
struct Lowercase(String);

impl From<&str> for Lowercase {
    fn from(text: &str) -> Self {
        Self(text.to_lowercase())
    }
}

impl From<String> for Lowercase {
    fn from(text: String) -> Self {
        text.as_str().into()
    }
}

impl<DB: diesel::backend::Backend> diesel::serialize::ToSql<Text, DB> for Lowercase
where
    String: diesel::serialize::ToSql<Text, DB>,
{
    fn to_sql<'b>(
        &'b self,
        out: &mut diesel::serialize::Output<'b, '_, DB>,
    ) -> diesel::serialize::Result {
        self.0.to_sql(out)
    }
}

/// Public, with a conversion that is not: what the derive writes must not leak it.
#[derive(Seedable)]
#[diesel(table_name = users)]
struct Converted {
    id: i32,
    #[diesel(serialize_as = Lowercase)]
    name: String,
    #[diesel(serialize_as = Option<String>, column_name = email)]
    mail: Mail,
}

#[derive(Clone)]
enum Mail {
    Unknown,
    At(&'static str),
}

impl From<Mail> for Option<String> {
    fn from(mail: Mail) -> Self {
        match mail {
            Mail::Unknown => None,
            Mail::At(host) => Some(format!("info@{host}")),
        }
    }
}

fn converted(id: i32) -> Converted {
    Converted {
        id,
        name: format!("ADA {id}"),
        mail: match id % 2 {
            0 => Mail::Unknown,
            _ => Mail::At("example.org"),
        },
    }
}

fn stored_converted(id: i32) -> Row {
    let email = (id % 2 == 1).then_some("info@example.org");
    row(id, &format!("ada {id}"), email, None, "guest")
}

#[test]
fn serialize_as_converts_borrowed_rows() {
    let mut conn = database(CREATE);
    let rows: Vec<_> = (1..=7).map(converted).collect();
    let summary = Seed::new().table(&rows).run(&mut conn).expect("a seed");
    // The rows are still the caller's, for the next database.
    let again = Seed::new().table(&rows).run(&mut conn).expect("a seed");

    assert_eq!((summary.inserted(), again.skipped()), (7, 7));
    assert_eq!(
        stored(&mut conn),
        (1..=7).map(stored_converted).collect::<Vec<_>>()
    );
}

#[test]
fn serialize_as_converts_streamed_rows() {
    let mut conn = database(CREATE);
    let summary = Seed::new()
        .rows((1..=3000).map(converted))
        .run(&mut conn)
        .expect("a seed");

    assert_eq!(summary.inserted(), 3000);
    assert_eq!(
        stored(&mut conn),
        (1..=3000).map(stored_converted).collect::<Vec<_>>()
    );
}

#[test]
fn tuple_structs_name_their_columns() {
    #[derive(Seedable)]
    #[diesel(table_name = users)]
    struct User<'a>(
        #[diesel(column_name = name)] &'a str,
        #[diesel(column_name = id)] i32,
        #[diesel(column_name = email, serialize_as = Lowercase)] &'a str,
        #[diesel(skip_insertion)]
        #[expect(dead_code, reason = "never inserted")]
        f64,
        #[diesel(column_name = "city")] Option<String>,
    );

    let mut conn = database(CREATE);
    User::seed(
        &mut conn,
        &[User("Ada", 1, "A@B", 0.5, Some("Bath".into()))],
    )
    .expect("a seed");

    assert_eq!(
        stored(&mut conn),
        [row(1, "Ada", Some("a@b"), Some("Bath"), "guest")]
    );
}

/// The derives beside read attributes of their own and mean other things by None.
mod beside {
    use super::*;

    #[derive(
        Debug, PartialEq, Seedable, Insertable, Queryable, Selectable, Identifiable, AsChangeset,
    )]
    #[diesel(table_name = users, primary_key(id), check_for_backend(diesel::sqlite::Sqlite))]
    #[diesel(treat_none_as_default_value = true, treat_none_as_null = true)]
    struct User {
        id: i32,
        name: String,
        #[diesel(deserialize_as = Option<String>, treat_none_as_default_value = true)]
        email: Option<String>,
        #[diesel(skip_update)]
        city: Option<String>,
        #[diesel(select_expression = users::role.assume_not_null())]
        #[diesel(select_expression_type = diesel::dsl::AssumeNotNull<users::role>)]
        role: String,
    }

    diesel::table! {
        notes (id) {
            id -> Integer,
            user_id -> Integer,
            body -> Nullable<Text>,
        }
    }

    diesel::joinable!(notes -> users (user_id));
    diesel::allow_tables_to_appear_in_same_query!(users, notes);

    #[derive(
        Debug, PartialEq, Seedable, Insertable, Queryable, Selectable, Identifiable, Associations,
    )]
    #[diesel(belongs_to(User, foreign_key = user_id))]
    #[diesel(table_name = notes)]
    #[diesel(treat_none_as_default_value = false)]
    #[diesel(check_for_backend(diesel::sqlite::Sqlite))]
    struct Note {
        id: i32,
        user_id: i32,
        body: Option<String>,
    }

    fn user(id: i32, email: Option<&str>) -> User {
        User {
            id,
            name: "Ada".into(),
            email: email.map(str::to_owned),
            city: None,
            role: "admin".into(),
        }
    }

    fn note(id: i32, user_id: i32, body: Option<&str>) -> Note {
        Note {
            id,
            user_id,
            body: body.map(str::to_owned),
        }
    }

    #[test]
    fn other_derives_read_what_was_seeded() {
        let mut conn = database(CREATE);
        conn.batch_execute(
            "CREATE TABLE notes (
                id INTEGER PRIMARY KEY,
                user_id INTEGER NOT NULL REFERENCES users (id),
                body TEXT DEFAULT 'empty'
            )",
        )
        .expect("a table");
        let users = [user(1, Some("ada@example.org")), user(2, None)];
        let notes = [
            note(1, 2, Some("hello")),
            note(2, 2, None),
            note(3, 1, None),
        ];
        Seed::new()
            .table(&users)
            .table(&notes)
            .run(&mut conn)
            .expect("a seed");
        diesel::insert_into(users::table)
            .values(user(3, None))
            .execute(&mut conn)
            .expect("an insert");

        let stored: Vec<User> = users::table
            .select(User::as_select())
            .order(users::id)
            .load(&mut conn)
            .expect("the users");
        assert_eq!(stored[..2], users);
        assert_eq!(
            stored[2].email.as_deref(),
            Some("none@example.org"),
            "in Diesel's insert None is the default"
        );
        let of_second: Vec<Note> = Note::belonging_to(&users[1])
            .select(Note::as_select())
            .order(notes::id)
            .load(&mut conn)
            .expect("the notes");
        assert_eq!(of_second, notes[..2]);
    }
}
