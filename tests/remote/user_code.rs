//! One program, written once against Diesel's `Sqlite` backend, does the same on a local file,
//! on libSQL and on D1, row for row.

mod library;
mod queries;
mod refused;
pub(super) mod samples;
mod writes;

use covara_diesel::DatabaseConnection;
use covara_diesel::remote::{D1Connection, LibsqlConnection};
use diesel::prelude::*;
use diesel::result::QueryResult;
use diesel::sqlite::Sqlite;
use support::{d1, sqld};

use super::transcript::{Transcript, assert_same, on_a_file};

pub(super) const CREATE: &str = "
    CREATE TABLE authors (id INTEGER PRIMARY KEY NOT NULL, name TEXT NOT NULL UNIQUE, born DATE);
    CREATE TABLE books (
        id INTEGER PRIMARY KEY NOT NULL,
        author_id BIGINT NOT NULL REFERENCES authors (id),
        title TEXT NOT NULL CHECK (title <> ''),
        price DOUBLE PRECISION NOT NULL,
        printed TIMESTAMP,
        notes TEXT
    );
    CREATE INDEX books_author ON books (author_id);
    CREATE TABLE log (what TEXT NOT NULL);
    -- Its semicolons are its own.
    CREATE TRIGGER books_log AFTER INSERT ON books BEGIN
        INSERT INTO log VALUES ('book; ' || CASE WHEN new.price > 10 THEN 'dear' ELSE 'cheap' END);
        INSERT INTO log VALUES (new.title);
    END;
    CREATE TABLE samples (
        id INTEGER PRIMARY KEY NOT NULL, whole BIGINT, medium INTEGER, small SMALLINT,
        real DOUBLE PRECISION, single FLOAT, text TEXT, bytes BLOB, flag BOOLEAN, day DATE,
        hour TIME, moment TIMESTAMP, document TEXT, binary_document BLOB
    );";

/// Runs the program. Its results go into the transcript; only results that must succeed on every
/// engine are unwrapped.
fn user_code<C>(conn: &mut C) -> QueryResult<Transcript>
where
    C: DatabaseConnection<Backend = Sqlite>,
{
    let mut seen = Transcript::default();
    conn.batch_execute(CREATE)?;
    writes::write(conn, &mut seen)?;
    queries::read(conn, &mut seen)?;
    refused::refused(conn, &mut seen);
    samples::values(conn, &mut seen)?;
    queries::odd_results(conn, &mut seen)?;
    Ok(seen)
}

#[test]
fn libsql_does_what_a_file_does() {
    let db = sqld::TestDb::new();
    let mut conn = LibsqlConnection::establish(&db.url()).unwrap();
    let found = user_code(&mut conn).unwrap();
    assert_same(&found, &on_a_file(user_code).unwrap());
    assert!(found.len() > 150, "{}", found.len());
}

#[test]
fn d1_does_what_a_file_does() {
    let db = d1::TestDb::new();
    let mut conn = D1Connection::establish(&db.url()).unwrap();
    let found = user_code(&mut conn).unwrap();
    assert_same(&found, &on_a_file(user_code).unwrap());
}
