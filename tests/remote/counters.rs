//! `last_insert_rowid()`, `changes()` and `total_changes()`, which SQLite keeps for a connection:
//! behind HTTP they are right or an error, never the 0 of a connection that did nothing.

use covara_diesel::remote::{D1Connection, LibsqlConnection};
use diesel::connection::{LoadConnection, SimpleConnection};
use diesel::prelude::*;
use diesel::result::{Error, QueryResult};
use diesel::sqlite::Sqlite;
use support::{d1, sqld};

diesel::table! {
    notes (id) {
        id -> BigInt,
        name -> Text,
        of -> Nullable<BigInt>,
    }
}

diesel::define_sql_function!(fn last_insert_rowid() -> BigInt);
diesel::define_sql_function!(fn changes() -> BigInt);

/// In bodies of triggers and views they are what they always are.
const CREATE: &str =
    "CREATE TABLE notes (id INTEGER PRIMARY KEY NOT NULL, name TEXT NOT NULL, of BIGINT);
    CREATE TABLE seen (id BIGINT);
    CREATE TRIGGER notes_seen AFTER INSERT ON notes BEGIN
        INSERT INTO seen VALUES (last_insert_rowid());
    END;";

fn insert<C>(conn: &mut C, id: i64) -> QueryResult<usize>
where
    C: Connection<Backend = Sqlite>,
{
    diesel::insert_into(notes::table)
        .values((
            notes::id.eq(id),
            notes::name.eq("a last_insert_rowid() of its own"),
        ))
        .execute(conn)
}

fn last<C: LoadConnection<Backend = Sqlite>>(conn: &mut C) -> QueryResult<i64> {
    diesel::select(last_insert_rowid()).get_result(conn)
}

fn changed<C: LoadConnection<Backend = Sqlite>>(conn: &mut C) -> QueryResult<i64> {
    diesel::select(changes()).get_result(conn)
}

fn is_refused<T: std::fmt::Debug>(result: QueryResult<T>) {
    let error = result.unwrap_err();
    assert!(matches!(error, Error::QueryBuilderError(_)), "{error:?}");
    assert!(error.to_string().contains("RETURNING"), "{error}");
}

/// What every server refuses when it comes alone.
fn alone<C: LoadConnection<Backend = Sqlite> + SimpleConnection>(conn: &mut C) {
    conn.batch_execute(CREATE).unwrap();
    insert(conn, 41).unwrap();
    is_refused(last(conn));
    is_refused(changed(conn));
    for sql in [
        "SELECT total_changes()",
        "SELECT 1 + Last_Insert_RowId /* x */ ()",
        "SELECT \"changes\"()",
        "INSERT INTO notes (id, name) VALUES (last_insert_rowid() + 1, 'x')",
        "UPDATE notes SET of = changes()",
        "EXPLAIN SELECT last_insert_rowid()",
    ] {
        is_refused(diesel::sql_query(sql).execute(conn));
        is_refused(conn.batch_execute(sql));
    }
    // A word is not a call.
    conn.batch_execute("CREATE TABLE changes (total_changes, last_insert_rowid)")
        .unwrap();
    conn.batch_execute("INSERT INTO changes (total_changes) VALUES ('changes()')")
        .unwrap();
    conn.batch_execute("SELECT last_insert_rowid, total_changes FROM changes -- changes()")
        .unwrap();
    // Right in a script that inserts first.
    conn.batch_execute(
        "INSERT INTO notes (id, name) VALUES (50, 'parent');
         INSERT INTO notes (id, name, of) VALUES (51, 'child', last_insert_rowid());
         UPDATE notes SET of = of WHERE id > 40;
         UPDATE notes SET of = changes() WHERE id = 41",
    )
    .unwrap();
    let of: Vec<(i64, Option<i64>)> = notes::table
        .filter(notes::id.ge(41))
        .select((notes::id, notes::of))
        .order(notes::id)
        .load(conn)
        .unwrap();
    assert_eq!(of, [(41, Some(3)), (50, None), (51, Some(50))]);
    // An insert that may insert nothing says nothing.
    for perhaps in [
        "INSERT OR IGNORE INTO notes (id, name) VALUES (50, 'there')",
        "INSERT INTO notes (id, name) VALUES (50, 'there') ON CONFLICT DO NOTHING",
    ] {
        is_refused(conn.batch_execute(&format!(
            "{perhaps}; INSERT INTO notes (name, of) VALUES ('child', last_insert_rowid())"
        )));
    }
}

#[test]
fn counters_of_libsql_are_right_or_refused() {
    let db = sqld::TestDb::new();
    let mut conn = LibsqlConnection::establish(&db.url()).unwrap();
    alone(&mut conn);
    conn.transaction(|conn| {
        is_refused(last(conn));
        is_refused(changed(conn));
        insert(conn, 60)?;
        assert_eq!((last(conn)?, changed(conn)?), (60, 1));
        diesel::update(notes::table)
            .set(notes::name.eq("all"))
            .execute(conn)?;
        assert_eq!((last(conn)?, changed(conn)?), (60, 4));
        is_refused(diesel::sql_query("SELECT total_changes()").execute(conn));
        conn.batch(&[
            &diesel::insert_into(notes::table).values((notes::id.eq(70), notes::name.eq("x"))),
            &diesel::update(notes::table.find(70))
                .set(notes::of.eq(last_insert_rowid().nullable())),
        ])?;
        let of: Option<i64> = notes::table.find(70).select(notes::of).first(conn)?;
        assert_eq!(of, Some(70));
        QueryResult::Ok(())
    })
    .unwrap();
    is_refused(last(&mut conn));
    batched(&mut conn, LibsqlConnection::batch);
}

#[test]
fn counters_of_d1_are_right_or_refused() {
    let db = d1::TestDb::new();
    let mut conn = D1Connection::establish(&db.url()).unwrap();
    alone(&mut conn);
    batched(&mut conn, D1Connection::batch);
}

type BatchOf<C> =
    fn(&mut C, &[&dyn diesel::query_builder::QueryFragment<Sqlite>]) -> QueryResult<Vec<usize>>;

fn batched<C: LoadConnection<Backend = Sqlite>>(conn: &mut C, batch: BatchOf<C>) {
    let parent = diesel::insert_into(notes::table).values((notes::id.eq(80), notes::name.eq("p")));
    let child = diesel::insert_into(notes::table).values((
        notes::id.eq(81),
        notes::name.eq("c"),
        notes::of.eq(last_insert_rowid().nullable()),
    ));
    is_refused(batch(conn, &[&child, &parent]));
    assert_eq!(batch(conn, &[&parent, &child]), Ok(vec![1, 1]));
    let of: Option<i64> = notes::table.find(81).select(notes::of).first(conn).unwrap();
    assert_eq!(of, Some(80));
}
