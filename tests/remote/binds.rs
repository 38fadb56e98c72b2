//! What is bound to a statement is what its placeholders stand for, however they are written and
//! however many of them there are: on libSQL and on D1 as on a local file.

use covara_diesel::DatabaseConnection;
use covara_diesel::remote::{D1Connection, LibsqlConnection};
use diesel::prelude::*;
use diesel::query_builder::BoxedSqlQuery;
use diesel::result::{Error, QueryResult};
use diesel::sql_types::{BigInt, Binary, Double, Nullable, Text};
use diesel::sqlite::Sqlite;
use support::{d1, sqld};

use super::transcript::{Transcript, assert_same, on_a_file};

#[derive(Debug, Clone, Copy)]
enum Bind {
    Whole(i64),
    Real(f64),
    Text(&'static str),
    Bytes(&'static [u8]),
    Nothing,
}

#[derive(QueryableByName)]
struct Seen {
    #[diesel(sql_type = Nullable<Text>)]
    x: Option<String>,
}

fn bound<'q>(
    sql: &str,
    binds: &[Bind],
) -> BoxedSqlQuery<'q, Sqlite, diesel::query_builder::SqlQuery> {
    let mut query = diesel::sql_query(sql).into_boxed::<Sqlite>();
    for bind in binds {
        query = match *bind {
            Bind::Whole(number) => query.bind::<BigInt, _>(number),
            Bind::Real(number) => query.bind::<Double, _>(number),
            Bind::Text(text) => query.bind::<Text, _>(text),
            Bind::Bytes(bytes) => query.bind::<Binary, _>(bytes),
            Bind::Nothing => query.bind::<Nullable<Text>, _>(None::<&str>),
        };
    }
    query
}

/// What a query yields, or the kind and words of its error.
fn answer<C>(conn: &mut C, sql: &str, binds: &[Bind]) -> String
where
    C: DatabaseConnection<Backend = Sqlite>,
{
    match bound(sql, binds).get_result::<Seen>(conn) {
        Ok(seen) => format!("{:?}", seen.x),
        Err(Error::DatabaseError(kind, information)) => {
            let message = information.message();
            let message = message.split(" at offset ").next().unwrap_or(message);
            format!("{kind:?} {message}")
        }
        Err(other) => format!("{other:?}"),
    }
}

/// A query for what the placeholders stand for, as one text. Reals are compared, as the versions
/// of SQLite print them differently.
fn shown(placeholders: &[&str]) -> String {
    let mut columns = Vec::new();
    let mut values = Vec::new();
    for (position, placeholder) in placeholders.iter().enumerate() {
        let column = format!("c{position}");
        values.push(format!("{placeholder} AS {column}"));
        columns.push(format!(
            "CASE typeof({column}) WHEN 'real' THEN CASE {column} WHEN 0.5 THEN 'half'
                 WHEN 4.25 THEN 'more' WHEN 0.1 + 0.2 THEN 'long' WHEN -(0.1 + 0.2) THEN '-long'
                 ELSE 'another' END
             ELSE quote({column}) END"
        ));
    }
    format!(
        "SELECT {} AS x FROM (SELECT {} FROM (SELECT 7 AS \"?\"))",
        columns.join(" || ' ' || "),
        values.join(", ")
    )
}

const LONG: f64 = 0.1 + 0.2;
const ROUNDS: [[Bind; 6]; 3] = [
    [
        Bind::Whole(1),
        Bind::Whole(2),
        Bind::Whole(3),
        Bind::Whole(4),
        Bind::Whole(5),
        Bind::Whole(6),
    ],
    [
        Bind::Real(0.5),
        Bind::Text("two"),
        Bind::Real(LONG),
        Bind::Bytes(b"four"),
        Bind::Nothing,
        Bind::Whole(i64::MAX),
    ],
    [
        Bind::Bytes(b"one"),
        Bind::Whole(-2),
        Bind::Text(""),
        Bind::Real(4.25),
        Bind::Bytes(b""),
        Bind::Text("six"),
    ],
];

/// Any number of values for any number of placeholders, one statement after the other on one
/// connection.
fn numbers<C>(conn: &mut C) -> QueryResult<Transcript>
where
    C: DatabaseConnection<Backend = Sqlite>,
{
    let mut seen = Transcript::default();
    for (round, values) in ROUNDS.iter().enumerate() {
        for given in (0..=values.len()).rev().chain(0..=values.len()) {
            for wanted in 1..=values.len() {
                let sql = shown(&vec!["?"; wanted]);
                let step = format!("round {round}: {given} for {wanted}");
                seen.note(step, answer(conn, &sql, &values[..given]));
            }
            let step = format!("round {round}: {given} for none");
            seen.note(step, answer(conn, "SELECT 'none' AS x", &values[..given]));
        }
    }
    Ok(seen)
}

