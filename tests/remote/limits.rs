//! What the documentation of `LibsqlConnection` and `D1Connection` says does not work does not,
//! in the way that it says, and what is to be written instead works.
//!
//! What is ended by hand is in `by_hand`, what counts in `counters`, Diesel's own migration harness
//! in `harness`, inserts whose rows do not come back in `returned`, and SQL functions of one's own in
//! a doctest of the library.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};

use covara_diesel::DatabaseConnection;
use covara_diesel::remote::{D1Connection, LibsqlConnection};
use diesel::connection::{InstrumentationEvent, SimpleConnection};
use diesel::dsl;
use diesel::prelude::*;
use diesel::query_builder::QueryFragment;
use diesel::result::{Error, QueryResult};
use diesel::sql_types::{Double, Nullable, Text};
use diesel::sqlite::Sqlite;
use support::{d1, sqld};

use super::forms::{CREATE, NewUser, User, WholeUser, users};
use super::transcript::on_a_file;

fn libsql() -> (sqld::TestDb, LibsqlConnection) {
    let db = sqld::TestDb::new();
    let mut conn = LibsqlConnection::establish(&db.url()).unwrap();
    conn.batch_execute(CREATE).unwrap();
    (db, conn)
}

fn on_d1() -> (d1::TestDb, D1Connection) {
    let db = d1::TestDb::new();
    let mut conn = D1Connection::establish(&db.url()).unwrap();
    conn.batch_execute(CREATE).unwrap();
    (db, conn)
}

fn names<C: DatabaseConnection<Backend = Sqlite>>(conn: &mut C) -> Vec<String> {
    let all = users::table.select(users::name).order(users::id);
    all.load(conn).unwrap()
}

#[derive(QueryableByName)]
struct Cell {
    #[diesel(sql_type = Nullable<Text>)]
    value: Option<String>,
}

fn value<C: DatabaseConnection<Backend = Sqlite>>(conn: &mut C, sql: &str) -> Option<String> {
    let cell: Cell = diesel::sql_query(sql).get_result(conn).expect(sql);
    cell.value
}

/// What neither server has; `temporary` and `function` are its words.
fn neither_has<C>(conn: &mut C, temporary: &str, function: &str)
where
    C: DatabaseConnection<Backend = Sqlite>,
{
    for sql in [
        "CREATE TEMPORARY TABLE own (a)",
        "ATTACH DATABASE ':memory:' AS other",
        "PRAGMA busy_timeout = 2000",
        "PRAGMA journal_mode = WAL",
        "PRAGMA synchronous = NORMAL",
    ] {
        let error = conn.batch_execute(sql).unwrap_err().to_string();
        assert!(error.contains(temporary), "{sql}: {error}");
    }
    conn.batch_execute("VACUUM").unwrap_err();
    let manage = "SELECT diesel_manage_updated_at('pages')";
    let error = conn.batch_execute(manage).unwrap_err().to_string();
    assert!(error.contains(function), "{error}");
    // The trigger itself.
    conn.batch_execute(
        "CREATE TABLE pages (id INTEGER PRIMARY KEY, text TEXT, updated_at TIMESTAMP);
         CREATE TRIGGER pages_updated AFTER UPDATE ON pages
         WHEN old.updated_at IS new.updated_at BEGIN
             UPDATE pages SET updated_at = CURRENT_TIMESTAMP WHERE rowid = new.rowid;
         END;
         INSERT INTO pages (id) VALUES (1);
         UPDATE pages SET text = 'new'",
    )
    .unwrap();
    let updated = "SELECT iif(updated_at IS NULL, NULL, 'set') AS value FROM pages";
    assert_eq!(value(conn, updated).as_deref(), Some("set"));

    let infinite = diesel::select(f64::INFINITY.into_sql::<Double>());
    let error = infinite.get_result::<f64>(conn).unwrap_err();
    assert!(matches!(error, Error::SerializationError(_)), "{error:?}");
    assert!(error.to_string().contains("infinity"), "{error}");

    // No statement is kept, so that there is none to tell of.
    let events = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&events);
    conn.set_instrumentation(move |event: InstrumentationEvent<'_>| {
        let kind = match event {
            InstrumentationEvent::StartQuery { .. } => "start",
            InstrumentationEvent::CacheQuery { .. } => "cache",
            _ => return,
        };
        seen.lock().unwrap().push(kind);
    });
    for _ in 0..2 {
        users::table.count().get_result::<i64>(conn).unwrap();
    }
    assert_eq!(*events.lock().unwrap(), ["start"; 2]);
    conn.set_instrumentation(|_: InstrumentationEvent<'_>| {});
}

