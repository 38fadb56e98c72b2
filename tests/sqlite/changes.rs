//! What only SQLite's tables have, in the log of changes.

use std::time::Duration;

use covara_diesel::changes::{Capture, Change, ChangeError, ChangeLog, Operation};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use serde_json::{Value, json};
use support::sqlite::TestDb;

diesel::table! {
    odd_ones (name) {
        name -> Text,
        #[sql_name = "half"]
        half -> Nullable<Double>,
    }
}

diesel::table! {
    #[sql_name = "it's a `table`"]
    odd_names (id) {
        id -> BigInt,
    }
}

fn log() -> ChangeLog {
    ChangeLog::new().table::<odd_ones::table>(Capture::Rows)
}

fn run(conn: &mut SqliteConnection, sql: &str) {
    conn.batch_execute(sql).expect(sql);
}

fn logged(create: &str) -> (TestDb, SqliteConnection) {
    let db = TestDb::new();
    let mut conn = db.connect();
    run(&mut conn, create);
    log().install(&mut conn).expect("a log");
    (db, conn)
}

fn read(conn: &mut SqliteConnection) -> Vec<Change> {
    let batch = log().feed("reader").next(conn, 1_000).expect("changes");
    batch.done(conn).expect("a position");
    batch.into_iter().collect()
}

fn in_short(conn: &mut SqliteConnection) -> Vec<(Operation, Value)> {
    read(conn)
        .into_iter()
        .map(|change| (change.operation, change.key["name"].clone()))
        .collect()
}

#[test]
fn tables_without_rowid_are_logged() {
    let (_db, mut conn) =
        logged("CREATE TABLE odd_ones (name TEXT PRIMARY KEY NOT NULL, half REAL) WITHOUT ROWID");
    let conn = &mut conn;
    run(
        conn,
        "INSERT INTO odd_ones VALUES ('a', 1); UPDATE odd_ones SET name = 'b'; DELETE FROM odd_ones",
    );
    let expected = [
        (Operation::Insert, json!("a")),
        (Operation::Delete, json!("a")),
        (Operation::Insert, json!("b")),
        (Operation::Delete, json!("b")),
    ];
    assert_eq!(in_short(conn), expected);
}

#[test]
fn a_replaced_row_is_an_insertion_of_a_known_key() {
    let (_db, mut conn) =
        logged("CREATE TABLE odd_ones (name TEXT PRIMARY KEY NOT NULL, half REAL UNIQUE)");
    let conn = &mut conn;
    run(conn, "INSERT INTO odd_ones VALUES ('a', 1)");
    run(conn, "REPLACE INTO odd_ones VALUES ('a', 2)");
    run(conn, "INSERT OR REPLACE INTO odd_ones VALUES ('b', 2)");
    let insert = |name: &str| (Operation::Insert, json!(name));
    assert_eq!(in_short(conn), [insert("a"), insert("a"), insert("b")]);
    run(
        conn,
        "PRAGMA recursive_triggers = ON; REPLACE INTO odd_ones VALUES ('c', 2)",
    );
    assert_eq!(
        in_short(conn),
        [(Operation::Delete, json!("b")), insert("c")]
    );
    // Ignored ones are none.
    run(conn, "INSERT OR IGNORE INTO odd_ones VALUES ('c', 3)");
    assert_eq!(in_short(conn), []);
}

#[test]
fn values_of_any_type_are_in_any_column_and_generated_ones_too() {
    let (_db, mut conn) = logged(
        "CREATE TABLE odd_ones (name TEXT PRIMARY KEY, half REAL,
             twice REAL GENERATED ALWAYS AS (half * 2) VIRTUAL, any_type,
             said JSON, done BOOLEAN, moment DATETIME)",
    );
    let conn = &mut conn;
    run(
        conn,
        "INSERT INTO odd_ones (name, half, any_type, said, done, moment) VALUES
             (NULL, 9e999, x'00ff', '{\"a\": [1, null]}', 1, '2026-01-31 10:00:00'),
             (x'61', -9e999, 9223372036854775807, 'no json', 'maybe', 1700000000),
             ('c', 'text', CAST(x'ff' AS TEXT), NULL, 2, 'now')",
    );
    let rows: Vec<Option<Value>> = read(conn).into_iter().map(|change| change.new).collect();
    assert_eq!(
        rows[0],
        Some(
            json!({"name": null, "half": "Infinity", "twice": "Infinity", "any_type": "\\x00ff",
            "said": {"a": [1, null]}, "done": true, "moment": "2026-01-31T10:00:00"})
        )
    );
    assert_eq!(
        rows[1],
        Some(
            json!({"name": "\\x61", "half": "-Infinity", "twice": "-Infinity",
            "any_type": i64::MAX, "said": "no json", "done": "maybe", "moment": 1_700_000_000})
        )
    );
    // Bytes that are no text do not stop the feed.
    assert_eq!(rows.len(), 3);
}