const FORMS: [&[&str]; 19] = [
    &["$1"],
    &[":n"],
    &["@n"],
    &["#n"],
    &["?1"],
    &["?2", "?1"],
    &["?1", "?1", "?2", "?2"],
    &["$1", "$2"],
    &["$2", "$1"],
    &[":a", ":b", ":a"],
    &["@a", ":a", "$a", "@a"],
    &[":a", "?", "@b", "?1"],
    &["?3", "?", ":a"],
    &["?2", ":a", "?", ":a"],
    &["?001", "?2"],
    &["$a::b(c)", "$a", "$a::b(c)"],
    &[":x::y", ":x"],
    &[":größe", "?"],
    &["?", "'?'", "\"?\"", ":a /* ? :b */", "?-- ?\n"],
];

/// Every way to write a placeholder.
fn forms<C>(conn: &mut C) -> QueryResult<Transcript>
where
    C: DatabaseConnection<Backend = Sqlite>,
{
    let mut seen = Transcript::default();
    for form in FORMS {
        let sql = shown(form);
        for (round, values) in ROUNDS.iter().enumerate() {
            for given in 0..=4 {
                let step = format!("{form:?} with {given} of round {round}");
                seen.note(step, answer(conn, &sql, &values[..given]));
            }
            // A long real first, which travels in another form.
            let long = [Bind::Real(LONG), values[0], Bind::Real(-LONG), values[1]];
            for given in 1..=4 {
                let step = format!("{form:?} with {given} long of round {round}");
                seen.note(step, answer(conn, &sql, &long[..given]));
            }
        }
    }
    for wrong in ["?0", "?32767", "?99999999999999999999", ":", "@", "$"] {
        let error = bound(&shown(&[wrong]), &[]).execute(conn);
        seen.note(wrong, error.is_err());
    }
    Ok(seen)
}

/// Rows that only a value of another statement would reach.
fn written<C>(conn: &mut C) -> QueryResult<Transcript>
where
    C: DatabaseConnection<Backend = Sqlite>,
{
    let mut seen = Transcript::default();
    conn.batch_execute(
        "CREATE TABLE rows (id INTEGER PRIMARY KEY, name TEXT);
         INSERT INTO rows (id, name) VALUES (1, 'a'), (2, 'b'), (3, 'c');",
    )?;
    let zero_and_three = [Bind::Whole(0), Bind::Whole(3)];
    seen.note("read", answer(conn, &shown(&["?", "?"]), &zero_and_three));
    let delete = bound("DELETE FROM rows WHERE id = ? OR id = ?", &[Bind::Whole(1)]);
    seen.note("delete", delete.execute(conn)?);
    let update = bound(
        "UPDATE rows SET name = :name WHERE id = @id OR name = :name",
        &[Bind::Text("new"), Bind::Whole(2)],
    );
    seen.note("update", update.execute(conn)?);
    let insert = bound(
        "INSERT INTO rows (id, name) VALUES ($1, $2), ($3, $2)",
        &[Bind::Whole(10), Bind::Text("twice"), Bind::Whole(11)],
    );
    seen.note("insert", insert.execute(conn)?);
    // Nothing is bound in a script.
    conn.batch_execute("INSERT INTO rows (id, name) VALUES (20, ?), (21, :name), (22, $1)")?;
    seen.note(
        "left",
        answer(
            conn,
            "SELECT group_concat(id || coalesce(name, '-')) AS x FROM rows",
            &[],
        ),
    );
    Ok(seen)
}

fn all<C>(conn: &mut C) -> QueryResult<[Transcript; 3]>
where
    C: DatabaseConnection<Backend = Sqlite>,
{
    Ok([written(conn)?, numbers(conn)?, forms(conn)?])
}

fn as_on_a_file(found: &[Transcript; 3]) {
    let expected = on_a_file(all).unwrap();
    for (found, expected) in found.iter().zip(&expected) {
        assert_same(found, expected);
    }
}

#[test]
fn libsql_binds_as_a_file_does() {
    let db = sqld::TestDb::new();
    let mut conn = LibsqlConnection::establish(&db.url()).unwrap();
    as_on_a_file(&all(&mut conn).unwrap());
}

#[test]
fn d1_binds_as_a_file_does() {
    let db = d1::TestDb::new();
    let mut conn = D1Connection::establish(&db.url()).unwrap();
    as_on_a_file(&all(&mut conn).unwrap());
}

/// Inside a transaction of libSQL, too, where statements share a stream.
#[test]
fn a_transaction_of_libsql_binds_as_a_file_does() {
    let db = sqld::TestDb::new();
    let mut conn = LibsqlConnection::establish(&db.url()).unwrap();
    let found: [Transcript; 3] = conn.transaction(all).unwrap();
    as_on_a_file(&found);
}
