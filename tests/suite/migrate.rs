//! Boot-time migrations.

use std::sync::{Arc, Barrier};
use std::thread;

use covara_diesel::{ErrorKind, INTERNAL_TABLE_NAMES, MigrateError, auto_migrate};
use diesel::connection::{InstrumentationEvent, SimpleConnection};
use diesel::prelude::*;
use support::workers;

use super::{chain, count, number};
use crate::backend::{self, Conn, TestDb};

#[test]
fn a_first_boot_makes_the_tables_and_a_second_does_nothing() {
    let db = TestDb::new();
    let mut conn = db.connect();
    let first = auto_migrate(&mut conn).unwrap();
    assert_eq!(first.dialect, backend::DIALECT);
    assert_eq!(first.tables, INTERNAL_TABLE_NAMES);
    assert_eq!(
        first.applied,
        [
            "20261122000001",
            "20261122000002",
            "20261122000003",
            "20261122000004"
        ]
    );
    let second = auto_migrate(&mut conn).unwrap();
    assert!(second.applied.is_empty());
    assert_eq!(second.tables, INTERNAL_TABLE_NAMES);
    for table in INTERNAL_TABLE_NAMES {
        assert_eq!(count(&mut conn, table), 0);
    }
    // Through a pooled connection as well.
    let pool = backend::pool(&db.url());
    assert!(
        auto_migrate(&mut pool.get().unwrap())
            .unwrap()
            .applied
            .is_empty()
    );
}

#[test]
fn an_idle_boot_takes_few_queries() {
    use std::sync::atomic::{AtomicUsize, Ordering};
    static QUERIES: AtomicUsize = AtomicUsize::new(0);

    let db = TestDb::new();
    let mut conn = db.connect();
    auto_migrate(&mut conn).unwrap();
    conn.set_instrumentation(|event: InstrumentationEvent<'_>| {
        if let InstrumentationEvent::StartQuery { .. } = event {
            QUERIES.fetch_add(1, Ordering::Relaxed);
        }
    });
    auto_migrate(&mut conn).unwrap();
    assert_eq!(
        QUERIES.load(Ordering::Relaxed),
        backend::QUERIES_OF_AN_IDLE_BOOT
    );
}

pub(super) fn assert_migrated_once(conn: &mut Conn) {
    assert_eq!(count(conn, "__covara_migrations"), 4);
    assert_eq!(
        number(
            conn,
            "SELECT count(DISTINCT version) AS n FROM __covara_migrations"
        ),
        4
    );
    assert_eq!(internal_tables(conn), 4);
}

pub(super) fn internal_tables(conn: &mut Conn) -> usize {
    backend::tables(conn)
        .iter()
        .filter(|table| INTERNAL_TABLE_NAMES.contains(&table.as_str()))
        .count()
}

#[test]
fn eight_processes_boot_at_once() {
    for _ in 0..20 {
        let db = TestDb::new();
        let applied: usize = workers::run(env!("CARGO_BIN_EXE_worker"), &db.url(), 8, |n| {
            if n % 2 == 0 {
                "migrate"
            } else {
                "migrate-pooled"
            }
        })
        .iter()
        .map(|printed| printed.parse::<usize>().unwrap())
        .sum();
        assert_eq!(applied, 4, "each version is applied by one process");
        assert_migrated_once(&mut db.connect());
    }
}

#[test]
fn eight_threads_boot_at_once() {
    for _ in 0..20 {
        let db = TestDb::new();
        let start = Arc::new(Barrier::new(8));
        let threads: Vec<_> = (0..8)
            .map(|_| {
                let (mut conn, start) = (db.connect(), Arc::clone(&start));
                thread::spawn(move || {
                    start.wait();
                    auto_migrate(&mut conn).unwrap().applied.len()
                })
            })
            .collect();
        let applied: usize = threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .sum();
        assert_eq!(applied, 4);
        assert_migrated_once(&mut db.connect());
    }
}

/// A constraint may be named in the words of a time-out, and nothing waited.
#[test]
fn the_names_of_constraints_are_no_words_of_the_database() {
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute(
        "CREATE TABLE __covara_migrations (version TEXT PRIMARY KEY, name TEXT NOT NULL,
             applied_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
             CONSTRAINT \"database is locked, readonly database, lock timeout\"
                 CHECK (version <> '20261122000003'))",
    )
    .unwrap();
    let error = auto_migrate(&mut conn).unwrap_err();
    assert!(matches!(error, MigrateError::Migration { .. }), "{error:?}");
    assert_eq!(error.kind(), Some(ErrorKind::Other));
    assert!(chain(&error).contains("lock timeout"), "{}", chain(&error));
}