#[test]
fn names_may_be_odd_and_columns_many() {
    let db = TestDb::new();
    let conn = &mut db.connect();
    let columns: Vec<String> = (0..500)
        .map(|n| format!("\"c'{n}\" TEXT DEFAULT 'x{n}'"))
        .collect();
    run(
        conn,
        &format!(
            "CREATE TABLE \"it's a `table`\" (id INTEGER PRIMARY KEY, {})",
            columns.join(", ")
        ),
    );
    let log = ChangeLog::new().table::<odd_names::table>(Capture::Rows);
    assert_eq!(log.install(conn).unwrap().added, ["it's a `table`"]);
    assert_eq!(log.install(conn).unwrap(), Default::default());
    run(conn, "INSERT INTO \"it's a `table`\" (id) VALUES (7)");
    let [change] = &read(conn)[..] else {
        panic!("one change");
    };
    assert_eq!(change.table, "it's a `table`");
    let new = change.new.as_ref().unwrap();
    assert_eq!((&new["id"], &new["c'499"]), (&json!(7), &json!("x499")));
    assert_eq!(
        ChangeLog::new().install(conn).unwrap().removed,
        ["it's a `table`"]
    );
}

#[test]
fn a_column_can_be_dropped_after_the_log_is_taken_off() {
    let (_db, mut conn) =
        logged("CREATE TABLE odd_ones (name TEXT PRIMARY KEY NOT NULL, half REAL, more TEXT)");
    let conn = &mut conn;
    ChangeLog::new().install(conn).unwrap();
    run(conn, "ALTER TABLE odd_ones DROP COLUMN more");
    log().install(conn).unwrap();
    run(conn, "INSERT INTO odd_ones VALUES ('a', 1)");
    assert_eq!(read(conn)[1].new, Some(json!({"name": "a", "half": 1.0})));
}

#[test]
fn a_renamed_table_is_noticed() {
    let (_db, mut conn) = logged("CREATE TABLE odd_ones (name TEXT PRIMARY KEY NOT NULL)");
    let conn = &mut conn;
    run(
        conn,
        "ALTER TABLE odd_ones RENAME TO older; CREATE TABLE odd_ones (name TEXT PRIMARY KEY NOT NULL)",
    );
    assert_eq!(log().install(conn).unwrap().mended, ["odd_ones"]);
    run(
        conn,
        "INSERT INTO older VALUES ('old'); INSERT INTO odd_ones VALUES ('new')",
    );
    assert_eq!(in_short(conn)[1..], [(Operation::Insert, json!("new"))]);
}

#[test]
fn a_trigger_that_is_younger_than_those_of_the_log_comes_after_them() {
    let (_db, mut conn) =
        logged("CREATE TABLE odd_ones (name TEXT PRIMARY KEY NOT NULL, half REAL)");
    let conn = &mut conn;
    run(
        conn,
        "CREATE TRIGGER touch AFTER INSERT ON odd_ones BEGIN
             UPDATE odd_ones SET half = 1 WHERE name = NEW.name; END",
    );
    assert_eq!(log().install(conn).unwrap().mended, ["odd_ones"]);
    assert_eq!(log().install(conn).unwrap(), Default::default());
    read(conn);
    run(conn, "INSERT INTO odd_ones (name) VALUES ('a')");
    let name = json!("a");
    assert_eq!(
        in_short(conn),
        [(Operation::Insert, name.clone()), (Operation::Update, name)]
    );
}

#[test]
fn what_a_killed_transaction_left_in_the_log_is_found_and_mended() {
    let (db, mut conn) = logged("CREATE TABLE odd_ones (name TEXT PRIMARY KEY NOT NULL)");
    let conn = &mut conn;
    // As after a COMMIT by hand in `without`, and a kill.
    run(
        conn,
        "UPDATE __covara_changes_state SET muted = 1; INSERT INTO odd_ones VALUES ('a')",
    );
    let ran = crate::suite::command::covara(&["doctor", "--json", "--database-url", &db.url()]);
    let found = ran.json()["findings"].to_string();
    assert!(found.contains("odd_ones are not logged"), "{found}");
    assert_eq!(log().install(conn).unwrap().mended, ["odd_ones"]);
    run(conn, "INSERT INTO odd_ones VALUES ('b')");
    let operations: Vec<_> = in_short(conn).into_iter().map(|it| it.0).collect();
    assert_eq!(operations, [Operation::All, Operation::Insert]);
}

