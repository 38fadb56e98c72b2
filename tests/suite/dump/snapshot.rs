//! All tables are read in one state of the database.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use covara_diesel::dump::{Dump, Format};
use covara_diesel::write_transaction;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;

use super::helpers::{dumped, text};
use crate::backend::{self, TestDb};

#[test]
fn tables_that_are_written_together_agree() {
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute(
        "CREATE TABLE first (id BIGINT PRIMARY KEY NOT NULL, n BIGINT NOT NULL);
         CREATE TABLE second (id BIGINT PRIMARY KEY NOT NULL, n BIGINT NOT NULL);
         INSERT INTO first VALUES (1, 0); INSERT INTO second VALUES (1, 0)",
    )
    .unwrap();
    let is_over = AtomicBool::new(false);
    let states = std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut conn = db.connect();
            backend::wait_for_writers(&mut conn);
            while !is_over.load(Ordering::Relaxed) {
                write_transaction(&mut conn, |conn| {
                    conn.batch_execute("UPDATE first SET n = n + 1; UPDATE second SET n = n + 1")
                })
                .unwrap();
                // Without a log, SQLite lets readers in between writers only.
                std::thread::sleep(Duration::from_millis(2));
            }
        });
        backend::wait_for_writers(&mut conn);
        let directory = support::temporary::tempdir().unwrap();
        let dump = Dump::new().table("first").table("second");
        let states: Vec<[String; 2]> = (0..20)
            .map(|_| {
                dump.to_directory(&mut conn, directory.path()).unwrap();
                ["first", "second"].map(|table| {
                    let path = directory.path().join(format!("{table}.csv"));
                    std::fs::read_to_string(path).unwrap()
                })
            })
            .collect();
        is_over.store(true, Ordering::Relaxed);
        states
    });
    assert!(
        states.iter().all(|[first, second]| first == second),
        "{states:?}"
    );
    // The writer was not kept waiting all the time.
    assert_ne!(states.first(), states.last());
}

#[test]
fn inside_a_transaction_its_own_rows_are_dumped_and_it_goes_on() {
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute("CREATE TABLE notes (id BIGINT PRIMARY KEY NOT NULL)")
        .unwrap();
    conn.transaction(|conn| {
        conn.batch_execute("INSERT INTO notes VALUES (1)")?;
        assert_eq!(text(conn, "notes", Format::Csv), "id\n1\n");
        assert!(dumped(conn, "nothing", Format::Csv).is_err());
        conn.batch_execute("INSERT INTO notes VALUES (2)")
    })
    .unwrap();
    assert_eq!(text(&mut conn, "notes", Format::Csv), "id\n1\n2\n");
    let undone = conn.transaction(|conn| {
        conn.batch_execute("INSERT INTO notes VALUES (3)")?;
        assert_eq!(text(conn, "notes", Format::Csv), "id\n1\n2\n3\n");
        Err::<(), _>(diesel::result::Error::RollbackTransaction)
    });
    assert!(undone.is_err());
    assert_eq!(text(&mut conn, "notes", Format::Csv), "id\n1\n2\n");
}