#[test]
fn what_libsql_lacks_is_an_error() {
    let (_db, mut conn) = libsql();
    neither_has(&mut conn, "unsupported statement", "no such function");
    // A file has them.
    on_a_file(|conn| {
        conn.batch_execute("CREATE TEMPORARY TABLE own (a); ATTACH DATABASE ':memory:' AS other")
            .unwrap();
        conn.batch_execute(
            "CREATE TABLE pages (updated_at); SELECT diesel_manage_updated_at('pages')",
        )
        .unwrap();
    });
}

#[test]
fn what_d1_lacks_is_an_error() {
    let (_db, mut conn) = on_d1();
    neither_has(&mut conn, "not authorized", "no such function");
}

#[test]
fn several_rows_come_back_one_by_one_on_libsql() {
    let (_db, mut conn) = libsql();
    let new = ["a", "b", "c"].map(|name| NewUser {
        name,
        hair_color: (name == "b").then_some("Blue"),
    });
    let back: Vec<User> = conn
        .transaction(|conn| {
            let insert = |row| {
                diesel::insert_into(users::table)
                    .values(row)
                    .returning(User::as_returning())
                    .get_result(conn)
            };
            new.iter().map(insert).collect::<QueryResult<_>>()
        })
        .unwrap();
    let hair: Vec<_> = back.iter().map(|user| user.hair_color.as_deref()).collect();
    assert_eq!(hair, [Some("Green"), Some("Blue"), Some("Green")]);
}

#[test]
fn an_aggregates_order_is_an_error_on_libsql() {
    let (_db, mut conn) = libsql();
    for name in ["b", "a"] {
        let insert = diesel::insert_into(users::table).values(users::name.eq(name));
        insert.execute(&mut conn).unwrap();
    }
    let ordered = || users::table.select(dsl::count(users::id).aggregate_order(users::name));
    let error = ordered().get_result::<i64>(&mut conn).unwrap_err();
    assert!(error.to_string().contains("near ORDER"), "{error}");
    let instead =
        "SELECT group_concat(name, '') AS value FROM (SELECT name FROM users ORDER BY name)";
    assert_eq!(value(&mut conn, instead).as_deref(), Some("ab"));
    // D1 has it.
    let (_db, mut conn) = on_d1();
    assert_eq!(ordered().get_result::<i64>(&mut conn), Ok(0));
}

/// They compile only where a connection has no method of that name of its own.
trait Missing {
    fn immediate_transaction(&mut self) -> bool {
        true
    }

    fn exclusive_transaction(&mut self) -> bool {
        true
    }

    fn with_raw_connection(&mut self) -> bool {
        true
    }

    fn serialize_database_to_buffer(&mut self) -> bool {
        true
    }
}

impl Missing for LibsqlConnection {}
impl Missing for D1Connection {}

#[test]
fn methods_of_files_do_not_compile() {
    let (_db, mut conn) = libsql();
    assert!(conn.immediate_transaction() && conn.exclusive_transaction());
    assert!(conn.with_raw_connection() && conn.serialize_database_to_buffer());
    let (_db, mut conn) = on_d1();
    assert!(conn.immediate_transaction() && conn.exclusive_transaction());
    assert!(conn.with_raw_connection() && conn.serialize_database_to_buffer());
}

#[test]
fn a_transaction_begun_by_hand_is_an_error_on_libsql() {
    let (_db, mut conn) = libsql();
    for begin in ["BEGIN", "BEGIN IMMEDIATE", "SAVEPOINT own"] {
        let error = conn.batch_execute(begin).unwrap_err().to_string();
        assert!(error.contains("transaction()"), "{begin}: {error}");
    }
    for (begin, end) in [("BEGIN", "COMMIT"), ("SAVEPOINT own", "RELEASE own")] {
        let script = format!("{begin}; INSERT INTO users (name) VALUES ('{begin}'); {end}");
        conn.batch_execute(&script).unwrap();
    }
    assert_eq!(names(&mut conn), ["BEGIN", "SAVEPOINT own"]);
}

fn names_batch(error: &Error) -> bool {
    matches!(error, Error::QueryBuilderError(_)) && error.to_string().contains("batch()")
}

