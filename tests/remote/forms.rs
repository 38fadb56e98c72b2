//! The forms of queries that Diesel's guides and API documentation show for SQLite: each does on
//! libSQL and D1 what it does on a file through Diesel's own connection.
//!
//! What does not compile or work is in `limits`.

mod inserts;
mod queries;
mod selects;
mod transactions;
mod updates;

use covara_diesel::DatabaseConnection;
use covara_diesel::remote::{D1Connection, LibsqlConnection};
use diesel::prelude::*;
use diesel::result::QueryResult;
use diesel::sqlite::Sqlite;
use support::{d1, sqld};

use super::transcript::{Transcript, assert_same, on_a_file};
use updates::Save;

diesel::table! {
    users (id) {
        id -> BigInt,
        name -> Text,
        hair_color -> Nullable<Text>,
    }
}

diesel::table! {
    posts (id) {
        id -> BigInt,
        user_id -> BigInt,
        title -> Text,
        draft -> Bool,
        visits -> Integer,
        publish_at -> Nullable<Timestamp>,
    }
}

diesel::table! {
    comments (id) {
        id -> BigInt,
        post_id -> BigInt,
        body -> Text,
    }
}

diesel::table! {
    /// With a key of two columns.
    followings (user_id, post_id) {
        user_id -> BigInt,
        post_id -> BigInt,
        email -> Bool,
    }
}

diesel::joinable!(posts -> users (user_id));
diesel::joinable!(comments -> posts (post_id));
diesel::joinable!(followings -> posts (post_id));
diesel::joinable!(followings -> users (user_id));
diesel::allow_tables_to_appear_in_same_query!(users, posts, comments, followings);

pub(super) const CREATE: &str = "
    CREATE TABLE users (id INTEGER PRIMARY KEY NOT NULL, name TEXT NOT NULL DEFAULT 'nobody',
        hair_color TEXT DEFAULT 'Green');
    CREATE UNIQUE INDEX users_name ON users (name, hair_color);
    CREATE TABLE posts (id INTEGER PRIMARY KEY NOT NULL, user_id BIGINT NOT NULL REFERENCES users,
        title TEXT NOT NULL UNIQUE, draft BOOLEAN NOT NULL DEFAULT 1,
        visits INTEGER NOT NULL DEFAULT 0, publish_at TIMESTAMP);
    CREATE TABLE comments (id INTEGER PRIMARY KEY NOT NULL, post_id BIGINT NOT NULL REFERENCES posts,
        body TEXT NOT NULL);
    CREATE TABLE followings (user_id BIGINT NOT NULL, post_id BIGINT NOT NULL,
        email BOOLEAN NOT NULL DEFAULT 0, PRIMARY KEY (user_id, post_id));
    CREATE TRIGGER posts_retitled AFTER UPDATE OF title ON posts BEGIN
        UPDATE posts SET visits = visits + 100 WHERE id = new.id;
    END;";

#[derive(
    Debug,
    Clone,
    PartialEq,
    Queryable,
    QueryableByName,
    Selectable,
    Identifiable,
    AsChangeset,
    Insertable,
)]
#[diesel(table_name = users)]
pub(super) struct User {
    pub(super) id: i64,
    pub(super) name: String,
    pub(super) hair_color: Option<String>,
}

#[derive(Insertable)]
#[diesel(table_name = users)]
pub(super) struct NewUser<'a> {
    pub(super) name: &'a str,
    pub(super) hair_color: Option<&'a str>,
}

/// All columns are in the statement, so that several are one.
#[derive(Insertable)]
#[diesel(table_name = users, treat_none_as_default_value = false)]
pub(super) struct WholeUser<'a> {
    pub(super) name: &'a str,
    pub(super) hair_color: Option<&'a str>,
}

#[derive(
    Debug, Clone, PartialEq, Queryable, Selectable, Identifiable, Associations, AsChangeset,
)]
#[diesel(table_name = posts, belongs_to(User))]
struct Post {
    id: i64,
    user_id: i64,
    title: String,
    draft: bool,
    visits: i32,
    publish_at: Option<chrono::NaiveDateTime>,
}

fn all_users<C: DatabaseConnection<Backend = Sqlite>>(conn: &mut C) -> QueryResult<Vec<User>> {
    users::table
        .select(User::as_select())
        .order(users::id)
        .load(conn)
}

/// All of it that wants no transaction.
fn guides<C>(conn: &mut C, save: &Save<C>) -> QueryResult<Transcript>
where
    C: DatabaseConnection<Backend = Sqlite>,
{
    let mut seen = Transcript::default();
    conn.batch_execute(CREATE)?;
    inserts::inserts(conn, &mut seen)?;
    inserts::upserts(conn, &mut seen)?;
    updates::updates(conn, save, &mut seen)?;
    updates::deletes(conn, &mut seen)?;
    queries::joins(conn, &mut seen)?;
    queries::aggregates(conn, &mut seen)?;
    queries::subqueries(conn, &mut seen)?;
    queries::boxed(conn, &mut seen)?;
    selects::expressions(conn, &mut seen)?;
    selects::by_sql(conn, &mut seen)?;
    selects::ways_to_load(conn, &mut seen)?;
    Ok(seen)
}

fn all<C>(conn: &mut C, save: &Save<C>) -> QueryResult<Transcript>
where
    C: DatabaseConnection<Backend = Sqlite>,
{
    let mut seen = guides(conn, save)?;
    transactions::transactions(conn, &mut seen)?;
    Ok(seen)
}

#[test]
fn libsql_runs_every_form_as_a_file_does() {
    let db = sqld::TestDb::new();
    let mut conn = LibsqlConnection::establish(&db.url()).unwrap();
    let found = all(&mut conn, &updates::save!()).unwrap();
    assert_same(
        &found,
        &on_a_file(|conn| all(conn, &updates::save!())).unwrap(),
    );
}

#[test]
fn d1_runs_every_form_but_transactions_as_a_file_does() {
    let db = d1::TestDb::new();
    let mut conn = D1Connection::establish(&db.url()).unwrap();
    let found = guides(&mut conn, &updates::save!()).unwrap();
    assert_same(
        &found,
        &on_a_file(|conn| guides(conn, &updates::save!())).unwrap(),
    );
}
