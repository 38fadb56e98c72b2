//! Statements that every database refuses.

use covara_diesel::DatabaseConnection;
use diesel::prelude::*;
use diesel::result::QueryResult;
use diesel::sqlite::Sqlite;

use super::library::authors;
use crate::remote::transcript::Transcript;

/// Runs statements that SQLite refuses, and notes words and kinds of their errors.
pub(super) fn refused<C>(conn: &mut C, seen: &mut Transcript)
where
    C: DatabaseConnection<Backend = Sqlite>,
{
    let mut error = |step: &str, result: QueryResult<usize>| match result {
        Err(diesel::result::Error::DatabaseError(kind, information)) => {
            // Some add at which byte.
            let message = information.message();
            let message = message.split(" at offset ").next().unwrap_or(message);
            seen.note(step, (kind, message.to_owned()));
        }
        other => seen.note(step, other),
    };
    for (step, sql) in [
        (
            "unique",
            "INSERT INTO authors (id, name) VALUES (77, 'Grace')",
        ),
        (
            "primary key",
            "INSERT INTO authors (id, name) VALUES (1, 'new')",
        ),
        ("not null", "INSERT INTO authors (id) VALUES (78)"),
        (
            "check",
            "INSERT INTO books (author_id, title, price) VALUES (1, '', 1)",
        ),
        (
            "foreign key",
            "INSERT INTO books (author_id, title, price) VALUES (404, 'x', 1)",
        ),
        (
            "foreign key of a parent",
            "DELETE FROM authors WHERE id = 1",
        ),
        ("no table", "DELETE FROM nowhere"),
        ("no column", "UPDATE books SET no_such_column = 1"),
    ] {
        error(step, diesel::sql_query(sql).execute(conn));
    }
    let kept: QueryResult<i64> = authors::table.count().get_result(conn);
    seen.note("nothing of it is kept", kept);
}