#[test]
fn a_transaction_is_an_error_on_d1() {
    let (_db, mut conn) = on_d1();
    let insert = |conn: &mut D1Connection| {
        diesel::insert_into(users::table)
            .values(users::name.eq("never"))
            .execute(conn)
    };
    assert!(names_batch(&conn.transaction(insert).unwrap_err()));
    assert!(names_batch(&conn.begin_test_transaction().unwrap_err()));
    let tested = catch_unwind(AssertUnwindSafe(|| {
        conn.test_transaction(|conn| insert(conn))
    }));
    assert!(tested.is_err(), "it panics, as Diesel's does on any error");
    for sql in [
        "BEGIN",
        "COMMIT",
        "SAVEPOINT own",
        "BEGIN; SELECT 1; COMMIT",
    ] {
        conn.batch_execute(sql).expect_err(sql);
        let script = format!("INSERT INTO users (name) VALUES ('never'); {sql}");
        conn.batch_execute(&script).expect_err(sql);
    }
    assert_eq!(names(&mut conn), [""; 0]);
    conn.batch(&[
        &diesel::insert_into(users::table).values(users::name.eq("both")),
        &diesel::update(users::table).set(users::hair_color.eq("Red")),
    ])
    .unwrap();
    assert_eq!(names(&mut conn), ["both"]);
}

#[test]
fn a_script_that_fails_leaves_nothing_on_d1() {
    let (_db, mut conn) = on_d1();
    let script = "INSERT INTO users (name) VALUES ('first'); INSERT INTO users (id) VALUES ('x')";
    conn.batch_execute(script).unwrap_err();
    assert_eq!(names(&mut conn), [""; 0]);
    // On a file what came before stays.
    on_a_file(|conn| {
        conn.batch_execute(CREATE).unwrap();
        conn.batch_execute(script).unwrap_err();
        assert_eq!(names(conn), ["first"]);
    });
}

/// Without an `Option`, and still its columns may be left out, as far as Diesel knows.
#[derive(Insertable)]
#[diesel(table_name = users)]
struct Named<'a> {
    name: &'a str,
}

/// Diesel's own implementation for SQLite (`ExecuteDsl` of a `BatchInsert` with columns that may
/// be left out) runs one insert a row inside `transaction()`, with a closure that hides them. It
/// is for every connection to its `Sqlite` backend, so that no other may stand beside it, and the
/// statement as a whole has no SQL. So it cannot be one batch, and is an error that says what to
/// write instead.
#[test]
fn structs_with_columns_that_may_be_left_out_are_a_batch_on_d1() {
    let (_db, mut conn) = on_d1();
    let new: Vec<NewUser<'_>> = ["a", "b", "c"]
        .map(|name| NewUser {
            name,
            hair_color: (name == "b").then_some("Blue"),
        })
        .into();
    let named = || [Named { name: "d" }, Named { name: "e" }];
    let into = || diesel::insert_into(users::table);
    let refused = [
        into().values(&new).execute(&mut conn),
        into().values(new.as_slice()).execute(&mut conn),
        into().values(Vec::<NewUser<'_>>::new()).execute(&mut conn),
        into().values(named()).execute(&mut conn),
        into().values(&named()).execute(&mut conn),
        into()
            .values(vec![Some(users::name.eq("f")), None])
            .execute(&mut conn),
    ];
    for refused in refused {
        let error = refused.unwrap_err();
        assert!(names_batch(&error), "{error}");
        let says = error.to_string();
        assert!(
            says.contains("treat_none_as_default_value = false"),
            "{says}"
        );
    }
    assert_eq!(names(&mut conn), [""; 0]);

    // All or none of them, each with its defaults.
    let rows: Vec<_> = new.iter().map(|row| into().values(row)).collect();
    let rows: Vec<&dyn QueryFragment<Sqlite>> = rows.iter().map(|row| row as _).collect();
    assert_eq!(conn.batch(&rows), Ok(vec![1, 1, 1]));
    let twice = conn.batch(&rows).unwrap_err();
    assert!(twice.to_string().contains("UNIQUE"), "{twice}");
    let hair: Vec<Option<String>> = users::table
        .order(users::id)
        .select(users::hair_color)
        .load(&mut conn)
        .unwrap();
    let green = || Some("Green".to_owned());
    assert_eq!(hair, [green(), Some("Blue".to_owned()), green()]);

    // One statement: what is None is NULL.
    let whole = ["g", "h"].map(|name| WholeUser {
        name,
        hair_color: None,
    });
    assert_eq!(into().values(&whole).execute(&mut conn), Ok(2));
    let bald = users::table.filter(users::hair_color.is_null()).count();
    assert_eq!(bald.get_result(&mut conn), Ok(2_i64));
}