#[test]
fn numbers_go_on_after_the_log_was_emptied_by_hand() {
    let (_db, mut conn) = logged("CREATE TABLE odd_ones (name TEXT PRIMARY KEY NOT NULL)");
    let conn = &mut conn;
    run(conn, "INSERT INTO odd_ones VALUES ('a'), ('b'), ('c')");
    assert_eq!(read(conn).len(), 3);
    run(conn, "DELETE FROM __covara_changes");
    assert_eq!(log().install(conn).unwrap().mended, ["odd_ones"]);
    run(conn, "INSERT INTO odd_ones VALUES ('d')");
    assert_eq!(read(conn).len(), 2);
    // A number at the end of all numbers.
    run(
        conn,
        "UPDATE __covara_changes SET number = 9223372036854775807 WHERE key LIKE '%d%';
         INSERT INTO odd_ones VALUES ('e')",
    );
}

#[test]
fn work_that_ends_its_transaction_gets_its_changes_again() {
    let (_db, mut conn) = logged("CREATE TABLE odd_ones (name TEXT PRIMARY KEY NOT NULL)");
    let conn = &mut conn;
    run(conn, "INSERT INTO odd_ones VALUES ('a'), ('b'), ('c')");
    let mut calls = 0;
    let done = log().feed("copier").process(conn, 10, |conn, _| {
        calls += 1;
        match calls {
            2 => conn.batch_execute("ROLLBACK"),
            _ => Ok(()),
        }
    });
    assert!(done.is_err(), "{done:?}");
    let all = log()
        .feed("copier")
        .process(conn, 10, |_, _| Ok::<_, ChangeError>(()));
    assert_eq!(all.unwrap(), 3);
}

#[test]
fn a_row_that_no_log_could_hold_is_written() {
    let (_db, mut conn) =
        logged("CREATE TABLE odd_ones (name TEXT PRIMARY KEY NOT NULL, data BLOB)");
    let conn = &mut conn;
    run(
        conn,
        "INSERT INTO odd_ones VALUES ('a', zeroblob(510000000))",
    );
    let [change] = &read(conn)[..] else {
        panic!("one change");
    };
    assert_eq!((&change.key, &change.new), (&json!({"name": "a"}), &None));
}

#[test]
fn a_table_may_be_spelled_in_other_capitals() {
    diesel::table! {
        #[sql_name = "Odd_Ones"]
        spelled (name) {
            name -> Text,
        }
    }
    let (_db, mut conn) = logged("CREATE TABLE odd_ones (name TEXT PRIMARY KEY NOT NULL)");
    let conn = &mut conn;
    let spelled = ChangeLog::new().table::<spelled::table>(Capture::Rows);
    let installed = spelled.install(conn).unwrap();
    assert_eq!(installed.added, ["Odd_Ones"]);
    assert_eq!(spelled.install(conn).unwrap(), Default::default());
    run(conn, "INSERT INTO odd_ones VALUES ('a')");
    assert_eq!(in_short(conn), [(Operation::Insert, json!("a"))]);
}

#[test]
fn a_transaction_that_is_committed_by_hand_leaves_no_actor_behind() {
    let (_db, mut conn) = logged("CREATE TABLE odd_ones (name TEXT PRIMARY KEY NOT NULL)");
    let conn = &mut conn;
    let done = log().without(conn, |conn| conn.batch_execute("COMMIT"));
    assert!(done.is_err());
    let conn = &mut _db.connect();
    run(conn, "INSERT INTO odd_ones VALUES ('a')");
    assert_eq!(in_short(conn), [(Operation::Insert, json!("a"))]);
}

#[test]
fn waiting_for_a_busy_pool_ends_in_time() {
    let db = TestDb::new();
    let pool = crate::backend::pool_of_one(&db.url());
    let _held = pool.get().unwrap();
    let waited = support::bounded::within(Duration::from_secs(20), "waiting", move || {
        log().feed("waiter").wait(&pool, Duration::from_millis(10))
    });
    assert!(matches!(waited, Err(ChangeError::Pool(_))), "{waited:?}");
}
