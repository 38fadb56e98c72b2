//! The library's migrations and the application's in one call.

use covara_diesel::{Boot, Dialect, MigrateError};
use diesel::connection::SimpleConnection;
use diesel_migrations::EmbeddedMigrations;
use support::{boot, workers};

use super::helpers::url_to_open;
use super::{chain, count, number};
use crate::backend::{self, Conn, TestDb};

/// Whether migrations outside of transactions can be run.
fn has_session_locks(conn: &Conn) -> bool {
    covara_diesel::BackendConnection::has_session_locks(conn)
}

fn plain() -> Boot {
    boot::boot_with(|| boot::PLAIN)
}

#[test]
fn a_first_boot_runs_internal_and_own_migrations_and_a_second_none() {
    let db = TestDb::new();
    let mut conn = db.connect();
    let first = plain().run(&mut conn).unwrap();
    assert_eq!(first.dialect, backend::DIALECT);
    assert_eq!(first.applied.len(), 4);
    assert_eq!(first.application, ["20260101000001", "20260101000002"]);
    assert_eq!(
        number(
            &mut conn,
            "SELECT count(*) AS n FROM authors WHERE name = 'O''Brien; --'"
        ),
        1
    );
    let second = plain().run(&mut conn).unwrap();
    assert!(second.applied.is_empty() && second.application.is_empty());
    let pool = backend::pool(&db.url());
    let pooled = plain().run(&mut pool.get().unwrap()).unwrap();
    assert!(pooled.application.is_empty());
    let mut any = covara_diesel::open(url_to_open(db.url()))
        .unwrap()
        .get()
        .unwrap();
    assert!(plain().run(&mut any).unwrap().application.is_empty());
}

#[test]
fn eight_processes_boot_with_the_applications_migrations() {
    let db = TestDb::new();
    let conn = db.connect();
    let job = if has_session_locks(&conn) {
        "boot"
    } else {
        "boot-plain"
    };
    let own = if has_session_locks(&conn) { 3 } else { 2 };
    drop((conn, db));
    for _ in 0..20 {
        let db = TestDb::new();
        let printed = workers::run(env!("CARGO_BIN_EXE_worker"), &db.url(), 8, |_| job);
        let sum = |position: usize| -> usize {
            let numbers = printed
                .iter()
                .map(|line| line.split(' ').nth(position).unwrap());
            numbers.map(|number| number.parse::<usize>().unwrap()).sum()
        };
        assert_eq!(
            (sum(0), sum(1)),
            (4, own),
            "each is run by one process: {printed:?}"
        );
        let mut conn = db.connect();
        assert_eq!(
            count(&mut conn, "__diesel_schema_migrations"),
            i64::try_from(own).unwrap()
        );
        assert_eq!(count(&mut conn, "authors"), 1);
    }
}

#[test]
fn a_migration_that_fails_is_named_and_not_kept_and_those_before_it_are() {
    let db = TestDb::new();
    let mut conn = db.connect();
    for _ in 0..2 {
        let error = boot::boot_with(|| boot::FAILING)
            .run(&mut conn)
            .unwrap_err();
        let MigrateError::Migration { version, name, .. } = &error else {
            panic!("{error:?}");
        };
        assert_eq!(version, "20260101000002");
        assert_eq!(name, "2026-01-01-000002_broken");
        assert!(chain(&error).contains("nowhere"), "{}", chain(&error));
        let tables = backend::tables(&mut conn);
        assert!(tables.contains(&"fine".to_owned()) && !tables.contains(&"half".to_owned()));
        assert_eq!(count(&mut conn, "__diesel_schema_migrations"), 1);
    }
}

#[test]
fn migrations_of_two_crates_are_run_in_one_order_and_no_version_twice() {
    fn two(second: EmbeddedMigrations) -> Boot {
        Boot::new()
            .migrations(backend::DIALECT, boot::PLAIN)
            .migrations(backend::DIALECT, second)
    }
    let db = TestDb::new();
    let mut conn = db.connect();
    let error = two(boot::FAILING).run(&mut conn).unwrap_err();
    assert!(
        matches!(&error, MigrateError::VersionTwice { version } if version == "20260101000001"),
        "{error:?}"
    );
    assert!(!backend::tables(&mut conn).contains(&"authors".to_owned()));
}

#[test]
fn migrations_for_the_other_dialect_only_are_an_error() {
    let db = TestDb::new();
    let other = match backend::DIALECT {
        Dialect::Sqlite => Dialect::Postgres,
        Dialect::Postgres => Dialect::Sqlite,
    };
    let boot = Boot::new().migrations(other, boot::PLAIN);
    let error = boot.run(&mut db.connect()).unwrap_err();
    assert!(
        error.to_string().contains(&backend::DIALECT.to_string()),
        "{error}"
    );
    let nothing = Boot::new().run(&mut db.connect()).unwrap();
    assert!(nothing.application.is_empty());
}

#[test]
fn versions_that_the_program_does_not_know_stay_as_they_are() {
    let db = TestDb::new();
    let mut conn = db.connect();
    plain().run(&mut conn).unwrap();
    conn.batch_execute(
        "INSERT INTO __diesel_schema_migrations (version) VALUES ('20990101000000');
         DELETE FROM __diesel_schema_migrations WHERE version = '20260101000002';
         DROP TABLE books; DELETE FROM authors",
    )
    .unwrap();
    assert_eq!(
        plain().run(&mut conn).unwrap().application,
        ["20260101000002"]
    );
    assert_eq!(count(&mut conn, "__diesel_schema_migrations"), 3);
}

#[test]
fn a_migration_outside_of_transactions_runs_once_or_is_refused() {
    let db = TestDb::new();
    let mut conn = db.connect();
    let booted = boot::boot().run(&mut conn);
    if has_session_locks(&conn) {
        assert_eq!(booted.unwrap().application.len(), 3);
        assert!(backend::tables(&mut conn).contains(&"books_author".to_owned()));
        assert!(boot::boot().run(&mut conn).unwrap().application.is_empty());
    } else {
        let error = booted.unwrap_err();
        assert!(
            matches!(&error, MigrateError::OutsideTransaction { version, .. }
                if version == "20260101000003"),
            "{error:?}"
        );
        assert_eq!(count(&mut conn, "__diesel_schema_migrations"), 2);
    }
}

#[test]
fn a_column_of_the_applications_own_with_a_default_is_fine() {
    let db = TestDb::new();
    let mut conn = db.connect();
    Boot::new().run(&mut conn).unwrap();
    conn.batch_execute("ALTER TABLE auth_sessions ADD COLUMN tenant TEXT NOT NULL DEFAULT 'none'")
        .unwrap();
    assert!(Boot::new().run(&mut conn).unwrap().applied.is_empty());
}