#[test]
fn a_failing_migration_leaves_nothing_behind() {
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute(
        "CREATE TABLE __covara_migrations (version TEXT PRIMARY KEY NOT NULL, name TEXT NOT NULL,
             applied_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
             CONSTRAINT not_the_third CHECK (version <> '20261122000003'))",
    )
    .unwrap();
    let before = backend::tables(&mut conn);
    let error = auto_migrate(&mut conn).unwrap_err();
    let MigrateError::Migration { version, name, .. } = &error else {
        panic!("{error:?}");
    };
    assert_eq!(version, "20261122000003");
    assert_eq!(name, "2026-11-22-000003_create_auth_api_keys");
    assert!(error.to_string().contains("20261122000003"), "{error}");
    let text = chain(&error);
    assert!(text.contains("not_the_third"), "{text}");
    assert_eq!(text.matches("2026-11-22-000003").count(), 1, "{text}");
    assert_eq!(backend::tables(&mut conn), before);

    // The connection is fit for use, and once the cause is gone everything is made.
    conn.batch_execute("DROP TABLE __covara_migrations")
        .unwrap();
    assert_eq!(auto_migrate(&mut conn).unwrap().applied.len(), 4);
}

/// Each is a way in which a table made by somebody else does not fit.
#[test]
fn a_table_that_does_not_fit_is_refused_by_name() {
    let session = |columns: &str| format!("CREATE TABLE auth_sessions ({columns})");
    let (time, text) = (backend::TIME, "TEXT");
    let cases = [
        (
            session(&format!(
                "id TEXT PRIMARY KEY NOT NULL, \"userId\" TEXT NOT NULL, \"createdAt\" {time} NOT NULL, \"expiresAt\" {time} NOT NULL"
            )),
            ("auth_sessions", "data"),
        ),
        (
            session(&format!(
                "id TEXT PRIMARY KEY NOT NULL, \"userId\" TEXT NOT NULL, \"createdAt\" {time} NOT NULL, \"expiresAt\" {text} NOT NULL, data TEXT"
            )),
            ("auth_sessions", "expiresAt"),
        ),
        (
            session(&format!(
                "id TEXT PRIMARY KEY NOT NULL, \"userId\" TEXT, \"createdAt\" {time} NOT NULL, \"expiresAt\" {time} NOT NULL, data TEXT"
            )),
            ("auth_sessions", "userId"),
        ),
        (
            session(&format!(
                "id TEXT NOT NULL, \"userId\" TEXT NOT NULL, \"createdAt\" {time} NOT NULL, \"expiresAt\" {time} NOT NULL, data TEXT"
            )),
            ("auth_sessions", "id"),
        ),
        (
            session(&format!(
                "id TEXT PRIMARY KEY NOT NULL, \"userId\" TEXT NOT NULL, \"createdAt\" {time} NOT NULL, \"expiresAt\" {time} NOT NULL, data TEXT, device TEXT NOT NULL"
            )),
            ("auth_sessions", "device"),
        ),
        (
            format!(
                "CREATE TABLE auth_verification_tokens (identifier TEXT NOT NULL, token TEXT NOT NULL, expires {time} NOT NULL, PRIMARY KEY (token, identifier))"
            ),
            ("auth_verification_tokens", "identifier"),
        ),
    ];
    for (sql, (table, column)) in cases {
        let db = TestDb::new();
        let mut conn = db.connect();
        conn.batch_execute(&sql).unwrap();
        let before = backend::tables(&mut conn);
        match auto_migrate(&mut conn) {
            Err(
                ref error @ MigrateError::ColumnMismatch {
                    table: ref t,
                    column: ref c,
                    ..
                },
            ) => {
                assert_eq!((t.as_str(), c.as_str()), (table, column), "{sql}");
                let text = error.to_string();
                assert!(text.contains(table) && text.contains(column), "{text}");
            }
            other => panic!("{sql}: {other:?}"),
        }
        assert_eq!(
            backend::tables(&mut conn),
            before,
            "nothing is made beside it"
        );
    }
}

#[test]
fn a_table_changed_after_its_migration_is_refused_at_the_next_boot() {
    let db = TestDb::new();
    let mut conn = db.connect();
    auto_migrate(&mut conn).unwrap();
    conn.batch_execute("ALTER TABLE auth_sessions ADD COLUMN device TEXT")
        .unwrap();
    auto_migrate(&mut conn).expect("a column more that may be NULL does no harm");
    conn.batch_execute("ALTER TABLE auth_sessions RENAME COLUMN data TO payload")
        .unwrap();
    let error = auto_migrate(&mut conn).unwrap_err();
    assert!(
        matches!(&error, MigrateError::ColumnMismatch { table, column, .. }
            if table == "auth_sessions" && column == "data"),
        "{error:?}"
    );
    conn.batch_execute("DROP TABLE auth_api_keys").unwrap();
    conn.batch_execute("ALTER TABLE auth_sessions RENAME COLUMN payload TO data")
        .unwrap();
    let error = auto_migrate(&mut conn).unwrap_err();
    assert!(
        matches!(&error, MigrateError::MissingTable { table } if table == "auth_api_keys"),
        "{error:?}"
    );
}
