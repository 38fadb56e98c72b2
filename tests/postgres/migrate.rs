use std::sync::Barrier;

use covara_diesel::{ErrorKind, POSTGRES_MIGRATIONS, SQLITE_MIGRATIONS, auto_migrate};
use diesel::connection::SimpleConnection;
use diesel::migration::{Migration, MigrationSource};
use diesel::pg::Pg;
use diesel::prelude::*;
use support::boot;
use support::postgres::TestDb;

use crate::suite::{count, number};

#[test]
fn both_dialects_have_the_same_migrations() {
    let names = |source: &diesel_migrations::EmbeddedMigrations| -> Vec<String> {
        let migrations: Vec<Box<dyn Migration<Pg>>> = source.migrations().unwrap();
        migrations
            .iter()
            .map(|migration| migration.name().to_string())
            .collect()
    };
    assert_eq!(names(&POSTGRES_MIGRATIONS), names(&SQLITE_MIGRATIONS));
}

/// A snapshot taken before the lock would show an old history.
#[test]
fn a_stricter_default_isolation_does_not_spoil_concurrent_boots() {
    for isolation in ["repeatable read", "serializable"] {
        for _ in 0..5 {
            let db = TestDb::new();
            let start = Barrier::new(8);
            std::thread::scope(|scope| {
                for _ in 0..8 {
                    scope.spawn(|| {
                        let mut conn = db.connect();
                        conn.batch_execute(&format!(
                            "SET default_transaction_isolation = '{isolation}'"
                        ))
                        .unwrap();
                        start.wait();
                        auto_migrate(&mut conn).unwrap();
                    });
                }
            });
            assert_eq!(count(&mut db.connect(), "__covara_migrations"), 4);
        }
    }
}

#[test]
fn a_search_path_with_pg_catalog_first_is_an_error_that_says_so() {
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute("SET search_path = pg_catalog, public")
        .unwrap();
    let error = auto_migrate(&mut conn).unwrap_err();
    assert_eq!(error.kind(), Some(ErrorKind::SystemSchema), "{error:?}");
    assert!(error.to_string().contains("search_path"), "{error}");
}

#[test]
fn tables_live_in_the_first_schema_of_the_search_path() {
    let db = TestDb::new();
    let mut conn = db.connect();
    auto_migrate(&mut conn).unwrap();
    conn.batch_execute("CREATE SCHEMA \"a tenant's\"; SET search_path = \"a tenant's\", public")
        .unwrap();
    assert_eq!(auto_migrate(&mut conn).unwrap().applied.len(), 4);
    assert!(auto_migrate(&mut conn).unwrap().applied.is_empty());
    let schemas = number(
        &mut conn,
        "SELECT count(*) AS n FROM pg_tables WHERE tablename = 'auth_sessions'",
    );
    assert_eq!(schemas, 2);
}

#[test]
fn a_caller_in_a_failed_transaction_gets_the_servers_error() {
    let db = TestDb::new();
    let mut conn = db.connect();
    let error = conn
        .transaction::<(), diesel::result::Error, _>(|conn| {
            conn.batch_execute("SELECT 1/0").unwrap_err();
            auto_migrate(conn).unwrap_err();
            Err(diesel::result::Error::RollbackTransaction)
        })
        .unwrap_err();
    assert_eq!(error, diesel::result::Error::RollbackTransaction);
    assert_eq!(auto_migrate(&mut conn).unwrap().applied.len(), 4);
}

/// As Diesel's own harness does: each schema has a history of its own, whatever comes behind it.
#[test]
fn a_schema_before_another_has_a_history_of_its_own() {
    let db = TestDb::new();
    let mut conn = db.connect();
    let run = |conn: &mut PgConnection| {
        let summary = boot::boot_with(|| boot::PLAIN).run(conn).unwrap();
        (summary.applied.len(), summary.application.len())
    };
    assert_eq!(run(&mut conn), (4, 2));
    conn.batch_execute("CREATE SCHEMA \"T 1\"; SET search_path = \"T 1\", public")
        .unwrap();
    assert_eq!(run(&mut conn), (4, 2));
    assert_eq!(run(&mut conn), (0, 0));
    for table in [
        "authors",
        "books",
        "auth_sessions",
        "__diesel_schema_migrations",
    ] {
        let query = format!(
            "SELECT count(*) AS n FROM pg_tables WHERE schemaname = 'T 1' AND tablename = '{table}'"
        );
        assert_eq!(number(&mut conn, &query), 1, "{table}");
    }
    conn.batch_execute("SET search_path = public").unwrap();
    assert_eq!(run(&mut conn), (0, 0));
    assert_eq!(count(&mut conn, "__diesel_schema_migrations"), 2);
}
