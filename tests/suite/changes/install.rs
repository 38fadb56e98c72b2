//! Installing the log, again and in many processes, and what it repairs.

use covara_diesel::changes::{Capture, ChangeDatabase, ChangeError, ChangeLog, Operation};
use covara_diesel::{DatabaseConnection, auto_migrate};
use serde_json::{Value, json};
use support::workers;

use super::{item_log, items, logged, read, run};
use crate::backend::TestDb;
use crate::suite::number;

diesel::table! {
    missing (id) {
        id -> BigInt,
    }
}

diesel::table! {
    keyless (id) {
        id -> BigInt,
    }
}

#[test]
fn installing_again_does_nothing() {
    let db = TestDb::new();
    let conn = &mut db.connect();
    run(conn, super::helpers::CREATE);
    assert_eq!(item_log().install(conn).unwrap().added, ["items"]);
    run(conn, "INSERT INTO items VALUES (1, 'a')");
    let again = item_log().install(conn).unwrap();
    assert_eq!(again, Default::default());
    assert_eq!(read(conn).len(), 1);
}

#[test]
fn a_table_that_is_no_longer_listed_is_no_longer_logged() {
    let (_db, mut conn) = logged();
    let conn = &mut conn;
    let removed = ChangeLog::new().install(conn).unwrap();
    assert_eq!(removed.removed, ["items"]);
    assert_eq!(ChangeLog::new().install(conn).unwrap(), Default::default());
    run(conn, "INSERT INTO items VALUES (1, 'a')");
    assert_eq!(read(conn), []);

    // What came in between is not in the log, and the log tells so.
    assert_eq!(item_log().install(conn).unwrap().added, ["items"]);
    let all = (Operation::All, Value::Null, None, None);
    assert_eq!(read(conn), [all]);
}

#[test]
fn a_table_that_was_made_anew_is_logged_again_and_to_be_read_again() {
    let (_db, mut conn) = logged();
    let conn = &mut conn;
    run(conn, "INSERT INTO items VALUES (1, 'a')");
    assert_eq!(read(conn).len(), 1);
    run(
        conn,
        "CREATE TABLE new_items (id BIGINT PRIMARY KEY NOT NULL, name TEXT NOT NULL);
         INSERT INTO new_items SELECT * FROM items;
         DROP TABLE items;
         ALTER TABLE new_items RENAME TO items;
         INSERT INTO items VALUES (2, 'b')",
    );
    let installed = item_log().install(conn).unwrap();
    assert_eq!(installed.mended, ["items"]);
    run(conn, "INSERT INTO items VALUES (3, 'c')");
    let [(all, ..), (insert, key, ..)] = &read(conn)[..] else {
        panic!("two changes");
    };
    assert_eq!(
        (*all, *insert, key),
        (Operation::All, Operation::Insert, &json!({"id": 3}))
    );
    assert_eq!(item_log().install(conn).unwrap(), Default::default());
}

#[test]
fn another_column_is_in_the_log_after_the_next_installation() {
    let (_db, mut conn) = logged();
    let conn = &mut conn;
    run(conn, "ALTER TABLE items ADD COLUMN size BIGINT");
    assert_eq!(item_log().install(conn).unwrap().mended, ["items"]);
    run(conn, "INSERT INTO items VALUES (1, 'a', 5)");
    let (_, _, _, new) = &read(conn)[1];
    assert_eq!(*new, Some(json!({"id": 1, "name": "a", "size": 5})));
}

#[test]
fn a_log_that_was_dropped_goes_on_above_what_feeds_have_read() {
    let (_db, mut conn) = logged();
    let conn = &mut conn;
    run(conn, "INSERT INTO items VALUES (1, 'a'), (2, 'b')");
    assert_eq!(read(conn).len(), 2);
    run(conn, "DROP TABLE __covara_changes");
    assert_eq!(item_log().install(conn).unwrap().mended, ["items"]);
    run(conn, "INSERT INTO items VALUES (3, 'c')");
    let operations: Vec<Operation> = read(conn).into_iter().map(|it| it.0).collect();
    assert_eq!(operations, [Operation::All, Operation::Insert]);
}

#[test]
fn what_cannot_be_logged_is_said_and_nothing_changes() {
    let (_db, mut conn) = logged();
    let conn = &mut conn;
    let error = ChangeLog::new()
        .table::<missing::table>(Capture::Keys)
        .install(conn)
        .unwrap_err();
    assert!(
        matches!(&error, ChangeError::NoTable { table } if table == "missing"),
        "{error}"
    );
    run(conn, "CREATE TABLE keyless (id BIGINT)");
    let error = ChangeLog::new()
        .table::<keyless::table>(Capture::Keys)
        .install(conn)
        .unwrap_err();
    assert!(
        matches!(&error, ChangeError::NoKey { table } if table == "keyless"),
        "{error}"
    );
    run(conn, "INSERT INTO items VALUES (1, 'a')");
    assert_eq!(read(conn).len(), 1);
}

#[test]
fn without_a_log_its_feeds_say_so() {
    let db = TestDb::new();
    let conn = &mut db.connect();
    let error = item_log().feed("reader").next(conn, 1).unwrap_err();
    assert!(matches!(error, ChangeError::NotInstalled), "{error:?}");
}

#[test]
fn a_table_is_listed_once() {
    let (_db, mut conn) = logged();
    let conn = &mut conn;
    let log = item_log().table::<items::table>(Capture::Keys);
    assert_eq!(log.install(conn).unwrap().mended, ["items"]);
    run(conn, "INSERT INTO items VALUES (1, 'a')");
    let (_, key, _, new) = &read(conn)[1];
    assert_eq!((key, new), (&json!({"id": 1}), &None));
}

/// What a program may do on whatever typed connection it is given.
fn boot<C: DatabaseConnection + ChangeDatabase>(conn: &mut C) -> Result<usize, ChangeError> {
    auto_migrate(conn).unwrap();
    item_log().install(conn)?;
    conn.batch_execute("INSERT INTO items VALUES (1, 'a')")?;
    let batch = item_log().feed("generic").next(conn, 10)?;
    batch.done(conn)?;
    Ok(batch.len())
}

#[test]
fn a_function_that_is_generic_over_its_connection_has_a_log() {
    let db = TestDb::new();
    let conn = &mut db.connect();
    run(conn, super::helpers::CREATE);
    assert_eq!(boot(conn).unwrap(), 1);
}

#[test]
fn eight_processes_install_a_log_at_once() {
    let db = TestDb::new();
    let conn = &mut db.connect();
    run(conn, support::changes::CREATE);
    let worker = env!("CARGO_BIN_EXE_worker");
    let said = workers::run(worker, &db.url(), 8, |_| "changes-install-pooled");
    let added = said.iter().filter(|said| said.contains("accounts")).count();
    assert_eq!(added, 1, "{said:?}");
    run(conn, "INSERT INTO accounts VALUES (1, 1)");
    assert_eq!(
        number(conn, "SELECT count(*) AS n FROM __covara_changes"),
        1
    );
}
